//! Alertmanager's own template functions.

use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString as _},
    vec::Vec,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE};

use super::{
    clock::{Time, Zone},
    exec::Exec,
    json, layout, number, print,
    quote::{lossy, quote},
    value::{IntType, Safe, StringsType, Text, Val, Value},
};
use crate::{label::Regex, limits::TEMPLATE_OUTPUT_MAX};

type Result = core::result::Result<Val, String>;

fn text(args: &[Val], at: usize) -> Text {
    args.get(at).and_then(|arg| arg.value.as_text()).cloned().unwrap_or_default()
}

fn done(value: impl Into<Text>) -> Result {
    Ok(Value::Str(value.into()).into())
}

/// Maps each character to its counterpart of one character, as Go does; `ß` stays.
fn map_case<I: Iterator<Item = char> + ExactSizeIterator>(
    text: &str,
    map: impl Fn(char) -> I,
) -> String {
    text.chars()
        .map(|c| match (map(c).len(), map(c).next()) {
            (1, Some(mapped)) => mapped,
            (_, Some(mapped)) if c == 'İ' => mapped,
            _ => c,
        })
        .collect()
}

pub(super) fn to_upper(_: &mut Exec<'_>, args: &[Val]) -> Result {
    let text: String = text(args, 0).chars().map(|c| with_iota(c).unwrap_or(c)).collect();
    done(map_case(&text, char::to_uppercase))
}

/// The one capital of a Greek letter with an iota below; a capital is its own.
fn with_iota(c: char) -> Option<char> {
    Some(match c {
        '\u{1f80}'..='\u{1faf}' => char::from_u32(u32::from(c) | 8)?,
        'ᾳ' | 'ᾼ' => 'ᾼ',
        'ῃ' | 'ῌ' => 'ῌ',
        'ῳ' | 'ῼ' => 'ῼ',
        _ => return None,
    })
}

pub(super) fn to_lower(_: &mut Exec<'_>, args: &[Val]) -> Result {
    done(map_case(&text(args, 0), char::to_lowercase))
}

pub(super) fn trim_space(_: &mut Exec<'_>, args: &[Val]) -> Result {
    done(text(args, 0).trim())
}

pub(super) fn title(_: &mut Exec<'_>, args: &[Val]) -> Result {
    let text = text(args, 0);
    let mut out = String::with_capacity(text.len());
    let mut in_word = false;
    let mut chars = text.chars().peekable();
    let mut before = ' ';
    while let Some(c) = chars.next() {
        let next = chars.peek().copied().unwrap_or(' ');
        if is_word_alone(c) {
            out.push(c);
            in_word = false;
        } else if c.is_alphabetic() && !(c.is_lowercase() || c.is_uppercase() || is_digraph(c)) {
            // Letters without capitals leave the title to the first one that has one.
            out.push(c);
        } else if c.is_alphabetic() {
            if in_word && c == 'Σ' && !next.is_alphabetic() {
                out.push('ς');
            } else if in_word {
                out.extend(c.to_lowercase());
            } else {
                push_title(&mut out, c);
            }
            in_word = true;
        } else {
            out.push(c);
            in_word = in_word && stays_in_word(before, c, next);
        }
        before = c;
    }
    done(out)
}

/// Tells whether one character stands for two letters of which only the first is a capital.
const fn is_digraph(c: char) -> bool {
    matches!(c, 'ǅ' | 'ǈ' | 'ǋ' | 'ǲ' | '\u{1f80}'..='\u{1fff}')
}

/// Tells whether a letter is a word of its own, as Chinese and Japanese ones are.
const fn is_word_alone(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' | '\u{3400}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}' | '\u{ff66}'..='\u{ff9d}' | '\u{20000}'..='\u{323af}')
}

