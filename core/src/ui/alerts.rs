//! The alerts, in the groups that the server holds or by labels of the reader's choice.

use alloc::{
    borrow::ToOwned,
    collections::BTreeMap,
    format,
    string::{String, ToString as _},
    sync::Arc,
    vec::Vec,
};

use maud::{Markup, html};

use super::{
    About, alert,
    bar::controls,
    filter::Filters,
    filters,
    layout::{self, Tab, chip, distance, equals, errors, more, plural, short},
    link,
    paging::Part,
    why,
};
use crate::{
    group::Group,
    hash::fnv1a,
    label::{Labels, Regex},
    limits::{
        CHIP_LINK_MAX, CHIP_TEXT_MAX, CHIPS_MAX, PAGE_ALERTS_MAX, PAGE_GROUP_ALERTS_MAX,
        PAGE_GROUPS_MAX, PAGE_OPEN_ALERTS_MAX,
    },
    time::Timestamp,
    view::{AlertFilter, Listed, ListedGroups, View},
};

/// What the address of the page asks for.
#[derive(Clone, Debug)]
pub struct Choice {
    filters: Vec<String>,
    /// A filter that stands in the field, to be changed.
    pub(super) edit: String,
    pub(super) receiver: String,
    pub(super) active: bool,
    pub(super) silenced: bool,
    pub(super) inhibited: bool,
    pub(super) muted: bool,
    /// The labels to group by; `None` shows the server's groups.
    pub(super) group: Option<Vec<String>>,
    /// The group that is shown whole, and alone.
    open: String,
    page: usize,
}

/// How many alerts there are of each state, whether they are shown or not.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) active: usize,
    pub(super) silenced: usize,
    pub(super) inhibited: usize,
    pub(super) muted: usize,
}

/// One group on the page.
struct Shown<'a> {
    /// Its address in the page.
    id: String,
    receiver: Option<&'a Arc<str>>,
    labels: Labels,
    route_labels: Labels,
    muted_by: &'a [Arc<str>],
    group: Option<&'a Group>,
    /// How bad its worst alert is: a place in [`WORST`].
    rank: usize,
    alerts: Vec<&'a Listed<'a>>,
}

/// The classes of alerts, the worst first.
const WORST: [&str; 4] = ["critical", "warning", "info", "other"];

/// What there is to show.
#[derive(Default)]
struct Gathered<'a> {
    groups: Vec<Shown<'a>>,
    tally: Tally,
    /// The alerts that are shown, each once.
    alerts: usize,
}

impl Choice {
    /// Reads the parameters, in the spelling of the links that are about.
    pub(super) fn read(last: &dyn Fn(&str) -> Option<String>, filters: Vec<String>) -> Self {
        let flag = |name: &str, default: bool| {
            last(name).map_or(default, |value| !value.eq_ignore_ascii_case("false"))
        };
        let grouping =
            last("group").filter(|_| last("customGrouping").is_some_and(|it| it != "false"));
        let group = match (grouping, last("customGrouping")) {
            (Some(names), _) => {
                let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
                Some(names.map(ToOwned::to_owned).collect())
            }
            (None, Some(custom)) if custom != "false" => Some(Vec::from(["alertname".to_owned()])),
            _ => None,
        };
        Self {
            filters,
            edit: last("edit").unwrap_or_default(),
            receiver: last("receiver").unwrap_or_default(),
            active: flag("active", true),
            silenced: flag("silenced", false),
            inhibited: flag("inhibited", false),
            muted: flag("muted", false),
            group,
            open: last("open").unwrap_or_default(),
            page: last("page").and_then(|page| page.parse().ok()).unwrap_or(1),
        }
    }

