//! The values that templates compute with, each of a Go type.

use alloc::{collections::BTreeMap, string::String, sync::Arc, vec::Vec};

use super::clock::{Time, Zone};

/// A shared text.
pub type Text = Arc<str>;

/// A value of a template.
#[derive(Clone, Debug, Default)]
pub enum Value {
    /// No value: `nil`, or what is missing.
    #[default]
    Nil,
    /// A truth value.
    Bool(bool),
    /// An integer of one of Go's types.
    Int(i64, IntType),
    /// A float64.
    Float(f64),
    /// A complex128.
    Complex(f64, f64),
    /// A string.
    Str(Text),
    /// A string that the html engine trusts for a purpose.
    Safe(Safe, Text),
    /// `[]interface {}`; see [`Value::list`].
    List(Arc<[Self]>, Depth),
    /// `[]string`, or the same with a method to join it.
    Strings(Arc<[Text]>, StringsType),
    /// `[]uint8`
    Bytes(Arc<[u8]>),
    /// `map[string]interface {}`; see [`Value::map`].
    Map(Arc<BTreeMap<Text, Self>>, Depth),
    /// A label or annotation set.
    Kv(Kv),
    /// The pairs of a set in order.
    Pairs(Arc<[Pair]>),
    /// A name and its value.
    Pair(Pair),
    /// What a notification is about.
    Data(Arc<Data>),
    /// The alerts of a notification; the flag is set for the typed list, which has methods.
    Alerts(Option<Arc<[Arc<Alert>]>>, bool),
    /// An alert.
    Alert(Arc<Alert>),
    /// A point in time.
    Time(Time),
    /// A time zone.
    Zone(Zone),
}

/// How deep values are nested in a value. It is bounded where templates build values, because
/// printing and dropping them recurses.
pub type Depth = u16;

/// The type of an integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntType {
    /// `int`
    Int,
    /// `int64`
    Int64,
    /// `uint8`
    Uint8,
    /// `uint64`, of which only values that an `int64` holds occur
    Uint64,
    /// `time.Duration`, nanoseconds
    Duration,
    /// `time.Month`, January being 1
    Month,
    /// `time.Weekday`, Sunday being 0
    Weekday,
}

/// The type of a list of strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StringsType {
    /// `[]string`
    Plain,
    /// `template.Strings`
    Named,
}

/// What a trusted string is trusted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Safe {
    /// It is HTML.
    Html,
    /// It is a URL or a part of one.
    Url,
}

/// A label or annotation set, sorted by name. The nil set differs from an empty one in JSON only.
#[derive(Clone, Debug, Default)]
pub struct Kv(Option<Arc<[Pair]>>);

/// A name and its value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pair {
    /// The name.
    pub name: Text,
    /// The value.
    pub value: Text,
}

impl Kv {
    /// Makes a set; the last of equal names wins.
    pub fn new<N: Into<Text>, V: Into<Text>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        let map: BTreeMap<Text, Text> =
            pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self(Some(map.into_iter().map(|(name, value)| Pair { name, value }).collect()))
    }

    /// Returns the pairs by name.
    pub fn pairs(&self) -> &[Pair] {
        self.0.as_deref().unwrap_or_default()
    }

    /// Tells whether this is the nil set.
    pub const fn is_nil(&self) -> bool {
        self.0.is_none()
    }

    /// Returns the value of a name, or nothing.
    pub fn value_of(&self, name: &str) -> Option<&Text> {
        let pairs = self.pairs();
        let at = pairs.binary_search_by(|pair| (*pair.name).cmp(name)).ok()?;
        Some(&pairs[at].value)
    }

    /// Returns the pairs with the alert's name first.
    pub fn sorted_pairs(&self) -> Vec<Pair> {
        let is_name = |pair: &&Pair| &*pair.name == "alertname";
        let first = self.pairs().iter().filter(is_name);
        first.chain(self.pairs().iter().filter(|pair| !is_name(pair))).cloned().collect()
    }

    /// Returns the set without some names.
    pub fn remove(&self, names: &[Text]) -> Self {
        Self(Some(
            self.pairs().iter().filter(|pair| !names.contains(&pair.name)).cloned().collect(),
        ))
    }
}

/// What a notification is about: the root of its templates.
#[derive(Clone, Debug, Default)]
pub struct Data {
    /// The receiver's name with the characters of regular expressions escaped.
    pub receiver: Text,
    /// `firing` or `resolved`.
    pub status: Text,
    /// The alerts in order; `None` is Go's nil list.
    pub alerts: Option<Arc<[Arc<Alert>]>>,
    /// Why the notification is sent.
    pub notification_reason: Text,
    /// The labels the group was made by.
    pub group_labels: Kv,
    /// The labels that all alerts share.
    pub common_labels: Kv,
    /// The annotations that all alerts share.
    pub common_annotations: Kv,
    /// The route's labels, rendered.
    pub route_labels: Kv,
    /// Where users reach this server; no trailing slash.
    pub external_url: Text,
}

