//! `POST /api/v2/alerts`.

use alloc::{borrow::Cow, boxed::Box, format, string::String};

use super::{Fault, Parser, REQUIRED, Refusal, TYPE, malformed, required, stamp, text_or_keep};
use crate::{
    alert::AlertBatch,
    api::{
        json::{lossy, names},
        uri::is_request_uri,
    },
    label::{LabelsBuilder, Mode, quote::quote},
    limits::{ALERTS_PER_POST_MAX, LABELS_PER_ALERT_MAX},
    time::Stamp,
};

/// Go's names for a set of pairs and for a value of it, which faults show.
const LABELS: [&str; 2] = [
    "struct field Alert.labels of type models.LabelSet",
    "struct field Alert.labels of type string",
];
const ANNOTATIONS: [&str; 2] = [
    "struct field .annotations of type models.LabelSet",
    "struct field .annotations of type string",
];

/// Reads the posted alerts into one batch.
///
/// What is wrong with an alert's labels or annotations is kept in the batch, because the owner
/// checks the times first. The builders are used again for each alert, so an alert costs no
/// allocation beyond the growth of the batch.
pub(in crate::api) fn alerts(body: &[u8], mode: Mode) -> Result<AlertBatch, Refusal> {
    let text = lossy(body);
    let mut parser = Parser::new(&text);
    if parser.is_blank() {
        return Err(required("alerts"));
    }
    let mut batch = AlertBatch::for_body(text.len());
    let (mut labels, mut annotations) = (Pairs::default(), Pairs::default());
    let mut seen = Seen::default();
    let mut invalid = None;
    let mut too_many = false;
    let read = parser.array("value of type models.PostableAlerts", |parser, index| {
        if index == ALERTS_PER_POST_MAX {
            too_many = true;
            return Err(Fault(String::new()));
        }
        let alert = read_alert(parser, index, mode, &mut labels, &mut annotations, &mut seen)?;
        if invalid.is_none() {
            invalid = check(&alert, index, labels.is_present, &seen.generator_url).err();
        }
        let (problem, minor) = (labels.settle_labels(mode), annotations.settle());
        batch.push(
            &mut labels.builder,
            &mut annotations.builder,
            &alert.generator_url,
            (alert.starts_at, alert.ends_at),
            problem.or(minor),
        );
        seen.generator_url = alert.generator_url;
        Ok(())
    });
    match (read, invalid) {
        (Err(_), _) if too_many => Err(Refusal::TooMany(format!(
            "a request may hold {ALERTS_PER_POST_MAX} alerts, and this one holds more"
        ))),
        (Err(fault), _) => Err(malformed("alerts", &fault)),
        (Ok(_), Some(refusal)) => Err(refusal),
        (Ok(_), None) => {
            batch.complete();
            Ok(batch)
        }
    }
}

/// One alert, without its labels and annotations.
#[derive(Default)]
struct Posted<'a> {
    generator_url: Cow<'a, str>,
    starts_at: Option<Stamp>,
    ends_at: Option<Stamp>,
}

/// What the alert before had, which is often what the next one has too.
#[derive(Default)]
struct Seen<'a> {
    starts_at: Option<(&'a str, Stamp)>,
    ends_at: Option<(&'a str, Stamp)>,
    /// Nothing, or one that was checked, unless the post is refused anyway.
    generator_url: Cow<'a, str>,
}

/// The fields of an alert.
#[derive(Clone, Copy)]
enum Field {
    Labels,
    Annotations,
    StartsAt,
    EndsAt,
    GeneratorUrl,
}

/// Finds the field that a key names. Nearly every key is written as the schema has it.
#[inline]
fn field(key: &str) -> Option<Field> {
    const FIELDS: [(&str, Field); 5] = [
        ("labels", Field::Labels),
        ("annotations", Field::Annotations),
        ("startsAt", Field::StartsAt),
        ("endsAt", Field::EndsAt),
        ("generatorURL", Field::GeneratorUrl),
    ];
    let exact = FIELDS.iter().find(|(name, _)| *name == key);
    exact.or_else(|| FIELDS.iter().find(|(name, _)| names(key, name))).map(|&(_, field)| field)
}

fn read_alert<'a>(
    parser: &mut Parser<'a>,
    index: usize,
    mode: Mode,
    labels: &mut Pairs,
    annotations: &mut Pairs,
    seen: &mut Seen<'a>,
) -> Result<Posted<'a>, Fault> {
    let mut alert = Posted::default();
    labels.is_present = false;
    let is_object = parser.object("value of type models.PostableAlert", |parser, key| {
        match field(&key) {
            Some(Field::Labels) => labels.read(parser, &LABELS, mode, false)?,
            Some(Field::Annotations) => annotations.read(parser, &ANNOTATIONS, mode, true)?,
            Some(Field::StartsAt) => {
                alert.starts_at = time_again(parser, &mut seen.starts_at)?.or(alert.starts_at);
            }
            Some(Field::EndsAt) => {
                alert.ends_at = time_again(parser, &mut seen.ends_at)?.or(alert.ends_at);
            }
            Some(Field::GeneratorUrl) => {
                text_or_keep(parser, "value of type string", &mut alert.generator_url)?;
            }
            None => parser.skip()?,
        }
        Ok(())
    })?;
    if is_object { Ok(alert) } else { Err(Fault(format!("alert {index} is null"))) }
}

