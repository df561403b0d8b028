//! `POST /api/v2/silences`.

use alloc::{borrow::Cow, collections::BTreeMap, format, sync::Arc, vec, vec::Vec};

use super::{Fault, MIN_ITEMS, Parser, REQUIRED, Refusal, malformed, required, text_or_keep, time};
use crate::{
    api::json::{lossy, names},
    label::{Matcher, Matchers, Op, quote::quote},
    limits::{LABELS_PER_ALERT_MAX, MATCHERS_PER_SILENCE_MAX},
    silence::{Draft, SetError},
    time::Stamp,
};

const TEXT: &str = "value of type string";

/// Reads a posted silence.
pub(in crate::api) fn silence(body: &[u8]) -> Result<Draft, Refusal> {
    let text = lossy(body);
    let mut parser = Parser::new(&text);
    if parser.is_blank() {
        return Err(required("silence"));
    }
    let posted = read_silence(&mut parser).map_err(|fault| malformed("silence", &fault))?;
    let posted = posted.check()?;
    if posted.starts_at.at >= posted.ends_at.at {
        // The owner would say so too; it is said here because it comes before what follows.
        return Err(Refusal::Refused(format!("{}", SetError::StartNotBeforeEnd)));
    }
    let matchers = posted.matchers.iter().enumerate().map(|(i, matcher)| {
        let op = match (matcher.is_regex, matcher.is_equal) {
            (false, true) => Op::Equal,
            (false, false) => Op::NotEqual,
            (true, true) => Op::Regex,
            (true, false) => Op::NotRegex,
        };
        Matcher::new(&matcher.name, op, &matcher.value).map_err(|e| {
            let value = quote(&matcher.value);
            Refusal::Refused(format!(
                "invalid silence: invalid label matcher {i}: invalid regular expression {value}: {e}"
            ))
        })
    });
    let matchers = matchers.collect::<Result<Vec<_>, _>>()?;
    Ok(Draft {
        id: (!posted.id.is_empty()).then(|| Arc::from(&*posted.id)),
        matcher_sets: vec![Matchers::new(matchers)],
        starts_at: posted.starts_at.at,
        ends_at: posted.ends_at.at,
        created_by: Arc::from(&*posted.created_by),
        comment: Arc::from(&*posted.comment),
        annotations: posted.annotations,
    })
}

/// What the body says, where `None` stands for a missing field and for `null`.
#[derive(Default)]
struct Raw<'a> {
    id: Cow<'a, str>,
    annotations: BTreeMap<Arc<str>, Arc<str>>,
    comment: Option<Cow<'a, str>>,
    created_by: Option<Cow<'a, str>>,
    ends_at: Option<Stamp>,
    matchers: Option<Vec<RawMatcher<'a>>>,
    starts_at: Option<Stamp>,
}

#[derive(Default)]
struct RawMatcher<'a> {
    is_equal: Option<bool>,
    is_regex: Option<bool>,
    name: Option<Cow<'a, str>>,
    value: Option<Cow<'a, str>>,
}

/// The same with every required field.
struct Posted<'a> {
    id: Cow<'a, str>,
    annotations: BTreeMap<Arc<str>, Arc<str>>,
    comment: Cow<'a, str>,
    created_by: Cow<'a, str>,
    ends_at: Stamp,
    matchers: Vec<PostedMatcher<'a>>,
    starts_at: Stamp,
}

struct PostedMatcher<'a> {
    is_equal: bool,
    is_regex: bool,
    name: Cow<'a, str>,
    value: Cow<'a, str>,
}

fn read_silence<'a>(parser: &mut Parser<'a>) -> Result<Raw<'a>, Fault> {
    let mut raw = Raw::default();
    parser.object("value of type models.PostableSilence", |parser, key| {
        if names(&key, "id") {
            text_or_keep(parser, "struct field .id of type string", &mut raw.id)
        } else if names(&key, "annotations") {
            read_annotations(parser, &mut raw.annotations)
        } else if names(&key, "comment") {
            parser.text(TEXT).map(|text| raw.comment = text)
        } else if names(&key, "createdBy") {
            parser.text(TEXT).map(|text| raw.created_by = text)
        } else if names(&key, "endsAt") {
            time(parser).map(|time| raw.ends_at = time)
        } else if names(&key, "startsAt") {
            time(parser).map(|time| raw.starts_at = time)
        } else if names(&key, "matchers") {
            read_matchers(parser).map(|matchers| raw.matchers = matchers)
        } else {
            parser.skip()
        }
    })?;
    Ok(raw)
}

