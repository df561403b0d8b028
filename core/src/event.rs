//! What the node reports to the log: typed events without secrets.
//!
//! The table behind [`Event`] declares each event once: its fields, level, component and message.
//! A runtime writes the ones at or above its level with [`write_logfmt`] or [`write_json`].

mod record;
mod table;
mod write;

use alloc::string::String;

use serde::{Deserialize, Serialize};

pub use self::{
    record::{Record, Value},
    table::Event,
    write::{write_json, write_logfmt},
};
use crate::time::Timestamp;

/// How much an event matters.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum Level {
    /// Detail for whoever looks for a fault.
    Debug,
    /// The normal course of things.
    #[default]
    Info,
    /// Something that may need attention.
    Warn,
    /// Something failed that should not.
    Error,
}

impl Level {
    /// Returns the level as log lines show it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
        }
    }
}

/// The format of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    /// `key=value` pairs.
    #[default]
    Logfmt,
    /// One JSON object per line.
    Json,
}

/// A part with state on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Part {
    /// The alert store.
    Alerts,
    /// The notification log.
    Nflog,
    /// The silences.
    Silences,
    /// The journal of changes since the last checkpoint.
    Journal,
}

impl Part {
    /// Returns the component that log lines show.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Alerts => "provider",
            Self::Nflog => "nflog",
            Self::Silences => "silences",
            Self::Journal => "journal",
        }
    }
}

/// Why the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Signal {
    /// SIGINT, as from a terminal.
    Interrupt,
    /// SIGTERM, as from a service manager.
    Terminate,
}

impl Signal {
    const fn message(self) -> &'static str {
        match self {
            Self::Interrupt => "Received SIGINT, exiting gracefully...",
            Self::Terminate => "Received SIGTERM, exiting gracefully...",
        }
    }
}

/// What happened to a silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SilenceChange {
    /// It is new.
    Create,
    /// It was changed in place.
    Update,
    /// It was ended.
    Expire,
}

impl SilenceChange {
    const fn message(self) -> &'static str {
        match self {
            Self::Create => "create silence",
            Self::Update => "update silence",
            Self::Expire => "expire silence",
        }
    }
}

impl Event {
    /// Appends the event as one line, with its newline.
    pub fn write_line(&self, wall: Timestamp, format: Format, out: &mut String) {
        let record = self.record(wall);
        match format {
            Format::Logfmt => write_logfmt(&record, out),
            Format::Json => write_json(&record, out),
        }
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use alloc::{string::ToString as _, vec};
    use core::time::Duration;

    use super::*;

    const WALL: Timestamp = Timestamp::from_parts(1_795_308_882, 486_000_700);

    fn lines(event: &Event) -> (String, String) {
        let (mut logfmt, mut json) = (String::new(), String::new());
        event.write_line(WALL, Format::Logfmt, &mut logfmt);
        event.write_line(WALL, Format::Json, &mut json);
        (logfmt, json)
    }

    #[test]
    fn lines_look_like_alertmanagers() {
        let (logfmt, json) = lines(&Event::Listening { address: "127.0.0.1:9093".to_string() });
        assert_eq!(
            logfmt,
            "time=2026-11-22T00:54:42.486Z level=INFO source=event.rs:Listening \
             msg=\"Listening on\" address=127.0.0.1:9093\n"
        );
        assert_eq!(
            json,
            "{\"time\":\"2026-11-22T00:54:42.4860007Z\",\"level\":\"INFO\",\
             \"source\":\"event.rs:Listening\",\"msg\":\"Listening on\",\
             \"address\":\"127.0.0.1:9093\"}\n"
        );
        let (logfmt, json) = lines(&Event::NotifySuccess {
            receiver: "team x".into(),
            integration: "webhook[0]".into(),
            group_key: "{}:{a=\"b\"}".into(),
            alerts: 2,
            attempts: 3,
            duration: Duration::from_millis(1500),
        });
        assert!(logfmt.ends_with(
            "level=INFO source=event.rs:NotifySuccess msg=\"Notify success\" component=dispatcher \
             receiver=\"team x\" integration=webhook[0] aggrGroup=\"{}:{a=\\\"b\\\"}\" alerts=2 \
             attempts=3 duration=1.5s\n"
        ));
        assert!(json.contains("\"aggrGroup\":\"{}:{a=\\\"b\\\"}\",\"alerts\":2,"));
    }

    #[test]
    fn silences_log_alertmanagers_keys() {
        let (logfmt, _) = lines(&Event::SilenceChanged {
            change: SilenceChange::Expire,
            id: "7c2b".into(),
            created_by: "me".into(),
            comment: "".into(),
            starts_at: Timestamp::EPOCH,
            ends_at: Timestamp::from_parts(1, 5),
            matchers: "a=b,c=~d".into(),
        });
        assert!(logfmt.ends_with(
            "msg=\"expire silence\" component=silences Id=7c2b CreatedBy=me Comment=\"\" \
             StartsAt=1970-01-01T00:00:00Z EndsAt=1970-01-01T00:00:01Z Matchers=\"a=b,c=~d\"\n"
        ));
    }

    #[test]
    fn lists_and_levels() {
        let event = Event::Notification {
            receiver: "log".into(),
            status: "firing".into(),
            group_key: "{}:{}".into(),
            reason: "first notification".into(),
            firing: 2,
            resolved: 0,
            alerts: vec!["A".into(), "B c".into()],
        };
        assert_eq!(event.level(), Level::Info);
        let (logfmt, json) = lines(&event);
        assert!(logfmt.ends_with("firing=2 resolved=0 alerts=\"[A B c]\"\n"), "{logfmt}");
        assert!(json.ends_with("\"alerts\":[\"A\",\"B c\"]}\n"), "{json}");
        assert!(Level::Debug < Level::Error);
    }

    #[test]
    fn values_are_quoted_when_they_must() {
        for (text, shown) in [
            ("", "\"\""),
            ("a\\b", "a\\b"),
            ("a\"b", "\"a\\\"b\""),
            ("a=b", "\"a=b\""),
            ("é", "é"),
            ("a\u{a0}b", "\"a\\u00a0b\""),
            ("x\u{1}\n", "\"x\\x01\\n\""),
            ("\u{e0001}", "\"\\U000e0001\""),
            ("\u{fffd}", "\"\u{fffd}\""),
            ("DEL\u{7f}", "DEL\u{7f}"),
        ] {
            let (logfmt, json) = lines(&Event::Listening { address: text.to_string() });
            let tail = logfmt.split_once("address=").expect("the field").1;
            assert_eq!(tail.trim_end_matches('\n'), shown, "{text:?}");
            let back: serde_json::Value = serde_json::from_str(&json).expect("valid JSON");
            assert_eq!(back["address"], text);
        }
    }
}
