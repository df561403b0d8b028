//! The alerts, in the groups that the server holds or by labels of the reader's choice.

use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString as _},
    vec::Vec,
};
use core::ops::Range;

use maud::{Markup, html};

use super::{
    About, alert,
    bar::controls,
    filter::Filters,
    filters,
    gather::{Gathered, Shown, Tally, WORST, gather},
    layout::{self, Tab, chip, distance, equals, errors, more, plural, short},
    link,
    paging::Part,
    why,
};
use crate::{
    group::Group,
    label::{Labels, Regex},
    limits::{
        CHIP_LINK_MAX, CHIP_TEXT_MAX, CHIPS_MAX, PAGE_ALERTS_MAX, PAGE_GROUP_ALERTS_MAX,
        PAGE_GROUPS_MAX, PAGE_LIST_BYTES_MAX, PAGE_OPEN_ALERTS_MAX,
    },
    time::Timestamp,
    view::{AlertFilter, Glimpse, Listed, Scratch, View},
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
    pub(super) const fn admits(&self, seen: Glimpse, muted: bool) -> bool {
        (self.active || seen.is_muted() || muted)
            && (self.silenced || !seen.is_silenced)
            && (self.inhibited || !seen.is_inhibited)
            && (self.muted || !muted)
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
    let mut gathered = gather(view, &filter, choice, &filters, now);
    let main = html! {
        h1.hidden { "Alerts" }
        (controls(about, view, choice, &filters, gathered.tally))
        (errors(&filters.errors))
        @if let Some(why) = receiver_error {
            p.error role="alert" { code { (choice.receiver) } " is no receiver: " (why) }
        }
        (list(about, view, choice, &filters, &mut gathered, now))
    };
    layout::frame(about, view, Tab::Alerts, "Alerts", Some(gathered.alerts), &main)
}

fn list(
    about: About<'_>,
    view: &View,
    choice: &Choice,
    filters: &Filters,
    gathered: &mut Gathered<'_>,
    now: Timestamp,
) -> Markup {
    let base = choice.link(about, filters, &[]);
    if !choice.open.is_empty() {
        let open = gathered.groups.iter_mut().find(|group| group.id(view) == choice.open);
        return html! {
            p.count { a href=(base) { "All groups" } }
            @match open {
                Some(group) => (whole(about, view, choice, filters, group, now)),
                None => p.empty { "No alert groups found: this one has no such alerts any more" },
            }
        };
    }
    let (alerts, tally) = (gathered.alerts, gathered.tally);
    let part = Part::new(choice.page, gathered.groups.len(), PAGE_GROUPS_MAX);
    gathered.sort(view, part.end());
    let groups = &mut gathered.groups[..];
    html! {
        p.count {
            b { (plural(alerts, "alert")) } " in " (plural(groups.len(), "group"))
            span.only-script.folds {
                button.plain type="button" data-fold="open" { "Expand all" }
                button.plain type="button" data-fold="shut" { "Collapse all" }
            }
        }
        @if groups.is_empty() { (nothing(about, choice, filters, tally)) }
        @if let [group] = groups {
            (whole(about, view, choice, filters, group, now))
        } @else {
            (page_of(about, view, (choice, filters), part.of_mut(groups), alerts, now))
            (part.nav(&base))
        }
    }
}

/// Shows the groups of one page, each with as many of its alerts as the page has room for.
fn page_of(
    about: About<'_>,
    view: &View,
    (choice, filters): (&Choice, &Filters),
    groups: &mut [Shown<'_>],
    alerts: usize,
    now: Timestamp,
) -> Markup {
    let base = choice.link(about, filters, &[]);
    let is_open = alerts <= PAGE_OPEN_ALERTS_MAX;
    let (mut alerts_left, mut bytes_left) = (PAGE_ALERTS_MAX, PAGE_LIST_BYTES_MAX);
    let mut all = Vec::new();
    // All groups are there; their alerts share the room that is left.
    let head =
        |group: &Shown<'_>| html! { (summary(view, group, now)) (links(about, group, &base)) };
    let heads: Vec<Markup> = groups.iter().map(head).collect();
    let taken = heads.iter().map(|head| head.0.len()).sum();
    bytes_left = bytes_left.saturating_sub(taken);
    for (group, head) in groups.iter_mut().zip(heads) {
        let room = group.alerts.len().min(PAGE_GROUP_ALERTS_MAX).min(alerts_left);
        group.sort(view, room);
        let mut shown = Vec::new();
        for card in cards(about, view, group, 0..room, &base, now) {
            if card.0.len() > bytes_left {
                // What comes behind is a click away; nothing is left out between.
                alerts_left = shown.len();
                break;
            }
            bytes_left -= card.0.len();
            shown.push(card);
        }
        alerts_left -= shown.len();
        all.push((&*group, head, shown));
    }
    html! {
        @for (group, head, shown) in all {
            @let id = group.id(view);
            details.group.(WORST[group.rank]) data-key=(id) open[is_open && !shown.is_empty()] {
                (head)
                @for card in &shown { (card) }
                @if shown.len() < group.alerts.len() {
                    @let open = choice.link(about, filters, &[("open", &id)]);
                    p.more { a data-more href=(open) {
                        "Show all " (group.alerts.len()) " alerts"
                    } }
                }
            }
        }
    }
}

/// Shows one group with all of its alerts, in pages.
fn whole(
    about: About<'_>,
    view: &View,
    choice: &Choice,
    filters: &Filters,
    group: &mut Shown<'_>,
    now: Timestamp,
) -> Markup {
    let part = Part::new(choice.page, group.alerts.len(), PAGE_ALERTS_MAX);
    let base = choice.link(about, filters, &[]);
    let id = group.id(view);
    group.sort(view, part.end());
    html! {
        details.group.(WORST[group.rank]) data-key=(id) open {
            (summary(view, group, now))
            (links(about, group, &base))
            @for card in cards(about, view, group, part.start()..part.end(), &base, now) { (card) }
            (part.nav(&choice.link(about, filters, &[("open", &id)])))
        }
    }
}

/// Shows some of a group's alerts, which stand in their order.
fn cards(
    about: About<'_>,
    view: &View,
    group: &Shown<'_>,
    which: Range<usize>,
    base: &str,
    now: Timestamp,
) -> Vec<Markup> {
    let mut scratch = Scratch::default();
    let mut muting = view.mutings(now, &mut scratch);
    let alerts = group.alerts.get(which).unwrap_or_default().iter();
    let cards = alerts.filter_map(|id| view.alerts.get(id.0)).map(|entry| {
        let listed = Listed { entry, muting: muting(entry) };
        alert::card(about, view, &listed, &group.labels, base, now)
    });
    cards.collect()
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
    for entry in group.alerts.iter().filter_map(|id| view.alerts.get(id.0)) {
        let class = alert::class(&entry.alert.labels);
        if let Some((_, count)) = counts.iter_mut().find(|(name, _)| *name == class) {
            *count += 1;
        }
    }
    let route = group.group.map(|group| view.config.tree.route(group.route));
    // Rendered by the first flush; before that there are the templates.
    let route_labels = match group.group.map(|group| &group.route_labels) {
        Some(labels) if !labels.is_empty() => labels.clone(),
        _ => route.map_or_else(Labels::empty, |route| Labels::from_pairs(&route.labels)),
    };
    html! {
        summary {
            @if let Some(route) = route {
                span.receiver { bdi { (short(&route.receiver, 60)) } }
            }
            @if group.labels.is_empty() { span.none { "Not grouped" } }
            @for (name, value) in group.labels.iter().take(CHIPS_MAX) {
                (chip(name, value, "")) " "
            }
            @for (name, value) in route_labels.iter().take(CHIPS_MAX) {
                span.chip.route { bdi.name { (short(name, 60)) } "=" bdi { (short(value, 60)) } } " "
            }
            @if let Some(group) = group.group.filter(|group| !group.muted_by.is_empty()) {
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