/// Tells whether a word goes on over a character that is no letter.
fn stays_in_word(before: char, c: char, next: char) -> bool {
    match c {
        // Digits, connectors and marks are parts of words.
        '²' | '³' | '¹' | '¼'..='¾' | '\u{2070}'..='\u{2089}' | '\u{2460}'..='\u{249b}' => {
            false
        }
        _ if c.is_numeric() => true,
        '_'
        | '\u{203f}'
        | '\u{2040}'
        | '\u{2054}'
        | '\u{300}'..='\u{36f}'
        | '\u{483}'..='\u{489}'
        | '\u{591}'..='\u{5bd}'
        | '\u{64b}'..='\u{65f}'
        | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20f0}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{fe20}'..='\u{fe2f}' => true,
        // So are characters that only direct how others are shown.
        '\u{ad}'
        | '\u{61c}'
        | '\u{200c}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2064}'
        | '\u{feff}' => true,
        '.' | '\'' | '\u{2018}' | '\u{2019}' | '\u{2024}' | ':' | '\u{b7}' | '\u{387}'
        | '\u{2027}' => next.is_alphanumeric(),
        ',' | ';' => before.is_numeric() && next.is_numeric(),
        _ => false,
    }
}

fn push_title(out: &mut String, c: char) {
    match c {
        'Ǆ'..='ǆ' => out.push('ǅ'),
        'Ǉ'..='ǉ' => out.push('ǈ'),
        'Ǌ'..='ǌ' => out.push('ǋ'),
        'Ǳ'..='ǳ' => out.push('ǲ'),
        // Georgian has capitals, but no titles.
        '\u{10d0}'..='\u{10ff}' => out.push(c),
        'ŉ' => out.push_str("ʼN"),
        c if with_iota(c).is_some() => out.extend(with_iota(c)),
        // The iota below stays below.
        '\u{1fb0}'..='\u{1fff}' if c.to_uppercase().last() == Some('Ι') => {
            let capitals = c.to_uppercase().count();
            out.extend(c.to_uppercase().take(capitals - 1));
            out.push('\u{345}');
        }
        c => {
            let mut upper = c.to_uppercase();
            out.extend(upper.next());
            out.extend(upper.flat_map(char::to_lowercase));
        }
    }
}

/// Joins texts, unless the result would be too large.
pub(super) fn join_texts(items: &[Text], separator: &str) -> core::result::Result<String, String> {
    let size: usize = items.iter().map(|item| item.len() + separator.len()).sum();
    if size > TEMPLATE_OUTPUT_MAX + separator.len() {
        return Err("result too large".into());
    }
    let mut out = String::with_capacity(size);
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push_str(separator);
        }
        out.push_str(item);
    }
    Ok(out)
}

pub(super) fn join(_: &mut Exec<'_>, args: &[Val]) -> Result {
    let Value::Strings(items, _) = &args[1].value else { return done("") };
    done(join_texts(items, &text(args, 0))?)
}

pub(super) fn is_match(exec: &mut Exec<'_>, args: &[Val]) -> Result {
    let subject = text(args, 1);
    exec.charge(10 + subject.len() / 64).map_err(|error| error.to_string())?;
    let regex = Regex::unanchored(&text(args, 0)).map_err(|error| error.to_string())?;
    Ok(Value::Bool(regex.is_match(subject.as_bytes())).into())
}

pub(super) fn replace_all(exec: &mut Exec<'_>, args: &[Val]) -> Result {
    let (replacement, subject) = (text(args, 1), text(args, 2));
    exec.charge(10 + subject.len() / 64).map_err(|error| error.to_string())?;
    let regex = Regex::unanchored(&text(args, 0)).map_err(|error| error.to_string())?;
    let names: Vec<Option<&str>> = regex.group_names().collect();
    let mut out = String::new();
    let mut end = 0;
    for groups in regex.find_captures(&subject) {
        let Some(Some(whole)) = groups.first().cloned() else { continue };
        out.push_str(&subject[end..whole.start]);
        end = whole.end;
        expand(&mut out, &replacement, |name| {
            let at = match name.parse::<usize>() {
                Ok(at) if name.bytes().all(|b| b.is_ascii_digit()) => at,
                // Of groups with the same name the last one that matched counts.
                _ => names.iter().enumerate().position(|(i, known)| {
                    *known == Some(name) && groups.get(i).is_some_and(Option::is_some)
                })?,
            };
            subject.get(groups.get(at)?.clone()?)
        });
        if out.len() > TEMPLATE_OUTPUT_MAX {
            return Err("result too large".into());
        }
    }
    out.push_str(&subject[end..]);
    done(out)
}