    /// Returns the parameters without filters and page.
    pub(super) fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = Vec::new();
        if !self.receiver.is_empty() {
            pairs.push(("receiver", self.receiver.clone()));
        }
        for (name, value, default) in [
            ("active", self.active, true),
            ("silenced", self.silenced, false),
            ("inhibited", self.inhibited, false),
            ("muted", self.muted, false),
        ] {
            if value != default {
                pairs.push((name, value.to_string()));
            }
        }
        if let Some(names) = &self.group {
            pairs.push(("customGrouping", "true".to_owned()));
            pairs.push(("group", names.join(",")));
        }
        pairs
    }

    /// Returns all parameters that say which alerts are shown, with more behind them.
    fn link(&self, about: About<'_>, filters: &Filters, more: &[(&str, &str)]) -> String {
        let own = self.pairs();
        let mut pairs: Vec<(&str, &str)> =
            own.iter().map(|(name, value)| (*name, &**value)).collect();
        pairs.extend(filters.shown.iter().map(|text| ("filter", &**text)));
        pairs.extend(more);
        link(about, "/", &pairs)
    }

    /// Tells whether the switches let an alert through.
    fn admits(&self, listed: &Listed<'_>, muted: bool) -> bool {
        let muting = &listed.muting;
        (self.active || muting.is_muted() || muted)
            && (self.silenced || muting.silenced_by.is_empty())
            && (self.inhibited || muting.inhibited_by.is_none())
            && (self.muted || !muted)
    }
}

impl Tally {
    fn note(&mut self, listed: &Listed<'_>, muted: bool) {
        let muting = &listed.muting;
        self.silenced += usize::from(!muting.silenced_by.is_empty());
        self.inhibited += usize::from(muting.inhibited_by.is_some());
        self.muted += usize::from(muted);
        self.active += usize::from(!muting.is_muted() && !muted);
    }
}

/// Makes the page.
pub(super) fn page(about: About<'_>, view: &View, now: Timestamp, choice: &Choice) -> Markup {
    let filters = filters(about, &choice.filters);
    let (receiver, receiver_error) = match &*choice.receiver {
        "" => (None, None),
        text => match Regex::anchored(text) {
            Ok(regex) => (Some(regex), None),
            Err(why) => (None, Some(why.to_string())),
        },
    };
    let filter =
        AlertFilter { matchers: filters.matchers.clone(), receiver, ..AlertFilter::default() };
    let (listed, flat);
    let gathered = match &choice.group {
        None => {
            listed = view.list_groups(&filter, now);
            of_server(&listed, choice, &filters, now)
        }
        Some(names) => {
            flat = view.list_alerts(&filter, now);
            by_labels(&flat, names, choice, &filters, now)
        }
    };
    let main = html! {
        h1.hidden { "Alerts" }
        (controls(about, view, choice, &filters, gathered.tally))
        (errors(&filters.errors))
        @if let Some(why) = receiver_error {
            p.error role="alert" { code { (choice.receiver) } " is no receiver: " (why) }
        }
        (list(about, view, choice, &filters, &gathered, now))
    };
    layout::frame(about, view, Tab::Alerts, "Alerts", Some(gathered.alerts), &main)
}

fn of_server<'a>(
    listed: &'a ListedGroups<'a>,
    choice: &Choice,
    filters: &Filters,
    now: Timestamp,
) -> Gathered<'a> {
    let mut out = Gathered::default();
    // Bit 0: counted; bit 1: shown.
    let mut seen = alloc::vec![0u8; listed.alerts.len()];
    for group in &listed.groups {
        let muted = !group.group.muted_by.is_empty();
        let mut alerts = Vec::new();
        for &at in &group.alerts {
            let alert = &listed.alerts[at];
            if !filters.admits(alert, muted, now) {
                continue;
            }
            if seen[at] & 1 == 0 {
                out.tally.note(alert, muted);
            }
            seen[at] |= 1;
            if choice.admits(alert, muted) {
                out.alerts += usize::from(seen[at] & 2 == 0);
                seen[at] |= 2;
                alerts.push(alert);
            }
        }
        if alerts.is_empty() {
            continue;
        }
        let receiver = &group.route.receiver;
        out.groups.push(Shown {
            id: id_of(&format!("{receiver}|{}", group.group.key)),
            receiver: Some(receiver),
            labels: group.group.labels.clone(),
            route_labels: Labels::from_pairs(&group.route.labels),
            muted_by: &group.group.muted_by,
            group: Some(group.group),
            rank: rank(&alerts),
            alerts,
        });
    }
    out.groups.sort_by_key(|group| group.rank);
    out
}

fn rank(alerts: &[&Listed<'_>]) -> usize {
    let of = |alert: &&Listed<'_>| {
        let class = alert::class(&alert.entry.alert.labels);
        WORST.iter().position(|known| *known == class).unwrap_or(WORST.len() - 1)
    };
    alerts.iter().map(of).min().unwrap_or(WORST.len() - 1)
}