fn read_annotations(
    parser: &mut Parser<'_>,
    annotations: &mut BTreeMap<Arc<str>, Arc<str>>,
) -> Result<(), Fault> {
    let is_object = parser.object(
        "struct field Silence.annotations of type models.LabelSet",
        |parser, name| {
            let value = parser.text("struct field Silence.annotations of type string")?;
            annotations.insert(Arc::from(&*name), Arc::from(&*value.unwrap_or_default()));
            if annotations.len() > LABELS_PER_ALERT_MAX {
                return Err(Fault(format!(
                    "there are more than {LABELS_PER_ALERT_MAX} annotations"
                )));
            }
            Ok(())
        },
    )?;
    if !is_object {
        annotations.clear();
    }
    Ok(())
}

fn read_matchers<'a>(parser: &mut Parser<'a>) -> Result<Option<Vec<RawMatcher<'a>>>, Fault> {
    let mut matchers = Vec::new();
    let is_array = parser.array(
        "struct field Silence.matchers of type models.Matchers",
        |parser, index| {
            if index == MATCHERS_PER_SILENCE_MAX {
                return Err(Fault(format!(
                    "there are more than {MATCHERS_PER_SILENCE_MAX} matchers"
                )));
            }
            let mut matcher = RawMatcher::default();
            let is_object = parser.object("value of type models.Matcher", |parser, key| {
                if names(&key, "isEqual") {
                    parser
                        .bool("struct field Matcher.isEqual of type bool")
                        .map(|flag| matcher.is_equal = flag)
                } else if names(&key, "isRegex") {
                    parser
                        .bool("struct field Matcher.isRegex of type bool")
                        .map(|flag| matcher.is_regex = flag)
                } else if names(&key, "name") {
                    parser.text(TEXT).map(|text| matcher.name = text)
                } else if names(&key, "value") {
                    parser.text(TEXT).map(|text| matcher.value = text)
                } else {
                    parser.skip()
                }
            })?;
            if !is_object {
                return Err(Fault(format!("matcher {index} is null")));
            }
            matchers.push(matcher);
            Ok(())
        },
    )?;
    Ok(is_array.then_some(matchers))
}

impl<'a> Raw<'a> {
    /// Checks what the schema asks for, in the order of its field names.
    fn check(self) -> Result<Posted<'a>, Refusal> {
        let comment = self.comment.ok_or_else(|| required("comment"))?;
        let created_by = self.created_by.ok_or_else(|| required("createdBy"))?;
        let ends_at = self.ends_at.ok_or_else(|| required("endsAt"))?;
        let raw = self.matchers.ok_or_else(|| required("matchers"))?;
        if raw.is_empty() {
            let text = "matchers in body should have at least 1 items";
            return Err(Refusal::Invalid(MIN_ITEMS, text.into()));
        }
        let mut matchers = Vec::with_capacity(raw.len());
        for (i, matcher) in raw.into_iter().enumerate() {
            let missing = |field: &str| {
                Refusal::Invalid(REQUIRED, format!("matchers.{i}.{field} in body is required"))
            };
            matchers.push(PostedMatcher {
                is_equal: matcher.is_equal.unwrap_or(true),
                is_regex: matcher.is_regex.ok_or_else(|| missing("isRegex"))?,
                name: matcher.name.ok_or_else(|| missing("name"))?,
                value: matcher.value.ok_or_else(|| missing("value"))?,
            });
        }
        let starts_at = self.starts_at.ok_or_else(|| required("startsAt"))?;
        let (id, annotations) = (self.id, self.annotations);
        Ok(Posted { id, annotations, comment, created_by, ends_at, matchers, starts_at })
    }
}