/// Writes a replacement, groups put in for `$1`, `${1}` and `$name`.
fn expand<'a>(out: &mut String, template: &str, group: impl Fn(&str) -> Option<&'a str>) {
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        let word = |text: &str| {
            text.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(text.len())
        };
        let (name, tail) = match after.strip_prefix('{') {
            Some(inner) => {
                let len = word(inner);
                (&inner[..len], inner[len..].strip_prefix('}'))
            }
            None => {
                let len = word(after);
                (&after[..len], Some(&after[len..]))
            }
        };
        match tail {
            Some(tail) if !name.is_empty() => {
                out.push_str(group(name).unwrap_or(""));
                rest = tail;
            }
            _ => {
                out.push('$');
                rest = after;
            }
        }
    }
    out.push_str(rest);
}

pub(super) fn safe_html(_: &mut Exec<'_>, args: &[Val]) -> Result {
    Ok(Value::Safe(Safe::Html, text(args, 0)).into())
}

pub(super) fn safe_url(_: &mut Exec<'_>, args: &[Val]) -> Result {
    Ok(Value::Safe(Safe::Url, text(args, 0)).into())
}

pub(super) fn url_unescape(_: &mut Exec<'_>, args: &[Val]) -> Result {
    let text = text(args, 0);
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let digits = bytes.get(at..at + 2).filter(|d| d.iter().all(u8::is_ascii_hexdigit));
                let value = digits
                    .and_then(|digits| core::str::from_utf8(digits).ok())
                    .and_then(|digits| u8::from_str_radix(digits, 16).ok());
                let Some(value) = value else {
                    let bad = lossy(&bytes[at - 1..bytes.len().min(at + 2)]);
                    return Err(format!("invalid URL escape {}", quote(&bad)));
                };
                out.push(value);
                at += 2;
            }
            byte => out.push(byte),
        }
    }
    done(lossy(&out))
}

pub(super) fn string_slice(exec: &mut Exec<'_>, args: &[Val]) -> Result {
    exec.charge(args.len()).map_err(|error| error.to_string())?;
    let items = (0..args.len()).map(|i| text(args, i)).collect();
    Ok(Value::Strings(items, StringsType::Plain).into())
}

pub(super) fn route_labels(exec: &mut Exec<'_>, args: &[Val]) -> Result {
    let name = text(args, 0);
    match exec.env.route_label {
        Some(resolve) => done(resolve(&name)?),
        None => done(exec.route_labels.value_of(&name).cloned().unwrap_or_default()),
    }
}

fn time(args: &[Val], at: usize) -> Time {
    match args.get(at).map(|arg| &arg.value) {
        Some(Value::Time(time)) => time.clone(),
        _ => Time::default(),
    }
}

pub(super) fn date(_: &mut Exec<'_>, args: &[Val]) -> Result {
    done(time(args, 1).format(&text(args, 0)))
}

pub(super) fn tz(_: &mut Exec<'_>, args: &[Val]) -> Result {
    let zone = Zone::load(&text(args, 0))?;
    Ok(Value::Time(time(args, 1).in_zone(zone)).into())
}

pub(super) fn now(exec: &mut Exec<'_>, _: &[Val]) -> Result {
    Ok(Value::Time(exec.env.now.into()).into())
}

pub(super) fn since(exec: &mut Exec<'_>, args: &[Val]) -> Result {
    let now = Time::from(exec.env.now);
    Ok(Value::Int(now.minus(&time(args, 0)), IntType::Duration).into())
}

pub(super) fn to_date(_: &mut Exec<'_>, args: &[Val]) -> Result {
    Ok(Value::Time(layout::parse(&text(args, 0), &text(args, 1)).unwrap_or_default()).into())
}

pub(super) fn must_to_date(_: &mut Exec<'_>, args: &[Val]) -> Result {
    Ok(Value::Time(layout::parse(&text(args, 0), &text(args, 1))?).into())
}

pub(super) fn to_json(exec: &mut Exec<'_>, args: &[Val]) -> Result {
    done(json::to_json(&args[0].value, exec.env.limits.output)?)
}