/// An alert as templates see it.
#[derive(Clone, Debug, Default)]
pub struct Alert {
    /// `firing` or `resolved`.
    pub status: Text,
    /// Its labels.
    pub labels: Kv,
    /// Its annotations.
    pub annotations: Kv,
    /// Since when it fires.
    pub starts_at: Time,
    /// When it ended, or the zero time.
    pub ends_at: Time,
    /// Where it comes from.
    pub generator_url: Text,
    /// Its fingerprint in hexadecimal.
    pub fingerprint: Text,
}

impl Value {
    /// Makes an `int`.
    pub const fn int(value: i64) -> Self {
        Self::Int(value, IntType::Int)
    }

    /// Makes a string.
    pub fn text(value: impl Into<Text>) -> Self {
        Self::Str(value.into())
    }

    /// Makes a list of any values.
    pub fn list(items: Vec<Self>) -> Self {
        let depth = items.iter().map(Self::depth).max().unwrap_or(0).saturating_add(1);
        Self::List(items.into(), depth)
    }

    /// Makes a map of any values.
    pub fn map(entries: BTreeMap<Text, Self>) -> Self {
        let depth = entries.values().map(Self::depth).max().unwrap_or(0).saturating_add(1);
        Self::Map(Arc::new(entries), depth)
    }

    /// Returns how deep lists and maps are nested in it.
    pub(super) const fn depth(&self) -> Depth {
        match self {
            Self::List(_, depth) | Self::Map(_, depth) => *depth,
            _ => 0,
        }
    }

    /// Makes a value of JSON; numbers without fraction and exponent are ints.
    pub fn from_json(json: &serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Self::Nil,
            serde_json::Value::Bool(value) => Self::Bool(*value),
            serde_json::Value::Number(number) => match number.as_i64() {
                Some(int) => Self::int(int),
                None => Self::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            serde_json::Value::String(text) => Self::text(text.as_str()),
            serde_json::Value::Array(items) => {
                Self::list(items.iter().map(Self::from_json).collect())
            }
            serde_json::Value::Object(map) => Self::map(
                map.iter().map(|(k, v)| (k.as_str().into(), Self::from_json(v))).collect(),
            ),
        }
    }

