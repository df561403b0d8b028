//! The text of events: JSON in the form that protocol buffers have, as Alertmanager writes it.
//! What is empty is left out, and numbers of 64 bits are texts.

use alloc::{format, string::String};
use core::{fmt::Write as _, time::Duration};

use crate::{
    alert::Alert,
    hash::{Fingerprint, sha256_hex},
    inhibit::Rule,
    label::{Labels, Matcher, Op},
    nflog::Reason,
    silence::Silence,
    time::{Stamp, Timestamp, rfc3339::write_seconds},
};

/// A JSON text that grows.
#[derive(Debug, Default)]
pub(super) struct Json(pub(super) String);

impl Json {
    /// Writes what stands between braces.
    pub(super) fn object(&mut self, write: impl FnOnce(&mut Self)) {
        self.0.push('{');
        write(self);
        self.0.push('}');
    }

    /// Writes a member that is an object.
    pub(super) fn member(&mut self, name: &str, write: impl FnOnce(&mut Self)) {
        self.key(name);
        self.object(write);
    }

    /// Writes a member that is a list of objects; without elements there is none.
    pub(super) fn list<T>(
        &mut self,
        name: &str,
        elements: impl IntoIterator<Item = T>,
        mut write: impl FnMut(&mut Self, T),
    ) {
        self.array(name, elements, |json, element| json.object(|json| write(json, element)));
    }

    /// Writes a member that is a list; without elements there is none.
    fn array<T>(
        &mut self,
        name: &str,
        elements: impl IntoIterator<Item = T>,
        mut write: impl FnMut(&mut Self, T),
    ) {
        let mut elements = elements.into_iter().peekable();
        if elements.peek().is_none() {
            return;
        }
        self.key(name);
        self.0.push('[');
        for element in elements {
            self.comma();
            write(self, element);
        }
        self.0.push(']');
    }

    /// Writes a member that is a text, unless it is empty.
    pub(super) fn text(&mut self, name: &str, text: &str) {
        if !text.is_empty() {
            self.key(name);
            self.string(text);
        }
    }

    /// Writes a member that is a number of 64 bits, unless it is zero.
    pub(super) fn number(&mut self, name: &str, number: u64) {
        if number != 0 {
            self.text(name, &format!("{number}"));
        }
    }

    /// Writes a member that is a time.
    pub(super) fn time(&mut self, name: &str, at: Timestamp) {
        self.key(name);
        self.0.push('"');
        write_seconds(&mut self.0, Stamp::utc(at));
        self.0.pop();
        let nanos = if at.is_zero() { 0 } else { at.parts().1 };
        self.fraction(nanos);
        self.0.push_str("Z\"");
    }

    /// Writes a member that is a span of time.
    pub(super) fn span(&mut self, name: &str, span: Duration) {
        self.key(name);
        write!(self.0, "\"{}", span.as_secs()).expect("a String takes every write");
        self.fraction(span.subsec_nanos());
        self.0.push_str("s\"");
    }

    /// Writes a fraction of a second with as many groups of three digits as it needs.
    fn fraction(&mut self, nanos: u32) {
        let digits = match nanos {
            0 => return,
            _ if nanos.is_multiple_of(1_000_000) => 3,
            _ if nanos.is_multiple_of(1000) => 6,
            _ => 9,
        };
        self.0.push('.');
        self.0.push_str(&format!("{nanos:09}")[..digits]);
    }

    /// Writes a member's name.
    pub(super) fn key(&mut self, name: &str) {
        self.comma();
        self.string(name);
        self.0.push(':');
    }

    fn comma(&mut self) {
        if !self.0.ends_with(['{', '[']) {
            self.0.push(',');
        }
    }

    fn string(&mut self, text: &str) {
        self.0.push('"');
        for c in text.chars() {
            match c {
                '"' => self.0.push_str("\\\""),
                '\\' => self.0.push_str("\\\\"),
                '\u{8}' => self.0.push_str("\\b"),
                '\u{c}' => self.0.push_str("\\f"),
                '\n' => self.0.push_str("\\n"),
                '\r' => self.0.push_str("\\r"),
                '\t' => self.0.push_str("\\t"),
                c if c < ' ' => {
                    write!(self.0, "\\u{:04x}", u32::from(c)).expect("a String takes every write");
                }
                c => self.0.push(c),
            }
        }
        self.0.push('"');
    }