pub(super) fn base64_encode(_: &mut Exec<'_>, args: &[Val]) -> Result {
    done(URL_SAFE.encode(text(args, 0).as_bytes()))
}

pub(super) fn base64_decode(_: &mut Exec<'_>, args: &[Val]) -> Result {
    let text = text(args, 0);
    // Line breaks may stand anywhere.
    let packed: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    match URL_SAFE.decode(packed.as_bytes()) {
        Ok(bytes) => done(lossy(&bytes)),
        Err(_) => {
            let valid = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
            let at = text.bytes().position(|b| !valid(&b)).unwrap_or(text.len() / 4 * 4);
            Err(format!("illegal base64 data at input byte {at}"))
        }
    }
}

fn charged(exec: &mut Exec<'_>, items: usize) -> core::result::Result<(), String> {
    exec.charge(items).map_err(|error| error.to_string())
}

pub(super) fn list(exec: &mut Exec<'_>, args: &[Val]) -> Result {
    charged(exec, args.len())?;
    Ok(Value::list(args.iter().map(|arg| arg.value.clone()).collect()).into())
}

pub(super) fn append(exec: &mut Exec<'_>, args: &[Val]) -> Result {
    let Value::List(items, _) = &args[0].value else { return Ok(Val::default()) };
    charged(exec, items.len() / 16 + args.len())?;
    let more = args[1..].iter().map(|arg| arg.value.clone());
    Ok(Value::list(items.iter().cloned().chain(more).collect()).into())
}

pub(super) fn dict(exec: &mut Exec<'_>, args: &[Val]) -> Result {
    charged(exec, args.len())?;
    if !args.len().is_multiple_of(2) {
        return Err("dict requires an even number of arguments".into());
    }
    let mut map = BTreeMap::new();
    for pair in args.chunks(2) {
        let Value::Str(key) = &pair[0].value else {
            return Err("dict keys must be strings".into());
        };
        map.insert(key.clone(), pair[1].value.clone());
    }
    Ok(Value::map(map).into())
}

pub(super) fn humanize_duration(_: &mut Exec<'_>, args: &[Val]) -> Result {
    let seconds = match &args[0].value {
        Value::Float(value) => *value,
        Value::Str(text) => number::parse_float_strict(text)?,
        Value::Int(ns, IntType::Duration) => {
            (ns / 1_000_000_000) as f64 + (ns % 1_000_000_000) as f64 / 1e9
        }
        Value::Int(value, IntType::Int | IntType::Int64) => *value as f64,
        other => return Err(format!("can't convert {} to float", other.type_name())),
    };
    done(humanize(seconds))
}

/// Writes seconds as Prometheus does: `1h 2m 3s`, `12.35s`, `100ms`.
fn humanize(mut seconds: f64) -> String {
    const PREFIXES: [&str; 8] = ["m", "u", "n", "p", "f", "a", "z", "y"];
    let digits = |value: f64| print::sprintf("%.4g", &[Value::Float(value)], 64);
    if !seconds.is_finite() {
        return digits(seconds);
    }
    if seconds == 0.0 {
        return digits(seconds) + "s";
    }
    if seconds.abs() < 1.0 {
        let mut prefix = "";
        for next in PREFIXES {
            if seconds.abs() >= 1.0 {
                break;
            }
            prefix = next;
            seconds *= 1000.0;
        }
        return format!("{}{prefix}s", digits(seconds));
    }
    let sign = if seconds < 0.0 { "-" } else { "" };
    let seconds = seconds.abs();
    // What is too long for a whole number becomes the smallest one, as in Go.
    let whole = if seconds < 9_223_372_036_854_775_808.0 { seconds as i64 } else { i64::MIN };
    let (s, m) = (whole % 60, whole / 60 % 60);
    let (h, d) = (whole / 3600 % 24, whole / 86_400);
    if d != 0 {
        format!("{sign}{d}d {h}h {m}m {s}s")
    } else if h != 0 {
        format!("{sign}{h}h {m}m {s}s")
    } else if m != 0 {
        format!("{sign}{m}m {s}s")
    } else {
        format!("{sign}{}s", digits(seconds))
    }
}
