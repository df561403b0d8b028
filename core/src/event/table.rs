//! The events: each declared once, with its fields, level, component and message.

use alloc::{string::String, sync::Arc, vec::Vec};
use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    Level::{self, Debug, Error, Info, Warn},
    Part, Record, Signal, SilenceChange, Value,
    record::Field as _,
};
use crate::time::Timestamp;

macro_rules! key {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident $key:literal) => {
        $key
    };
}

/// Declares the events. One entry reads
/// `Name { field: Type, field as "shownKey": Type } => level, component, message;`
/// where the last three are expressions over the fields (as references), and the component may be
/// empty. Fields are shown in their order.
macro_rules! events {
    ($(
        $(#[doc = $doc:literal])+
        $name:ident { $($field:ident $(as $key:literal)?: $ty:ty),* $(,)? }
            => $level:expr, $component:expr, $msg:expr;
    )*) => {
        /// Something worth a line in the log. Never holds a secret.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Event {$(
            $(#[doc = $doc])+
            $name {$(
                #[doc = concat!("Shown as `", key!($field $($key)?), "`.")]
                $field: $ty,
            )*},
        )*}

        impl Event {
            /// Returns how much the event matters.
            #[allow(unused_variables, reason = "few levels depend on the fields")]
            pub fn level(&self) -> Level {
                match self {$(
                    Self::$name { $($field),* } => $level,
                )*}
            }

            /// Returns the event as a log line.
            pub fn record(&self, wall: Timestamp) -> Record<'_> {
                match self {$(
                    Self::$name { $($field),* } => {
                        let (level, component, msg): (_, &'static str, _) =
                            ($level, $component, $msg);
                        let source = concat!("event.rs:", stringify!($name));
                        let mut record = Record { wall, level, source, msg, fields: Vec::new() };
                        if !component.is_empty() {
                            record.push("component", Value::Text(component));
                        }
                        $(record.push(key!($field $($key)?), $field.value());)*
                        record
                    }
                )*}
            }
        }
    };
}

