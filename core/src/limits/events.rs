//! The bounds of the event recorder. Where nothing else is said, the values are Alertmanager's.

use core::time::Duration;

/// Events that wait to be handed to the outputs; what comes beyond is dropped and counted.
pub const EVENTS_WAITING_MAX: usize = 8192;

/// Events that are handed to the outputs at once.
pub const EVENTS_PER_WRITE_MAX: usize = 1024;

/// Events that wait for one URL; what comes beyond is dropped and counted.
pub const EVENTS_PER_OUTPUT_MAX: usize = 1024;

/// Posts to one URL at a time, unless it is configured.
pub const EVENT_WORKERS: usize = 4;

/// How long a post may take, unless it is configured.
pub const EVENT_POST_TIMEOUT: Duration = Duration::from_secs(10);

/// How often a post is tried, unless it is configured; then its events are dropped.
pub const EVENT_POST_TRIES: usize = 3;

/// The first pause between two tries, unless it is configured. It doubles from try to try.
pub const EVENT_POST_WAIT: Duration = Duration::from_millis(500);

/// The longest pause between two tries.
pub const EVENT_POST_WAIT_MAX: Duration = Duration::from_secs(30);

/// Events of one post, where they are gathered and nothing else is configured.
pub const EVENT_BATCH_MAX: usize = 100;

/// Bytes of one post that gathers events, unless it is configured. One longer event goes alone.
pub const EVENT_BATCH_BYTES: usize = 1 << 20;

/// How long an event waits for others, where they are gathered and nothing else is configured.
pub const EVENT_BATCH_WAIT: Duration = Duration::from_millis(100);

/// How long a shutdown, or an output that a reload took away, waits for events still to go out.
pub const EVENT_DRAIN: Duration = Duration::from_secs(30);
