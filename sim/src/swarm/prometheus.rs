//! A Prometheus server as its alert managers meet it: it evaluates its rules every so often, posts
//! what is new at once and what fires again and again, and says for a while that something is over.

use std::{collections::BTreeMap, time::Duration};

use campana_core::time::Instant;

use super::truth::{Span, Truth};

/// How long it says that an alert is over.
const TELLS_RESOLVED: Duration = Duration::from_secs(15 * 60);

/// What it knows of one alert.
#[derive(Clone, Copy, Debug)]
struct Known {
    fire: Span,
    /// When it saw it fire first.
    since: Instant,
    /// When it saw that it is over.
    over: Option<Instant>,
    sent_at: Option<Instant>,
}

/// A server.
#[derive(Debug, Default)]
pub(super) struct Prometheus {
    known: BTreeMap<usize, Known>,
    pub(super) is_down: bool,
}

/// One alert of a post: its place in the truth, its start, and its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Post {
    pub(super) alert: usize,
    pub(super) start: Instant,
    pub(super) end: Instant,
    pub(super) fires: bool,
}

impl Prometheus {
    /// Evaluates the rules; returns what is to be posted.
    pub(super) fn evaluate(&mut self, now: Instant, truth: &Truth, resend: Duration) -> Vec<Post> {
        let mut posts = Vec::new();
        for (index, alert) in truth.alerts.iter().enumerate() {
            let firing = alert.firing_at(now);
            let known = self.known.entry(index);
            let mut known = match (firing, known) {
                (Some(fire), std::collections::btree_map::Entry::Vacant(_)) => {
                    Known { fire, since: now, over: None, sent_at: None }
                }
                (Some(fire), std::collections::btree_map::Entry::Occupied(entry)) => {
                    let known = *entry.get();
                    if known.fire == fire && known.over.is_none() {
                        known
                    } else {
                        Known { fire, since: now, over: None, sent_at: None }
                    }
                }
                (None, std::collections::btree_map::Entry::Vacant(_)) => continue,
                (None, std::collections::btree_map::Entry::Occupied(entry)) => {
                    let mut known = *entry.get();
                    match known.over {
                        None => (known.over, known.sent_at) = (Some(now), None),
                        Some(over) if now.since(over) > TELLS_RESOLVED => {
                            entry.remove();
                            continue;
                        }
                        Some(_) => {}
                    }
                    known
                }
            };
            if known.sent_at.is_none_or(|at| now.since(at) >= resend) {
                known.sent_at = Some(now);
                let end = known.over.unwrap_or(now + resend * 4);
                let fires = known.over.is_none();
                posts.push(Post { alert: index, start: known.since, end, fires });
            }
            self.known.insert(index, known);
        }
        posts
    }

    /// Forgets everything, as a restart does.
    pub(super) fn restart(&mut self) {
        self.known.clear();
        self.is_down = false;
    }
}