events! {
    // Process

    /// The process starts.
    Starting { version: String, branch: String, revision: String }
        => Info, "", "Starting campana";
    /// What the process was built with.
    BuildContext {
        language as "go": String, platform: String, user: String, date: String, tags: String,
    } => Info, "", "Build context";
    /// A feature was switched on by flag.
    FeatureEnabled { feature: String } => Warn, "", "Feature enabled";
    /// A setting is accepted for compatibility and does nothing.
    SettingIgnored { setting: String, reason: String } => Warn, "", "Setting has no effect";
    /// A listener is open.
    Listening { address: String } => Info, "", "Listening on";
    /// A listener speaks plain HTTP.
    TlsDisabled { http2: bool, address: String } => Info, "", "TLS is disabled.";
    /// A listener speaks TLS.
    TlsEnabled { http2: bool, address: String } => Info, "", "TLS is enabled.";
    /// The web side's file was read again and is in force.
    WebConfigLoaded { file: String } => Info, "web", "Loaded the changed web configuration";
    /// The web side's file, or what it names, cannot be used; what was in force stays.
    WebConfigFailed { file: String, err: String }
        => Error, "web", "Unable to use the web configuration, keeping the one in force";
    /// A client and the server did not agree on TLS.
    HandshakeFailed { err: String } => Debug, "web", "TLS handshake failed";
    /// A listener could not be opened.
    ListenFailed { address: String, err: String } => Error, "", "Listen error";
    /// A signal ends the process.
    SignalReceived { signal: Signal } => Info, "", signal.message();
    /// Everything is saved and closed.
    Stopped { duration: Duration } => Info, "", "Stopped";
    /// The grace period ended before all work did.
    ShutdownCut { sends: u64, requests: u64 }
        => Warn, "", "Shutdown grace period is over, giving up unfinished work";
    /// A pure computation panicked; its request was answered with an error.
    WorkPanicked { err: String } => Error, "", "Internal error in a computation";

    // Configuration

    /// A configuration is about to be read.
    ConfigurationLoading { file: String }
        => Info, "configuration", "Loading configuration file";
    /// A configuration is in force.
    ConfigurationLoaded { file: String }
        => Info, "configuration", "Completed loading of configuration file";
    /// A configuration was refused; the one before it stays in force.
    ConfigurationFailed { file: String, err: String }
        => Error, "configuration", "Loading configuration file failed";
    /// No file was named, so the embedded configuration is used.
    ConfigurationEmbedded {}
        => Info, "configuration", "No configuration file given, notifications go to the log";
    /// A reload was asked for.
    ReloadRequested { by: String } => Info, "configuration", "Reload requested";
    /// A receiver is not used by any route.
    ReceiverSkipped { receiver: Arc<str> }
        => Info, "configuration", "skipping creation of receiver not referenced by any route";
    /// A route repeats later than the notification log remembers.
    RepeatBeyondRetention { repeat_interval: Duration, retention: Duration, route: String }
        => Warn, "configuration",
        "repeat_interval is greater than the data retention period, notifications may repeat early";
    /// A route repeats faster than its groups are looked at.
    RepeatBelowGroupInterval { repeat_interval: Duration, group_interval: Duration, route: String }
        => Warn, "configuration",
        "repeat_interval is less than group_interval, notifications repeat at group_interval";
    /// A matcher is written in a way the other syntax reads differently or not at all.
    MatcherWarning { input: String, origin: String, warning: String }
        => Warn, "", "Matcher parsed with a warning";
    /// Something in the configuration deserves a look.
    ConfigurationWarning { warning: String } => Warn, "configuration", "Configuration warning";

    // State

    /// State was read from disk.
    Restored { part: Part, entries: u64, duration: Duration }
        => Info, part.as_str(), "Restored state";
    /// State could not be read from disk.
    RestoreFailed { part: Part, err: String } => Error, part.as_str(), "Restoring state failed";
    /// The end of a file was torn, as after a power loss, and was cut off.
    TailDropped { part: Part, file: String, offset: u64, bytes: u64 }
        => Warn, part.as_str(), "Dropped an incomplete record at the end of a file";
    /// A damaged file was kept under another name, and what it held that can be read was used.
    FileSetAside { file: String, kept_as as "keptAs": String, err: String }
        => Warn, "journal", "Set a damaged file aside";
    /// State of Alertmanager was taken over; its files are left as they were.
    Imported { part: Part, file: String, entries: u64 }
        => Info, part.as_str(), "Imported state of Alertmanager, its file is left untouched";
    /// State was written in Alertmanager's format.
    Exported { part: Part, file: String, entries: u64 }
        => Info, part.as_str(), "Exported state for Alertmanager";
    /// Garbage collection begins.
    MaintenanceRunning { part: Part } => Debug, part.as_str(), "Running maintenance";
    /// Garbage collection and checkpoint are done.
    MaintenanceDone { part: Part, removed: u64, bytes as "size": u64, duration: Duration }
        => Debug, part.as_str(), "Maintenance done";
    /// Garbage collection or checkpoint failed.
    MaintenanceFailed { part: Part, err: String }
        => Error, part.as_str(), "Running maintenance failed";
    /// A change could not be written to disk.
    AppendFailed { part: Part, err: String }
        => Error, part.as_str(), "Writing changes to disk failed, answers that promise it fail";
    /// Changes are written to disk again, those included that could not be before.
    AppendRecovered { part: Part }
        => Info, part.as_str(), "Writing changes to disk works again, all of them are on disk";

    // Alerts

    /// An alert was refused because too many share its name.
    AlertLimited { alertname: Arc<str>, err: String }
        => Warn, "provider", "error on set alert";
    /// Posted alerts were refused.
    AlertsInvalid { count: u64, err: String } => Debug, "api", "Failed to validate alerts";

    // Groups

    /// A group begins.
    GroupCreated { group_key as "aggrGroup": Arc<str> }
        => Debug, "dispatcher", "Created aggregation group";
    /// A group's timer fired.
    GroupFlushing { group_key as "aggrGroup": Arc<str>, alerts: u64 }
        => Debug, "dispatcher", "flushing";
    /// A group has no alerts left.
    GroupRemoved { group_key as "aggrGroup": Arc<str> }
        => Debug, "dispatcher", "Removed aggregation group";
    /// A label of a route could not be rendered and is left out.
    RouteLabelFailed { group_key as "aggrGroup": Arc<str>, label: Arc<str>, err: String }
        => Warn, "dispatcher", "Rendering a route label failed";

    // Notifications

    /// A receiver accepted a notification.
    NotifySuccess {
        receiver: Arc<str>, integration: Arc<str>, group_key as "aggrGroup": Arc<str>,
        alerts: u64, attempts: u32, duration: Duration,
    } => if *attempts > 1 { Info } else { Debug }, "dispatcher", "Notify success";
    /// An attempt failed and will be repeated.
    NotifyAttemptFailed {
        receiver: Arc<str>, integration: Arc<str>, group_key as "aggrGroup": Arc<str>,
        attempts: u32, err: String,
    } => Warn, "dispatcher", "Notify attempt failed, will retry later";
    /// A group could not notify; it tries again at its next flush.
    NotifyFailed { group_key as "aggrGroup": Arc<str>, num_alerts: u64, err: String }
        => Error, "dispatcher", "Notify for alerts failed";
    /// A notification was given up because of a reload, a shutdown or the end of its group.
    NotifyCanceled { group_key as "aggrGroup": Arc<str>, num_alerts: u64, err: String }
        => Debug, "dispatcher", "Notify for alerts canceled";
    /// Spans could not be exported; said once until an export succeeds.
    TracesNotExported { err: String, dropped: u64 }
        => Warn, "tracing", "Traces could not be exported";
    /// Events could not be written; said once until a write succeeds.
    EventsNotWritten { output: Arc<str>, events: u64, err: String }
        => Error, "eventrecorder", "Failed to write events";
    /// A post of the event recorder failed.
    EventPostFailed { output: Arc<str>, attempt: u64, err: String }
        => Warn, "eventrecorder", "Event recorder webhook POST failed";
    /// A post of the event recorder failed for the last time.
    EventPostGivenUp { output: Arc<str>, retries: u64 }
        => Error, "eventrecorder", "Event recorder webhook POST failed after retries, dropping event";
    /// A notification of the integration `log`.
    Notification {
        receiver: Arc<str>, status: Arc<str>, group_key as "aggrGroup": Arc<str>,
        reason: Arc<str>, firing: u64, resolved: u64, alerts: Vec<Arc<str>>,
    } => Info, "dispatcher", "notification";
    /// A secret or body file of a receiver could not be read.
    FileReadFailed { path: String, err: String } => Warn, "dispatcher", "Reading a file failed";

    // Silences and inhibition

    /// A silence changed, and `--log.silences` is on.
    SilenceChanged {
        change: SilenceChange, id as "Id": Arc<str>, created_by as "CreatedBy": Arc<str>,
        comment as "Comment": Arc<str>, starts_at as "StartsAt": Timestamp,
        ends_at as "EndsAt": Timestamp, matchers as "Matchers": Arc<str>,
    } => Info, "silences", change.message();
    /// A stored silence has matchers that cannot be read.
    SilenceBroken { id: Arc<str>, err: String }
        => Error, "silences", "A silence's matchers cannot be read, it mutes nothing";
    /// Two inhibition rules share a name.
    InhibitRuleNameRepeated { name: Arc<str> }
        => Debug, "inhibitor", "Inhibition rules share a name";

    // Cluster

    /// A member is there.
    PeerJoined { peer: Arc<str>, address: String } => Debug, "cluster", "peer joined";
    /// A member has failed or left.
    PeerLeft { peer: Arc<str>, address: String } => Debug, "cluster", "peer left";
    /// Two members use the same name.
    PeerNameConflict { peer: Arc<str>, address: String, other: String }
        => Warn, "cluster", "Two peers use the same name";
    /// No known peer could be reached at start; they are tried again.
    JoinFailed { err: String } => Warn, "cluster", "unable to join gossip mesh";
    /// A peer's name could not be resolved; it is tried again.
    PeerUnresolved { peer: String, err: String }
        => Warn, "cluster", "Resolving a peer's name failed";
    /// An exchange with a peer failed; it is tried again.
    PeerUnreachable { address: String, err: String }
        => Debug, "cluster", "Exchange with a peer failed";
    /// A peer that failed long ago is no longer tried.
    PeerForgotten { address: String } => Debug, "cluster", "failed peer has timed out";
    /// A peer answers by TCP only.
    PeerWithoutUdp { peer: Arc<str>, address: String }
        => Warn, "cluster", "Peer is reachable by TCP but not by UDP";
    /// Peers elsewhere cannot reach the address this instance tells them.
    AdvertiseUnroutable { address: String }
        => Warn, "cluster", "This instance advertises itself on an unroutable address";
    /// Members must be known to agree before the first notification.
    SettleWaiting { interval: Duration } => Info, "cluster", "Waiting for gossip to settle...";
    /// The number of members has not changed for a while.
    GossipSettled { polls: u64, elapsed: Duration }
        => Info, "cluster", "gossip settled; proceeding";
    /// The wait for agreement ended without it.
    GossipNotSettled { polls: u64, elapsed: Duration }
        => Warn, "cluster", "gossip not settled but continuing anyway";
    /// A record of a peer could not be used; the others of its message were.
    GossipRecordRefused { err: String } => Warn, "cluster", "Refused a gossiped record";
    /// Bytes from the network are no gossip of this cluster.
    GossipRefused { address: String, err: String } => Warn, "cluster", "Refused gossip";
    /// A record could not be sent to a peer; it is sent again.
    GossipUndelivered { peer: Arc<str>, key: String, err: String }
        => Debug, "cluster", "Sending records to a peer failed";
    /// Records were dropped because too many wait; full exchanges repair it.
    GossipDropped { key: String, count: u64 }
        => Warn, "cluster", "Too many records wait to be gossiped, dropped some";
    /// The members could not be told in time that this one leaves.
    LeaveTimedOut {}
        => Warn, "cluster", "unable to leave gossip mesh: timeout waiting for leave broadcast";

    // Requests and inputs

    /// A client uses the removed first version of the API.
    ApiV1Used { method: String, path: String }
        => Warn, "api", "API v1 has been removed, use API v2 instead";
    /// A request ended with a server error.
    RequestFailed { method: String, path: String, code: u16, err: String }
        => Error, "api", "Request failed";
    /// A request was refused because of what it says.
    RequestRefused { method: String, path: String, code: u16, err: String }
        => Debug, "api", "Request refused";
    /// A connection was turned away because too many are open.
    ConnectionsLimited { limit: u64 } => Warn, "api", "Too many connections, refusing new ones";
    /// A GET request was turned away because too many run.
    RequestsLimited { limit: u64 } => Warn, "api", "Too many concurrent GET requests";
    /// A queue or table is full and something was dropped.
    LimitReached { what: String, limit: u64 } => Warn, "", "Limit reached";
    /// An answer came for something that is no longer waited for.
    InputIgnored { what: String, id: u64 } => Debug, "", "Ignored an unknown or late answer";
}
