//! Trials: what an integration would do with made-up alerts, to find broken texts at load.

use alloc::{collections::BTreeMap, string::String, sync::Arc, vec::Vec};

use super::{
    Integration, Job, Notification, Outcome, Told,
    memory::Memory,
    render::TEMPLATE_ERROR,
    request::{Files, Hidden},
    service::Talk,
};
use crate::{
    alert::Alert,
    label::Labels,
    nflog::Reason,
    template::Set,
    time::{Stamp, Timestamp},
};

/// 2024-01-01 00:00:00 UTC, when the made-up alerts begin.
const BEGIN: i64 = 1_704_067_200;

/// Renders an integration's texts for a firing and for a resolved notification. Returns the first
/// error of a template.
pub fn run(receiver: &Arc<str>, integration: &Arc<Integration>, templates: &Set) -> Option<String> {
    [false, true].into_iter().find_map(|resolved| {
        let job = job(receiver, integration, templates, resolved);
        let talk = Talk {
            job: &job,
            now: Timestamp::from_parts(BEGIN + 120, 0),
            nonce: 0,
            answers: &[],
            memory: &Memory::default(),
            files: &Files::made_up(integration.kind.files(), &integration.http),
            hidden: &Hidden::default(),
        };
        match integration.kind.turn(&talk) {
            Err(Outcome::Fail { error, .. } | Outcome::Retry { error, .. }) => {
                error.strip_prefix(TEMPLATE_ERROR).map(String::from)
            }
            _ => None,
        }
    })
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