/// Reads a time as [`time`](super::time) does, which costs nothing where the last one is repeated.
fn time_again<'a>(
    parser: &mut Parser<'a>,
    last: &mut Option<(&'a str, Stamp)>,
) -> Result<Option<Stamp>, Fault> {
    let Some(text) = parser.text("value of type string")? else { return Ok(None) };
    if let Some((known, at)) = *last
        && known == text
    {
        return Ok(Some(at));
    }
    let at = stamp(&text)?;
    if let Cow::Borrowed(text) = text {
        *last = Some((text, at));
    }
    Ok(Some(at))
}

/// Checks what the schema asks for, in the order of its field names.
fn check(
    alert: &Posted<'_>,
    index: usize,
    has_labels: bool,
    known_url: &str,
) -> Result<(), Refusal> {
    let url = &*alert.generator_url;
    if !url.is_empty() && url != known_url && !is_request_uri(url) {
        let url = quote(url);
        let text = format!("{index}.generatorURL in body must be of type uri: {url}");
        return Err(Refusal::Invalid(TYPE, text));
    }
    if has_labels {
        return Ok(());
    }
    Err(Refusal::Invalid(REQUIRED, format!("{index}.labels in body is required")))
}

/// Labels or annotations of the alert that is being read.
#[derive(Default)]
struct Pairs {
    builder: LabelsBuilder,
    is_present: bool,
    count: usize,
    /// The first name that is not allowed, of a pair that stays.
    bad_name: Option<String>,
    has_empty_value: bool,
}

impl Pairs {
    /// Reads an object of texts. A second one adds to the first, and `null` takes it back.
    fn read(
        &mut self,
        parser: &mut Parser<'_>,
        targets: &[&str; 2],
        mode: Mode,
        keep_empty: bool,
    ) -> Result<(), Fault> {
        let is_present = parser.texts(targets[0], targets[1], |name, value| {
            self.count += 1;
            if self.count > LABELS_PER_ALERT_MAX {
                return;
            }
            if value.is_empty() && !keep_empty {
                self.has_empty_value = true;
            } else if !mode.allows_name(name) && self.bad_name.is_none() {
                self.bad_name = Some(name.into());
            }
            self.builder.push(name, value);
        });
        self.is_present = is_present?;
        if !self.is_present {
            self.reset();
        }
        Ok(())
    }

    fn reset(&mut self) {
        if !self.builder.is_empty() {
            self.builder.finish();
        }
        self.settle();
    }

    /// Drops labels without a value and returns what is wrong with the rest.
    fn settle_labels(&mut self, mode: Mode) -> Option<Box<str>> {
        if self.has_empty_value {
            // Only now is it known which value of a repeated name is the last.
            self.bad_name = None;
            for (name, value) in self.builder.finish().iter().filter(|(_, v)| !v.is_empty()) {
                if !mode.allows_name(name) && self.bad_name.is_none() {
                    self.bad_name = Some(name.into());
                }
                self.builder.push(name, value);
            }
        }
        if self.builder.is_empty() {
            self.settle();
            return Some("at least one label pair required".into());
        }
        self.problem("invalid label set")
    }

    /// Returns what is wrong, and gets ready for the next alert but for the builder.
    fn settle(&mut self) -> Option<Box<str>> {
        self.problem("invalid annotations")
    }

    fn problem(&mut self, what: &str) -> Option<Box<str>> {
        let count = core::mem::take(&mut self.count);
        self.has_empty_value = false;
        let bad_name = self.bad_name.take();
        if count > LABELS_PER_ALERT_MAX {
            return Some(format!("{what}: more than {LABELS_PER_ALERT_MAX} pairs").into());
        }
        bad_name.map(|name| format!("{what}: invalid name {}", quote(&name)).into())
    }
}
