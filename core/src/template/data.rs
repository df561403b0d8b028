//! Template data of JSON, in the form of a webhook's body.

use alloc::{
    string::{String, ToString as _},
    sync::Arc,
    vec::Vec,
};

use serde::Deserialize;

use super::{Alert, Data, Kv, Text, Time};

#[derive(Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[derive(Default)]
struct RawData {
    receiver: String,
    status: String,
    alerts: Option<Vec<RawAlert>>,
    #[serde(rename = "notification_reason")]
    notification_reason: String,
    group_labels: RawKv,
    common_labels: RawKv,
    common_annotations: RawKv,
    route_labels: RawKv,
    #[serde(rename = "externalURL")]
    external_url: String,
}

type RawKv = Option<alloc::collections::BTreeMap<String, String>>;

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct RawAlert {
    status: String,
    labels: RawKv,
    annotations: RawKv,
    starts_at: Option<String>,
    ends_at: Option<String>,
    #[serde(rename = "generatorURL")]
    generator_url: String,
    fingerprint: String,
}

fn kv(raw: RawKv) -> Kv {
    raw.map_or_else(Kv::default, Kv::new)
}

fn time(raw: Option<String>) -> Result<Time, String> {
    raw.map_or_else(|| Ok(Time::default()), |text| Time::parse_rfc3339(&text))
}

impl Data {
    /// Reads the data from JSON; unknown fields are ignored, missing ones are empty.
    ///
    /// # Errors
    /// The text is no JSON object of the right shape, or a time is none.
    pub fn from_json(text: &str) -> Result<Self, String> {
        let raw: RawData = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let alerts = match raw.alerts {
            None => None,
            Some(alerts) => {
                let alerts = alerts.into_iter().map(|raw| {
                    Ok(Arc::new(Alert {
                        status: raw.status.into(),
                        labels: kv(raw.labels),
                        annotations: kv(raw.annotations),
                        starts_at: time(raw.starts_at)?,
                        ends_at: time(raw.ends_at)?,
                        generator_url: raw.generator_url.into(),
                        fingerprint: raw.fingerprint.into(),
                    }))
                });
                Some(alerts.collect::<Result<_, String>>()?)
            }
        };
        Ok(Self {
            receiver: Text::from(raw.receiver),
            status: raw.status.into(),
            alerts,
            notification_reason: raw.notification_reason.into(),
            group_labels: kv(raw.group_labels),
            common_labels: kv(raw.common_labels),
            common_annotations: kv(raw.common_annotations),
            route_labels: kv(raw.route_labels),
            external_url: raw.external_url.into(),
        })
    }
}
