//! The values of commands: matchers, labels, annotations and times.

use campana_core::{
    label::{Matcher, Op, parse, quote::quote},
    time::{Stamp, Timestamp, duration, rfc3339::parse_rfc3339},
};

use crate::{
    model::{Pairs, When},
    session::{Failure, Session, now},
};

/// Reads the values of a query or a silence as texts that are one matcher each.
///
/// Only the first may be the name of an alert, or matchers in braces. A text that has an operator
/// and still is no matcher is refused: it is a typing error, not the strange name of an alert.
pub(crate) fn matcher_texts(session: &Session) -> Result<Vec<String>, Failure> {
    let Some((first, rest)) = session.values().split_first() else { return Ok(Vec::new()) };
    let mut texts = first_texts(session, first)?;
    texts.extend(rest.iter().cloned());
    Ok(texts)
}

/// As [`matcher_texts`], for a server that reads them; what is odd about them is told here.
pub(crate) fn filters(session: &Session) -> Result<Vec<String>, Failure> {
    let texts = matcher_texts(session)?;
    // What cannot be read is for the server to refuse, which may follow other rules.
    texts.iter().for_each(|text| drop(session.matcher(text)));
    Ok(texts)
}

fn first_texts(session: &Session, first: &str) -> Result<Vec<String>, Failure> {
    let Err(error) = parse::matcher(session.mode, first) else {
        return Ok(vec![first.to_owned()]);
    };
    if first.starts_with('{')
        && let Ok(parsed) = parse::matchers(session.mode, first)
        && !parsed.matchers.is_empty()
    {
        return Ok(parsed.matchers.iter().map(Matcher::to_string).collect());
    }
    let name = format!("alertname={}", quote(first));
    if first.contains('=') || first.contains("!~") || first.starts_with('{') {
        return Err(format!(
            "cannot read the matcher {}: {error}; for the alert of that name write {}",
            quote(first),
            shell(&name)
        ));
    }
    if first.contains(['{', '}', '"', '~', '!', ',']) {
        session.warn(format_args!("{} is taken as the name of an alert: {name}", quote(first)));
    }
    Ok(vec![name])
}

/// A text as a word for the shell.
fn shell(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// Reads the labels of an alert; the first value may be its name.
pub(crate) fn labels(session: &Session) -> Result<Pairs, Failure> {
    let mut labels = Pairs::new();
    for (i, text) in session.values().iter().enumerate() {
        let matcher = match session.matcher(text) {
            Err(_) if i == 0 && !text.contains('=') => {
                labels.insert("alertname".to_owned(), text.clone());
                continue;
            }
            matcher => matcher?,
        };
        if matcher.op() != Op::Equal {
            return Err("labels must be specified as key=value pairs".to_owned());
        }
        labels.insert(matcher.name().to_owned(), matcher.value().to_owned());
    }
    Ok(labels)
}

/// Reads the labels of a sample alert, all as pairs.
pub(crate) fn sample(session: &Session) -> Result<Pairs, Failure> {
    let mut labels = Pairs::new();
    for text in session.values() {
        let matcher = session.matcher(text).map_err(|e| format!("Failed to parse labels: {e}"))?;
        if matcher.op() != Op::Equal {
            return Err("Labels must be specified as key=value pairs".to_owned());
        }
        labels.insert(matcher.name().to_owned(), matcher.value().to_owned());
    }
    Ok(labels)
}

/// Reads `--annotation`.
pub(crate) fn annotations(session: &Session) -> Result<Pairs, Failure> {
    let mut all = Pairs::new();
    for text in session.list("annotation") {
        // A value may be anything, so it is not read as a matcher.
        let (name, value) =
            text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(|| {
                format!("annotations must be specified as key=value pairs: {}", quote(text))
            })?;
        let value = match value.strip_prefix('"').and_then(|v| v.strip_suffix('"')) {
            Some(_) => {
                campana_core::label::quote::unquote(value).unwrap_or_else(|| value.to_owned())
            }
            None => value.to_owned(),
        };
        all.insert(name.trim().to_owned(), value);
    }
    Ok(all)
}

/// Reads a flag that is a time.
pub(crate) fn time(session: &Session, name: &str) -> Result<Option<When>, Failure> {
    let Some(text) = session.optional(name) else { return Ok(None) };
    parse_rfc3339(text).map(|stamp| Some(When(stamp))).map_err(|e| e.to_string())
}

/// Reads `--duration`, counted from `start`.
pub(crate) fn end_after(start: Timestamp, text: &str) -> Result<When, Failure> {
    let span = duration::parse_prometheus(text).map_err(|e| e.to_string())?;
    if span.is_zero() {
        return Err("silence duration must be greater than 0".to_owned());
    }
    Ok(When(Stamp::utc(start + span)))
}

/// Returns the present as the API has it.
pub(crate) fn present() -> When {
    When(Stamp::utc(now()))
}