fn by_labels<'a>(
    flat: &'a [Listed<'a>],
    names: &[String],
    choice: &Choice,
    filters: &Filters,
    now: Timestamp,
) -> Gathered<'a> {
    let mut out = Gathered::default();
    let mut groups: BTreeMap<Labels, Vec<&Listed<'_>>> = BTreeMap::new();
    for alert in flat.iter().filter(|alert| filters.admits(alert, false, now)) {
        out.tally.note(alert, false);
        if choice.admits(alert, false) {
            let labels = &alert.entry.alert.labels;
            let own = labels.filter(|name| names.iter().any(|wanted| wanted == name));
            groups.entry(own).or_default().push(alert);
            out.alerts += 1;
        }
    }
    let shown = groups.into_iter().map(|(labels, alerts)| Shown {
        id: id_of(&labels.to_string()),
        receiver: None,
        labels,
        route_labels: Labels::empty(),
        muted_by: &[],
        group: None,
        rank: rank(&alerts),
        alerts,
    });
    out.groups = shown.collect();
    out.groups.sort_by_key(|group| group.rank);
    out
}

/// Makes a short name of a long one, for links and for what the browser remembers.
fn id_of(text: &str) -> String {
    format!("{:016x}", fnv1a(text.as_bytes()))
}

fn list(
    about: About<'_>,
    view: &View,
    choice: &Choice,
    filters: &Filters,
    gathered: &Gathered<'_>,
    now: Timestamp,
) -> Markup {
    let groups = &gathered.groups;
    let base = choice.link(about, filters, &[]);
    if !choice.open.is_empty() {
        let open = groups.iter().find(|group| group.id == choice.open);
        return html! {
            p.count { a href=(base) { "All groups" } }
            @match open {
                Some(group) => (whole(about, view, choice, filters, group, now)),
                None => p.empty { "No alert groups found: this one has no such alerts any more" },
            }
        };
    }
    let part = Part::new(choice.page, groups.len(), PAGE_GROUPS_MAX);
    let is_open = gathered.alerts <= PAGE_OPEN_ALERTS_MAX;
    let mut left = PAGE_ALERTS_MAX;
    let shown = part.of(groups).iter().map(|group| {
        let count = group.alerts.len().min(PAGE_GROUP_ALERTS_MAX).min(left);
        left -= count;
        (group, count)
    });
    let shown: Vec<(&Shown<'_>, usize)> = shown.collect();
    html! {
        p.count {
            b { (plural(gathered.alerts, "alert")) } " in " (plural(groups.len(), "group"))
            span.only-script.folds {
                button.plain type="button" data-fold="open" { "Expand all" }
                button.plain type="button" data-fold="shut" { "Collapse all" }
            }
        }
        @if groups.is_empty() { (nothing(about, choice, filters, gathered.tally)) }
        @if let [group] = &groups[..] {
            (whole(about, view, choice, filters, group, now))
        } @else {
            @for (group, count) in shown {
                details.group.(WORST[group.rank]) data-key=(group.id) open[is_open && count > 0] {
                    (summary(view, group, now))
                    (links(about, group, &base))
                    @for alert in &group.alerts[..count] {
                        (alert::card(about, view, alert, &group.labels, &base, now))
                    }
                    @if count < group.alerts.len() {
                        @let open = choice.link(about, filters, &[("open", &group.id)]);
                        p.more { a data-more href=(open) {
                            "Show all " (group.alerts.len()) " alerts"
                        } }
                    }
                }
            }
            (part.nav(&base))
        }
    }
}

/// Shows one group with all of its alerts, in pages.
fn whole(
    about: About<'_>,
    view: &View,
    choice: &Choice,
    filters: &Filters,
    group: &Shown<'_>,
    now: Timestamp,
) -> Markup {
    let part = Part::new(choice.page, group.alerts.len(), PAGE_ALERTS_MAX);
    let base = choice.link(about, filters, &[]);
    html! {
        details.group.(WORST[group.rank]) data-key=(group.id) open {
            (summary(view, group, now))
            (links(about, group, &base))
            @for alert in part.of(&group.alerts) {
                (alert::card(about, view, alert, &group.labels, &base, now))
            }
            (part.nav(&choice.link(about, filters, &[("open", &group.id)])))
        }
    }
}

/// What can be done with a whole group. Links have no place in what folds it.
fn links(about: About<'_>, group: &Shown<'_>, base: &str) -> Markup {
    let all = layout::all_equal(&group.labels);
    html! {
        @if !group.labels.is_empty() {
            p.actions.whole {
                "Only this"
                @for (name, value) in group.labels.iter().take(CHIPS_MAX) {
                    @let filter = equals(name, value);
                    @if filter.len() <= CHIP_LINK_MAX {
                        a href=(more(base, &filter)) { (short(name, CHIP_TEXT_MAX)) }
                    }
                }
                @if all.len() <= CHIP_LINK_MAX {
                    a href=(link(about, "/silences/new", &[("filter", &all)])) { "Silence the group" }
                }
            }
        }
    }
}

fn summary(view: &View, group: &Shown<'_>, now: Timestamp) -> Markup {
    let mut counts = [("critical", 0usize), ("warning", 0), ("info", 0)];
    for alert in &group.alerts {
        let class = alert::class(&alert.entry.alert.labels);
        if let Some((_, count)) = counts.iter_mut().find(|(name, _)| *name == class) {
            *count += 1;
        }
    }
    html! {
        summary {
            @if let Some(name) = group.receiver { span.receiver { bdi { (short(name, 60)) } } }
            @if group.labels.is_empty() { span.none { "Not grouped" } }
            @for (name, value) in group.labels.iter().take(CHIPS_MAX) {
                (chip(name, value, "")) " "
            }
            @for (name, value) in group.route_labels.iter().take(CHIPS_MAX) {
                span.chip.route { bdi.name { (short(name, 60)) } "=" bdi { (short(value, 60)) } } " "
            }
            @if !group.muted_by.is_empty() {
                span.badge.muted { b { "Muted" } " by " (group.muted_by.join(", ")) }
            }
            span.tail {
                @for (name, count) in counts.iter().filter(|(_, count)| *count > 0) {
                    span.pill.(*name) { (count) " " (name) } " "
                }
                span.number { (plural(group.alerts.len(), "alert")) }
                @if let Some(group) = group.group { (next(view, group, now)) }
            }
        }
    }
}

/// Says when a group is told next.
fn next(view: &View, group: &Group, now: Timestamp) -> Markup {
    let look = view.wall_at(group.next_flush);
    let at = |at: Timestamp| if at <= now { "now".to_owned() } else { distance(at, now) };
    let news = format!("News are told when the group is looked at next: {}", at(look));
    html! {
        span.next title=(news) {
            @match why::next_due(view, group) {
                _ if !group.muted_by.is_empty() => {},
                Some(due) => { "next notification " (at(due)) },
                None => { "looked at " (at(look)) },
            }
        }
    }
}

/// Says that there is nothing to show, and what there is besides.
fn nothing(about: About<'_>, choice: &Choice, filters: &Filters, tally: Tally) -> Markup {
    let hidden = [
        ("silenced", "silenced", tally.silenced, choice.silenced),
        ("inhibited", "inhibited", tally.inhibited, choice.inhibited),
        ("muted", "muted", tally.muted, choice.muted),
        ("active", "active", tally.active, choice.active),
    ];
    html! {
        div.empty {
            p { b { "No alert groups found" } }
            @if !filters.shown.is_empty() || !choice.receiver.is_empty() {
                p { "Nothing fits all filters. " a href=(link(about, "/", &[])) { "Show all alerts" } }
            }
            @for (name, text, count, _) in hidden.iter().filter(|it| it.2 > 0 && !it.3) {
                p { (plural(*count, "alert")) " " (if *count == 1 { "is " } else { "are " }) (text)
                    ". " a href=(choice.link(about, filters, &[(*name, "true")])) { "Show" } }
            }
        }
    }
}

/// Returns a link to the alerts of one receiver.
pub(super) fn of_receiver(about: About<'_>, name: &str) -> String {
    let quoted = crate::notify::data::quote_meta(name);
    link(about, "/", &[("receiver", &quoted)])
}
