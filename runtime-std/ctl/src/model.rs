//! What the API says, in the order of fields in which Alertmanager's tool prints it.

use std::collections::BTreeMap;

use campana_core::{
    template::Time,
    time::{
        Stamp,
        rfc3339::{parse_api, write_millis},
    },
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A time of the API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct When(pub(crate) Stamp);

impl When {
    /// Shows it by a Go layout, in its own zone.
    pub(crate) fn format(self, layout: &str) -> String {
        Time::from(self.0).format(layout)
    }

    /// Shows it as the API does.
    pub(crate) fn text(self) -> String {
        let mut text = String::new();
        write_millis(&mut text, self.0);
        text
    }
}

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_api(&text).map(Self).map_err(D::Error::custom)
    }
}

impl Serialize for When {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

/// Reads null as the default.
fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Label or annotation names and values.
pub(crate) type Pairs = BTreeMap<String, String>;

/// An alert of the server.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Alert {
    #[serde(deserialize_with = "nullable")]
    pub(crate) annotations: Pairs,
    pub(crate) ends_at: When,
    pub(crate) fingerprint: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) receivers: Vec<Receiver>,
    pub(crate) starts_at: When,
    pub(crate) status: AlertStatus,
    pub(crate) updated_at: When,
    #[serde(rename = "generatorURL", skip_serializing_if = "String::is_empty")]
    pub(crate) generator_url: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) labels: Pairs,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Receiver {
    pub(crate) name: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct AlertStatus {
    #[serde(deserialize_with = "nullable")]
    pub(crate) inhibited_by: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) muted_by: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) silenced_by: Vec<String>,
    pub(crate) state: String,
}

/// A silence of the server.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Silence {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) status: SilenceStatus,
    #[serde(default)]
    pub(crate) updated_at: When,
    #[serde(flatten)]
    pub(crate) body: SilenceBody,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct SilenceStatus {
    pub(crate) state: String,
}

/// What a user says about a silence.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SilenceBody {
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Pairs::is_empty")]
    pub(crate) annotations: Pairs,
    #[serde(default)]
    pub(crate) comment: String,
    #[serde(default)]
    pub(crate) created_by: String,
    pub(crate) ends_at: When,
    pub(crate) matchers: Vec<SilenceMatcher>,
    pub(crate) starts_at: When,
}

/// A silence to post.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct NewSilence {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) id: String,
    #[serde(flatten)]
    pub(crate) body: SilenceBody,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SilenceMatcher {
    /// Old servers do not say.
    #[serde(default = "equal")]
    pub(crate) is_equal: bool,
    pub(crate) is_regex: bool,
    pub(crate) name: String,
    pub(crate) value: String,
}

const fn equal() -> bool {
    true
}

impl SilenceMatcher {
    /// The operator.
    pub(crate) const fn op(&self) -> &'static str {
        match (self.is_equal, self.is_regex) {
            (true, false) => "=",
            (false, false) => "!=",
            (true, true) => "=~",
            (false, true) => "!~",
        }
    }
}

/// The answer to a posted silence.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Posted {
    #[serde(rename = "silenceID")]
    pub(crate) silence_id: String,
}

/// The server's status.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Status {
    pub(crate) cluster: Cluster,
    pub(crate) config: Config,
    pub(crate) uptime: When,
    pub(crate) version_info: Version,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Cluster {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) name: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) peers: Vec<Peer>,
    pub(crate) status: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Peer {
    pub(crate) address: String,
    pub(crate) name: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Config {
    pub(crate) original: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Version {
    pub(crate) branch: String,
    pub(crate) build_date: String,
    pub(crate) build_user: String,
    pub(crate) go_version: String,
    pub(crate) revision: String,
    pub(crate) version: String,
}

/// Returns JSON as Go writes it, which escapes what HTML could read, with a newline.
pub(crate) fn to_json(value: &impl Serialize) -> String {
    let plain = serde_json::to_string(value).expect("maps here have texts as keys");
    let mut out = String::with_capacity(plain.len() + 1);
    for c in plain.chars() {
        // None of these stands outside of a string.
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('\n');
    out
}