    pub(super) fn labels(&mut self, name: &str, labels: &Labels) {
        self.member(name, |json| {
            json.list("labels", labels.iter(), |json, (key, value)| {
                json.text("key", key);
                json.text("value", value);
            });
        });
    }

    pub(super) fn matchers<'a>(
        &mut self,
        name: &str,
        matchers: impl IntoIterator<Item = &'a Matcher>,
    ) {
        self.list(name, matchers, |json, matcher| {
            json.text(
                "type",
                match matcher.op() {
                    Op::Equal => "TYPE_EQUAL",
                    Op::Regex => "TYPE_REGEXP",
                    Op::NotEqual => "TYPE_NOT_EQUAL",
                    Op::NotRegex => "TYPE_NOT_REGEXP",
                },
            );
            json.text("name", matcher.name());
            json.text("pattern", matcher.value());
            json.text("rendered", &format!("{matcher}"));
        });
    }

    /// Writes the members of an alert.
    pub(super) fn alert(&mut self, alert: &Alert, fingerprint: Fingerprint, is_resolved: bool) {
        self.number("fingerprint", fingerprint.0);
        self.text("name", alert.labels.get("alertname").unwrap_or_default());
        self.labels("labels", &alert.labels);
        self.labels("annotations", &alert.annotations);
        self.time("startsAt", alert.starts_at.at);
        self.time("endsAt", alert.ends_at.at);
        if is_resolved {
            self.key("resolved");
            self.0.push_str("true");
        }
    }

    /// Writes the members of an alert that a group holds.
    pub(super) fn held(&mut self, hash: u64, write: impl FnOnce(&mut Self)) {
        self.number("hash", hash);
        self.member("details", write);
    }

    /// Writes the members of a muted alert.
    pub(super) fn muted(&mut self, labels: &Labels, fingerprint: Fingerprint) {
        self.member("mutedAlert", |json| {
            json.labels("labels", labels);
            json.number("fingerprint", fingerprint.0);
        });
    }

    pub(super) fn silence(&mut self, silence: &Silence) {
        self.member("silence", |json| {
            json.text("id", &silence.id.0);
            json.matchers("matchers", silence.matcher_sets.first().into_iter().flatten());
            json.time("startsAt", silence.starts_at);
            json.time("endsAt", silence.ends_at);
            json.time("updatedAt", silence.updated_at);
            json.text("createdBy", &silence.created_by);
            json.text("comment", &silence.comment);
            json.list("matcherSets", &silence.matcher_sets, |json, set| {
                json.matchers("matchers", set.iter());
            });
        });
    }

    pub(super) fn rule(&mut self, rule: &Rule) {
        self.list("inhibitRules", [rule], |json, rule| {
            json.text("name", rule.name.as_deref().unwrap_or_default());
            json.matchers("sourceMatchers", rule.source.iter());
            json.matchers("targetMatchers", rule.target.iter());
            json.texts("equalLabels", rule.equal.iter().map(|name| &**name));
        });
    }

    /// Writes a member that is a list of texts; without elements there is none.
    pub(super) fn texts<'a>(&mut self, name: &str, texts: impl IntoIterator<Item = &'a str>) {
        self.array(name, texts, Self::string);
    }

    /// Writes the members of a group that every event about one has.
    pub(super) fn group(&mut self, key: &str, labels: &Labels, receiver: &str) {
        self.text("groupKey", key);
        self.labels("groupLabels", labels);
        self.text("groupId", &sha256_hex(key));
        self.text("receiverName", receiver);
    }
}

/// Returns the word for a reason.
pub(super) const fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::FirstNotification => "NOTIFY_REASON_FIRST_NOTIFICATION",
        Reason::NewAlertsAdded => "NOTIFY_REASON_NEW_ALERTS_IN_GROUP",
        Reason::SomeAlertsResolved => "NOTIFY_REASON_NEW_RESOLVED_ALERTS",
        Reason::AllAlertsResolved => "NOTIFY_REASON_ALL_ALERTS_RESOLVED",
        Reason::RepeatIntervalElapsed => "NOTIFY_REASON_REPEAT_INTERVAL_ELAPSED",
        Reason::None | Reason::Unknown => "",
    }
}
