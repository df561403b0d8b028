//! The command `timeline`: the server's own state machine, on a clock that passes at once.

mod run;

use std::{fmt::Write as _, time::Duration};

use campana_core::{
    config::real_repeat_interval,
    label::Labels,
    route::{GroupBy, Route},
    template::Time,
    time::{Stamp, Timestamp, duration::format_go_span, duration::format_prometheus},
};

use self::run::{Look, Plan, Run};
use crate::{
    model::{Pairs, to_json},
    session::{Failure, Form, Session, now, print},
    source, trust, words,
};

/// The longest span that is looked at.
const SPAN_MAX: Duration = Duration::from_secs(366 * 86_400);

/// The most looks at groups that are gone through.
const LOOKS_MAX: usize = 200_000;

/// Tells when an alert's notifications would be sent.
pub(crate) fn timeline(session: &Session) -> Result<(), Failure> {
    let config = source::load(session)?;
    let labels = words::sample(session)?;
    let start = words::time(session, "from")?.map_or_else(now, |from| from.0.at);
    let resend = session.span("resend").unwrap_or_default();
    if resend.is_zero() {
        return Err("--resend must be longer than 0".to_owned());
    }
    // The files come with a file only; a server keeps its own.
    let config = if session.optional("config.file").is_some() {
        let templates = trust::gather(&config.needs())?;
        config.complete(&templates).map_err(|e| e.to_string())?
    } else {
        config
    };
    let set = Labels::from_pairs(&labels);
    let mut ids = Vec::new();
    config.tree.matches(&set, &mut ids);
    let routes: Vec<Route> = ids.iter().map(|id| config.tree.route(*id).clone()).collect();
    let resolve_after = session.span("resolve-after");
    let span = session.span("for").unwrap_or_else(|| default_span(&routes, resolve_after));
    let plan = Plan { labels: set, start, resend, resolve_after, span: span.min(SPAN_MAX) };
    let run = run::run(config, &plan, LOOKS_MAX)?;
    if session.form() == Form::Json {
        return print(&json(&run, &plan));
    }
    let layout = session.text("date.format");
    let mut out = head(&labels, &plan, layout);
    for route in &routes {
        about(&mut out, route);
        // Without a span each route is shown as long as it has something of its own to say.
        let own = match session.span("for") {
            Some(_) => plan.span,
            None => default_span(std::slice::from_ref(route), resolve_after),
        };
        let is_shown = |look: &&Look| look.route == route.id && look.at.since(plan.start) <= own;
        let looks: Vec<&Look> = run.looks.iter().filter(is_shown).collect();
        show(&mut out, &looks, &plan, layout);
    }
    if run.cut {
        let _ = writeln!(out, "\nStopped after {LOOKS_MAX} looks; --for makes it shorter.");
    }
    print(&out)
}

/// Long enough to see two repetitions, or the end of an alert that resolves.
fn default_span(routes: &[Route], resolve_after: Option<Duration>) -> Duration {
    let longest = routes.iter().map(|route| {
        let rest = match resolve_after {
            Some(after) => after + 2 * route.group_interval,
            None => 2 * real_repeat_interval(route.group_interval, route.repeat_interval),
        };
        route.group_wait + rest + Duration::from_secs(1)
    });
    longest.max().unwrap_or_default()
}

fn head(labels: &Pairs, plan: &Plan, layout: &str) -> String {
    let labels = Labels::from_pairs(labels);
    let mut out = format!("Alert {labels} fires at {}", date(plan.start, layout));
    match plan.resolve_after {
        Some(after) => {
            let _ = writeln!(out, " and resolves {} later.", format_prometheus(after));
        }
        None => out.push_str(" and does not resolve.\n"),
    }
    let _ = writeln!(
        out,
        "It is posted again every {}; receivers answer at once.",
        format_prometheus(plan.resend),
    );
    out
}

fn about(out: &mut String, route: &Route) {
    let group = match &route.group_by {
        GroupBy::All => "all labels".to_owned(),
        GroupBy::Names(names) if names.is_empty() => "nothing, in one group".to_owned(),
        GroupBy::Names(names) => names.join(", "),
    };
    let _ = writeln!(
        out,
        "\nRoute {} to receiver {}, grouped by {group}\n  \
         group_wait {}, group_interval {}, repeat_interval {}: unchanged alerts repeat every {}",
        route.path,
        route.receiver,
        format_prometheus(route.group_wait),
        format_prometheus(route.group_interval),
        format_prometheus(route.repeat_interval),
        format_prometheus(real_repeat_interval(route.group_interval, route.repeat_interval)),
    );
}

/// Shows looks; those in a row at which nothing happened share a line.
fn show(out: &mut String, looks: &[&Look], plan: &Plan, layout: &str) {
    if looks.is_empty() {
        out.push_str("  Nothing in this time.\n");
    }
    let mut at = 0;
    while let Some(look) = looks.get(at) {
        let same = |other: &&&Look| other.told.is_empty() && other.why == look.why;
        let count = looks[at..].iter().take_while(same).count().max(1);
        let last = looks[at + count - 1];
        let offset = format!("+{}", format_go_span(rounded(look.at.since(plan.start))));
        let _ = write!(out, "  {offset:<13} {}  ", date(look.at, layout));
        if look.told.is_empty() {
            let _ = write!(out, "nothing is sent: {}", look.why);
            if count > 1 {
                let until = format_go_span(rounded(last.at.since(plan.start)));
                let _ = write!(out, " ({count} looks, to +{until})");
            }
            out.push('\n');
        } else {
            let told: Vec<String> = look
                .told
                .iter()
                .map(|told| {
                    format!("{} is told {}: {}", told.integration, told.status, told.reason)
                })
                .collect();
            let _ = writeln!(out, "{}", told.join("; "));
        }
        if last.gone {
            let _ = writeln!(out, "  {:<14}the group ends", "");
        }
        at += count;
    }
}

/// To whole milliseconds: less than that is the time the machine itself pretends to take.
fn rounded(span: Duration) -> Duration {
    Duration::from_millis(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
}

fn date(at: Timestamp, layout: &str) -> String {
    Time::from(Stamp::utc(at)).format(layout)
}

fn json(run: &Run, plan: &Plan) -> String {
    let looks: Vec<serde_json::Value> = run
        .looks
        .iter()
        .map(|look| {
            let told: Vec<serde_json::Value> = look
                .told
                .iter()
                .map(|told| {
                    serde_json::json!({
                        "receiver": &*look.receiver,
                        "integration": &*told.integration,
                        "status": &*told.status,
                        "reason": &*told.reason,
                    })
                })
                .collect();
            serde_json::json!({
                "at": crate::model::When(Stamp::utc(look.at)).text(),
                "afterSeconds": look.at.since(plan.start).as_secs_f64(),
                "groupKey": &*look.group,
                "receiver": &*look.receiver,
                "notifications": told,
                "skipped": look.told.is_empty().then_some(&look.why),
                "groupEnds": look.gone,
            })
        })
        .collect();
    to_json(&looks)
}
