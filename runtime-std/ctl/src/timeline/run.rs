//! A node of its own in a time of its own, and what it does to one alert.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use campana_core::{
    alert::AlertBatch,
    api::Call,
    cli::Options,
    config::Config,
    event::{Event, Level},
    id::{CallId, RouteId},
    label::Labels,
    node::{Input, Node, Output, Start},
    notify::{Integration, Kind, log::LogConfig},
    persist::Saved,
    rng::Seed,
    time::{Instant, Now, Stamp, Timestamp},
};

use crate::session::Failure;

/// What happens to the alert.
pub(super) struct Plan {
    /// Its labels.
    pub(super) labels: Labels,
    /// When it fires first.
    pub(super) start: Timestamp,
    /// How often it is posted again.
    pub(super) resend: Duration,
    /// When it resolves, counted from the start.
    pub(super) resolve_after: Option<Duration>,
    /// How long to look.
    pub(super) span: Duration,
}

/// A look at a group: its tick.
pub(super) struct Look {
    /// When.
    pub(super) at: Timestamp,
    /// The group's route.
    pub(super) route: RouteId,
    /// The group's key, which groups of other routes may have as well.
    pub(super) group: Arc<str>,
    /// The receiver of the group's route.
    pub(super) receiver: Arc<str>,
    /// What was sent.
    pub(super) told: Vec<Told>,
    /// Why nothing was sent, where nothing was.
    pub(super) why: String,
    /// Whether the group ended.
    pub(super) gone: bool,
}

/// A notification.
pub(super) struct Told {
    /// Kind and number of the integration, such as `webhook[0]`.
    pub(super) integration: Arc<str>,
    /// `firing` or `resolved`.
    pub(super) status: Arc<str>,
    /// Why it was sent.
    pub(super) reason: Arc<str>,
}

/// What happened.
pub(super) struct Run {
    /// The looks in the order of time.
    pub(super) looks: Vec<Look>,
    /// Whether there were too many.
    pub(super) cut: bool,
}

/// The time of a node at its start. Anything but zero, so that mistakes show.
const BOOT: Duration = Duration::from_secs(1);

/// Lets an alert happen to a node.
pub(super) fn run(config: Config, plan: &Plan, looks_max: usize) -> Result<Run, Failure> {
    let config = Arc::new(printing(config));
    let at = |offset: Duration| Now {
        instant: Instant::from_nanos(0) + BOOT + offset,
        wall: plan.start + offset,
    };
    let options = Options {
        // The events of groups are of this level.
        log_level: Level::Debug,
        // Nothing is written, and a restart is not part of this.
        maintenance_interval: Duration::from_secs(86_400 * 365),
        ..Options::default()
    };
    let node = Node::new(
        Now { instant: Instant::from_nanos(0), wall: plan.start - BOOT },
        Start {
            options: Arc::new(options),
            config: config.clone(),
            external_url: "http://localhost:9093".into(),
            hostname: "localhost".into(),
            saved: Saved::default(),
            gossip: None,
            seed: Seed::from_number(1),
        },
    );
    let mut play = Play { node, config, looks: Vec::new(), due: Vec::new(), reason: None };
    play.drain(at(Duration::ZERO));
    let mut post = Some(Duration::ZERO);
    while play.looks.len() < looks_max {
        let tick = play.node.deadline().map(|d| d.at.since(at(Duration::ZERO).instant));
        let Some(next) = tick.into_iter().chain(post).min() else { break };
        if next > plan.span {
            return Ok(Run { looks: play.looks, cut: false });
        }
        let now = at(next);
        if post == Some(next) {
            let ends = plan.resolve_after.map(|after| plan.start + after);
            let is_over = ends.is_some_and(|ends| ends <= now.wall);
            // As Prometheus does: the end of a firing alert lies four rounds ahead.
            let end = if is_over { ends } else { Some(now.wall + 4 * plan.resend) };
            let mut batch = AlertBatch::new();
            let span = (Some(Stamp::utc(plan.start)), end.map(Stamp::utc));
            batch.push_labels(&plan.labels, &Labels::empty(), "", span);
            play.node
                .handle(now, Input::Call(CallId(next.as_nanos() as u64), Call::PostAlerts(batch)));
            let due = next + plan.resend;
            post = match plan.resolve_after {
                _ if is_over => None,
                Some(after) if due > after => Some(after),
                _ => Some(due),
            };
        } else {
            play.find_due(now);
            play.node.handle(now, Input::Timeout);
        }
        play.drain(now);
    }
    Ok(Run { cut: play.looks.len() >= looks_max, looks: play.looks })
}