    /// Returns the name of its Go type.
    pub(super) const fn type_name(&self) -> &'static str {
        match self {
            Self::Nil => "<nil>",
            Self::Bool(_) => "bool",
            Self::Int(_, kind) => kind.name(),
            Self::Float(_) => "float64",
            Self::Complex(..) => "complex128",
            Self::Str(_) => "string",
            Self::Safe(Safe::Html, _) => "template.HTML",
            Self::Safe(Safe::Url, _) => "template.URL",
            Self::List(..) => "[]interface {}",
            Self::Strings(_, StringsType::Plain) => "[]string",
            Self::Strings(_, StringsType::Named) => "template.Strings",
            Self::Bytes(_) => "[]uint8",
            Self::Map(..) => "map[string]interface {}",
            Self::Kv(_) => "template.KV",
            Self::Pairs(_) => "template.Pairs",
            Self::Pair(_) => "template.Pair",
            Self::Data(_) => "template.Data",
            Self::Alerts(_, true) => "template.Alerts",
            Self::Alerts(_, false) => "[]template.Alert",
            Self::Alert(_) => "template.Alert",
            Self::Time(_) => "time.Time",
            Self::Zone(_) => "*time.Location",
        }
    }

    /// Go's truth: whether the value is not the zero of its kind; structs always are.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Nil => false,
            Self::Bool(value) => *value,
            Self::Int(value, _) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::Complex(re, im) => *re != 0.0 || *im != 0.0,
            Self::Str(text) | Self::Safe(_, text) => !text.is_empty(),
            Self::Data(_) | Self::Alert(_) | Self::Pair(_) | Self::Time(_) | Self::Zone(_) => true,
            _ => self.len().is_some_and(|len| len > 0),
        }
    }

    /// Returns the length of what has one.
    pub(super) fn len(&self) -> Option<usize> {
        Some(match self {
            Self::Str(text) | Self::Safe(_, text) => text.len(),
            Self::List(items, _) => items.len(),
            Self::Strings(items, _) => items.len(),
            Self::Bytes(bytes) => bytes.len(),
            Self::Map(map, _) => map.len(),
            Self::Kv(kv) => kv.pairs().len(),
            Self::Pairs(pairs) => pairs.len(),
            Self::Alerts(alerts, _) => alerts.as_ref().map_or(0, |alerts| alerts.len()),
            _ => return None,
        })
    }

    /// Returns an element of a list; `None` for what is no list, or beyond its end.
    pub(super) fn item(&self, at: usize) -> Option<Val> {
        Some(match self {
            Self::List(items, _) => Val::dynamic(items.get(at)?.clone()),
            Self::Strings(items, _) => Self::Str(items.get(at)?.clone()).into(),
            Self::Bytes(bytes) => Self::Int(i64::from(*bytes.get(at)?), IntType::Uint8).into(),
            Self::Pairs(pairs) => Self::Pair(pairs.get(at)?.clone()).into(),
            Self::Alerts(alerts, _) => Self::Alert(alerts.as_ref()?.get(at)?.clone()).into(),
            _ => return None,
        })
    }

    /// Tells whether it is a list.
    pub(super) const fn is_list(&self) -> bool {
        matches!(
            self,
            Self::List(..) | Self::Strings(..) | Self::Bytes(_) | Self::Pairs(_) | Self::Alerts(..)
        )
    }

    /// Returns the text of a string of any type.
    pub(super) const fn as_text(&self) -> Option<&Text> {
        match self {
            Self::Str(text) | Self::Safe(_, text) => Some(text),
            _ => None,
        }
    }

    /// Returns the bytes of a list of bytes; nothing of anything else.
    pub(super) fn bytes(&self) -> Arc<[u8]> {
        match self {
            Self::Bytes(bytes) => bytes.clone(),
            _ => [].into(),
        }
    }

    /// Returns the fields of a struct in order.
    pub(super) fn fields(&self) -> Option<Vec<(&'static str, Self)>> {
        let text = |text: &Text| Self::Str(text.clone());
        Some(match self {
            Self::Pair(pair) => [("Name", text(&pair.name)), ("Value", text(&pair.value))].into(),
            Self::Alert(alert) => [
                ("Status", text(&alert.status)),
                ("Labels", Self::Kv(alert.labels.clone())),
                ("Annotations", Self::Kv(alert.annotations.clone())),
                ("StartsAt", Self::Time(alert.starts_at.clone())),
                ("EndsAt", Self::Time(alert.ends_at.clone())),
                ("GeneratorURL", text(&alert.generator_url)),
                ("Fingerprint", text(&alert.fingerprint)),
            ]
            .into(),
            Self::Data(data) => [
                ("Receiver", text(&data.receiver)),
                ("Status", text(&data.status)),
                ("Alerts", Self::Alerts(data.alerts.clone(), true)),
                ("NotificationReason", text(&data.notification_reason)),
                ("GroupLabels", Self::Kv(data.group_labels.clone())),
                ("CommonLabels", Self::Kv(data.common_labels.clone())),
                ("CommonAnnotations", Self::Kv(data.common_annotations.clone())),
                ("RouteLabels", Self::Kv(data.route_labels.clone())),
                ("ExternalURL", text(&data.external_url)),
            ]
            .into(),
            _ => return None,
        })
    }

    /// Returns the text of a value whose type says how it prints (Go's Stringer).
    pub(super) fn stringer(&self) -> Option<String> {
        match self {
            Self::Kv(kv) => Some(pairs_text(&kv.sorted_pairs())),
            Self::Pairs(pairs) => Some(pairs_text(pairs)),
            Self::Time(time) => Some(time.to_text()),
            Self::Zone(zone) => Some(zone.name().into()),
            Self::Int(value, kind) => kind.text(*value),
            _ => None,
        }
    }
}

fn pairs_text(pairs: &[Pair]) -> String {
    let mut out = String::new();
    for (i, pair) in pairs.iter().enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        out.push_str(&pair.name);
        out.push('=');
        out.push_str(&pair.value);
    }
    out
}

impl IntType {
    const fn name(self) -> &'static str {
        match self {
            Self::Int => "int",
            Self::Int64 => "int64",
            Self::Uint8 => "uint8",
            Self::Uint64 => "uint64",
            Self::Duration => "time.Duration",
            Self::Month => "time.Month",
            Self::Weekday => "time.Weekday",
        }
    }

    fn text(self, value: i64) -> Option<String> {
        match self {
            Self::Duration => Some(crate::time::duration::format_go(value)),
            Self::Month => Some(super::layout::month_name(value)),
            Self::Weekday => Some(super::layout::weekday_name(value)),
            _ => None,
        }
    }
}

/// A value where an expression stands, with whether its static type is `interface {}`, which a few
/// rules and messages depend on.
#[derive(Clone, Debug, Default)]
pub(super) struct Val {
    pub(super) value: Value,
    pub(super) dynamic: bool,
}

impl Val {
    pub(super) const fn dynamic(value: Value) -> Self {
        Self { value, dynamic: true }
    }

    pub(super) const fn type_name(&self) -> &'static str {
        if self.dynamic { "interface {}" } else { self.value.type_name() }
    }

    /// Whether there is nothing at all, not even a nil of some type.
    pub(super) const fn is_missing(&self) -> bool {
        !self.dynamic && matches!(self.value, Value::Nil)
    }
}

impl From<Value> for Val {
    fn from(value: Value) -> Self {
        Self { value, dynamic: false }
    }
}
