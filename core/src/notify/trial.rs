//! Trials: what an integration would do with made-up alerts, to find broken texts at load.

use alloc::{collections::BTreeMap, format, string::String, sync::Arc, vec::Vec};

use super::{
    Integration, Job, Notification, Outcome, Told,
    data::Data,
    memory::Memory,
    render::{Render, TEMPLATE_ERROR},
    request::{Files, Hidden},
    service::Talk,
};
use crate::{
    alert::Alert,
    label::Labels,
    nflog::Reason,
    template::Set,
    time::{Stamp, Timestamp},
    yaml::Out,
};

/// 2024-01-01 00:00:00 UTC, when the made-up alerts begin.
const BEGIN: i64 = 1_704_067_200;

/// What is wrong with an integration's texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The setting, as `title` or `fields[0].value`; empty when it is not known.
    pub field: String,
    /// Why it fails.
    pub error: String,
}

/// Renders every text of an integration about made-up alerts, first firing, then resolved, and lets
/// it make its first request; returns the first failure of a template.
pub fn run(receiver: &Arc<str>, integration: &Arc<Integration>, templates: &Set) -> Option<Broken> {
    [false, true].into_iter().find_map(|resolved| {
        let job = job(receiver, integration, templates, resolved);
        let now = Timestamp::from_parts(BEGIN + 120, 0);
        let broken = each_text(&integration.kind.print(), "", &mut |field, text| {
            let mut render = Render::new(Data::new(&job, 0), templates, now);
            render.text(text);
            render.error().map(|error| Broken { field: field.into(), error: error.into() })
        });
        broken.or_else(|| first_turn(&job, now))
    })
}

/// Visits the texts that hold a template, with the place of each.
fn each_text(
    out: &Out,
    place: &str,
    visit: &mut impl FnMut(&str, &str) -> Option<Broken>,
) -> Option<Broken> {
    match out {
        Out::Text(text) if text.contains("{{") => visit(place, text),
        Out::Text(_) | Out::TextBeforeFlow(_) | Out::Bare(_) => None,
        Out::List(items) | Out::Flow(items) => items
            .iter()
            .enumerate()
            .find_map(|(i, item)| each_text(item, &format!("{place}[{i}]"), visit)),
        Out::Map(entries) => entries.iter().find_map(|(key, value)| match place {
            "" => each_text(value, key.as_str(), visit),
            place => each_text(value, &format!("{place}.{}", key.as_str()), visit),
        }),
    }
}

fn first_turn(job: &Job, now: Timestamp) -> Option<Broken> {
    let integration = &job.integration;
    let talk = Talk {
        job,
        now,
        nonce: 0,
        answers: &[],
        memory: &Memory::default(),
        files: &Files::made_up(integration.kind.files(), &integration.http),
        hidden: &Hidden::default(),
    };
    match integration.kind.turn(&talk) {
        Err(Outcome::Fail { error, .. } | Outcome::Retry { error, .. }) => {
            let error = error.strip_prefix(TEMPLATE_ERROR)?.into();
            Some(Broken { field: String::new(), error })
        }
        _ => None,
    }
}

fn job(
    receiver: &Arc<str>,
    integration: &Arc<Integration>,
    templates: &Set,
    resolved: bool,
) -> Job {
    let group_labels = Labels::from_pairs([("alertname", "Trial")]);
    let told = ["a", "b"].map(|instance| {
        let labels = Labels::from_pairs([
            ("alertname", "Trial"),
            ("instance", instance),
            ("job", "trial"),
            ("severity", "info"),
        ]);
        let stamp = |secs| Stamp::utc(Timestamp::from_parts(BEGIN + secs, 0));
        Told {
            fingerprint: labels.fingerprint(),
            hash: labels.nflog_hash(),
            resolved,
            alert: Alert {
                labels,
                annotations: Labels::from_pairs([
                    ("description", "A trial."),
                    ("summary", "A trial."),
                ]),
                generator_url: "http://localhost:9090/graph".into(),
                starts_at: stamp(0),
                ends_at: if resolved { stamp(60) } else { Stamp::ZERO },
                updated_at: stamp(0).at,
                timeout: false,
            },
        }
    });
    Job {
        notification: Arc::new(Notification {
            receiver: receiver.clone(),
            group_key: "{}:{alertname=\"Trial\"}".into(),
            group_labels,
            route_labels: Labels::empty(),
            alerts: Vec::from(told).into(),
            external_url: "http://localhost:9093".into(),
            tick: Timestamp::from_parts(BEGIN + 120, 0),
            flush: 1,
        }),
        integration: integration.clone(),
        reason: if resolved { Reason::AllAlertsResolved } else { Reason::FirstNotification },
        user_agent: "Alertmanager/trial".into(),
        environment: Arc::default(),
        hostname: "localhost".into(),
        templates: templates.clone(),
        stored: BTreeMap::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::{HttpConfig, Kind, discord::DiscordConfig};

    fn trial(config: DiscordConfig) -> Option<Broken> {
        let kind = Kind::Discord(config.into());
        let http = Arc::new(HttpConfig::default());
        let integration =
            Integration { name: kind.name(), kind, index: 0, send_resolved: true, http };
        run(&"x".into(), &Arc::new(integration), &Set::with_defaults())
    }

    #[test]
    fn a_broken_text_is_named() {
        assert_eq!(trial(DiscordConfig::default()), None);
        let message = "{{ if eq .Status \"resolved\" }}{{ .Nope }}{{ end }}".into();
        let broken = trial(DiscordConfig { message, ..DiscordConfig::default() }).expect("broken");
        assert_eq!(broken.field, "message");
        assert!(broken.error.contains("can't evaluate field Nope"), "{}", broken.error);
    }
}