/// Replaces what integrations do by printing. When they are due depends on names and numbers only,
/// and on whether they tell of what is resolved.
fn printing(mut config: Config) -> Config {
    for receiver in &mut config.receivers {
        for integration in &mut receiver.integrations {
            let send_resolved = integration.send_resolved;
            *integration = Arc::new(Integration {
                kind: Kind::Log(Box::new(LogConfig { send_resolved })),
                ..(**integration).clone()
            });
        }
    }
    config
}

struct Play {
    node: Node,
    config: Arc<Config>,
    looks: Vec<Look>,
    /// The groups that flush now: key and route.
    due: Vec<(Arc<str>, RouteId)>,
    /// What was printed last: status and reason.
    reason: Option<(Arc<str>, Arc<str>)>,
}

impl Play {
    /// Carries out what the node asks for.
    fn drain(&mut self, now: Now) {
        let before = self.looks.len();
        while let Some(output) = self.node.poll() {
            match output {
                Output::Work(id, work) => self.node.handle(now, Input::Worked(id, work.run())),
                Output::Log(event) => self.hear(now, event),
                _ => {}
            }
        }
        for at in before..self.looks.len() {
            if self.looks[at].told.is_empty() {
                self.looks[at].why = self.why(now, &self.looks[at]);
            }
        }
    }

    fn hear(&mut self, now: Now, event: Event) {
        match event {
            Event::GroupFlushing { group_key, .. } => {
                let due = self.due.iter().position(|(key, _)| *key == group_key);
                let Some((group, route)) = due.map(|at| self.due.remove(at)) else { return };
                let receiver = self.config.tree.route(route).receiver.clone();
                let (told, why) = (Vec::new(), String::new());
                self.looks.push(Look {
                    at: now.wall,
                    route,
                    group,
                    receiver,
                    told,
                    why,
                    gone: false,
                });
            }
            Event::Notification { status, reason, .. } => self.reason = Some((status, reason)),
            Event::NotifySuccess { integration, group_key, receiver, .. } => {
                let is = |look: &&mut Look| {
                    look.at == now.wall && look.group == group_key && look.receiver == receiver
                };
                // What has nothing to say is a success as well, and prints nothing.
                if let (Some(look), Some((status, reason))) =
                    (self.looks.iter_mut().rev().find(is), self.reason.take())
                {
                    look.told.push(Told { integration, status, reason });
                }
            }
            Event::GroupRemoved { group_key } => {
                let is = |look: &&mut Look| look.group == group_key && !look.gone;
                if let Some(look) = self.looks.iter_mut().rev().find(is) {
                    look.gone = true;
                }
            }
            _ => {}
        }
    }

    /// Notes which groups the next timeout flushes.
    fn find_due(&mut self, now: Now) {
        let view = self.node.view();
        let due = view.groups.iter().filter(|(_, group)| group.next_flush <= now.instant);
        self.due = due.map(|(_, group)| (group.key.clone(), group.route)).collect();
    }

    /// Says why a look sent nothing.
    fn why(&self, now: Now, look: &Look) -> String {
        let view = self.node.view();
        let group = view
            .groups
            .iter()
            .find(|(_, group)| group.key == look.group && group.route == look.route);
        let muted: BTreeSet<&str> =
            group.iter().flat_map(|(_, group)| group.muted_by.iter().map(|name| &**name)).collect();
        if !muted.is_empty() {
            let names: Vec<&str> = muted.into_iter().collect();
            return format!("muted by time interval {}", names.join(", "));
        }
        let receiver = self.config.receivers.iter().find(|r| r.name == look.receiver);
        if receiver.is_some_and(|receiver| receiver.integrations.is_empty()) {
            return format!("receiver {} has no integrations", look.receiver);
        }
        let resolved = view.alerts.iter().all(|(_, entry)| entry.alert.is_resolved(now.wall));
        match resolved {
            true => "the alert has resolved, and that is told to nobody".to_owned(),
            false => "nothing is new, and repeat_interval has not passed".to_owned(),
        }
    }
}
