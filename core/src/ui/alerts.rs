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
    About,
    filter::Filters,
    filters,
    layout::{self, Tab, all_equal, chips, distance, errors, is_link, keep, linked, time},
    link,
    paging::Part,
};
use crate::{
    label::{Labels, Regex},
    limits::{PAGE_ALERTS_MAX, PAGE_GROUPS_MAX},
    time::Timestamp,
    view::{AlertFilter, Listed, View},
};

/// What the address of the page asks for.
#[derive(Clone, Debug)]
pub struct Choice {
    filters: Vec<String>,
    receiver: String,
    active: bool,
    silenced: bool,
    inhibited: bool,
    muted: bool,
    /// The labels to group by; `None` shows the server's groups.
    group: Option<Vec<String>>,
    /// The group that is shown whole.
    open: String,
    page: usize,
}

/// One group on the page.
struct Shown<'a> {
    /// Its address in the page.
    id: String,
    receiver: Option<&'a Arc<str>>,
    labels: Labels,
    route_labels: Labels,
    muted_by: &'a [Arc<str>],
    next: Option<Timestamp>,
    alerts: Vec<&'a Listed<'a>>,
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
    fn pairs(&self) -> Vec<(&'static str, String)> {
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
    let filter = AlertFilter {
        active: choice.active,
        silenced: choice.silenced,
        inhibited: choice.inhibited,
        muted: choice.muted,
        matchers: filters.matchers.clone(),
        receiver,
        receiver_matchers: Vec::new(),
    };
    let listed = view.list_groups(&filter, now);
    let (flat, groups);
    match &choice.group {
        None => {
            let shown = listed.groups.iter().map(|group| Shown {
                id: format!("{}", group.group.key),
                receiver: Some(&group.route.receiver),
                labels: group.group.labels.clone(),
                route_labels: Labels::from_pairs(&group.route.labels),
                muted_by: &group.group.muted_by,
                next: Some(view.wall_at(group.group.next_flush)),
                alerts: group
                    .alerts
                    .iter()
                    .map(|at| &listed.alerts[*at])
                    .filter(|alert| filters.admits(alert, !group.group.muted_by.is_empty(), now))
                    .collect(),
            });
            groups = shown.filter(|group| !group.alerts.is_empty()).collect::<Vec<_>>();
        }
        Some(names) => {
            flat = view.list_alerts(&filter, now);
            groups = regroup(&flat, names, &filters, now);
        }
    }
    let alerts: usize = groups.iter().map(|group| group.alerts.len()).sum();
    let part = Part::new(choice.page, groups.len(), PAGE_GROUPS_MAX);
    let main = html! {
        h1 { "Alerts" }
        (controls(about, view, choice, &filters))
        (errors(&filters.errors))
        @if let Some(why) = receiver_error {
            p.error role="alert" { code { (choice.receiver) } " is no receiver: " (why) }
        }
        p.count {
            (alerts) " alerts in " (groups.len()) " groups"
            button.only-script type="button" data-fold="open" { "Unfold all" }
            button.only-script type="button" data-fold="shut" { "Fold all" }
        }
        @if groups.is_empty() { p.empty { "No alert groups found" } }
        @for group in part.of(&groups) {
            (show_group(about, view, choice, &filters, group, groups.len() == 1, now))
        }
        (pages(about, choice, part))
    };
    layout::frame(about, view, Tab::Alerts, "Alerts", Some(alerts), &main)
}

fn pages(about: About<'_>, choice: &Choice, part: Part) -> Markup {
    let own = choice.pairs();
    let mut pairs: Vec<(&str, &str)> = own.iter().map(|(name, value)| (*name, &**value)).collect();
    pairs.extend(choice.filters.iter().map(|text| ("filter", &**text)));
    part.nav(about, "/", &pairs)
}

fn regroup<'a>(
    flat: &'a [Listed<'a>],
    names: &[String],
    filters: &Filters,
    now: Timestamp,
) -> Vec<Shown<'a>> {
    let mut groups: BTreeMap<Labels, Vec<&Listed<'_>>> = BTreeMap::new();
    for alert in flat.iter().filter(|alert| filters.admits(alert, false, now)) {
        let labels = &alert.entry.alert.labels;
        let own = labels.filter(|name| names.iter().any(|wanted| wanted == name));
        groups.entry(own).or_default().push(alert);
    }
    let shown = groups.into_iter().map(|(labels, alerts)| Shown {
        id: labels.to_string(),
        receiver: None,
        labels,
        route_labels: Labels::empty(),
        muted_by: &[],
        next: None,
        alerts,
    });
    shown.collect()
}

fn controls(about: About<'_>, view: &View, choice: &Choice, filters: &Filters) -> Markup {
    let own = choice.pairs();
    let without = |at: usize| {
        let mut pairs: Vec<(&str, &str)> =
            own.iter().map(|(name, value)| (*name, &**value)).collect();
        let rest = filters.shown.iter().enumerate().filter(|(i, _)| *i != at);
        pairs.extend(rest.map(|(_, text)| ("filter", &**text)));
        link(about, "/", &pairs)
    };
    let kept: Vec<(&str, &str)> = filters.shown.iter().map(|text| ("filter", &**text)).collect();
    let group = choice.group.as_ref().map(|names| names.join(", ")).unwrap_or_default();
    let broken = filters.errors.first().map_or("", |(text, _)| text);
    html! {
        form #filters.controls method="get" action=(link(about, "/", &[])) {
            (keep(&kept))
            div.row {
                label for="filter" { "Filter" }
                input #filter name="filter" value=(broken) autocomplete="off" spellcheck="false"
                    list="completions" placeholder="severity=\"page\", @age>1h, @state=silenced";
                datalist #completions {}
                button type="submit" { "Add" }
                @if !filters.matchers.is_empty() {
                    a.button href=(link(about, "/silences/new", &[("filter",
                        &format!("{{{}}}", matcher_texts(filters).join(", ")))])) { "Silence these" }
                }
            }
            @if !filters.shown.is_empty() {
                ul.chips aria-label="Filters" {
                    @for (i, text) in filters.shown.iter().enumerate() {
                        li { span.chip { bdi { (text) }
                            a.remove href=(without(i)) aria-label=(format!("Remove {text}")) { "×" }
                        } }
                    }
                }
            }
            div.row {
                label for="receiver" { "Receiver" }
                input #receiver name="receiver" value=(choice.receiver) list="receivers"
                    autocomplete="off" spellcheck="false" placeholder="all";
                datalist #receivers {
                    @for receiver in &view.config.receivers {
                        option value=(crate::notify::data::quote_meta(&receiver.name)) {}
                    }
                }
                label for="group" { "Group by" }
                input #group name="group" value=(group) autocomplete="off" spellcheck="false"
                    placeholder="as the server does";
                (switch("customGrouping", "by these labels", choice.group.is_some(), false))
                @for (name, text, value, default) in [
                    ("active", "Active", choice.active, true),
                    ("silenced", "Silenced", choice.silenced, false),
                    ("inhibited", "Inhibited", choice.inhibited, false),
                    ("muted", "Muted", choice.muted, false),
                ] { (switch(name, text, value, default)) }
                button type="submit" { "Show" }
            }
        }
    }
}

/// A box to tick. A box that is on by default says so when it is off.
fn switch(name: &str, text: &str, value: bool, default: bool) -> Markup {
    html! {
        @if default { input type="hidden" name=(name) value="false"; }
        label.switch { input type="checkbox" name=(name) value="true" checked[value]; (text) }
    }
}

fn matcher_texts(filters: &Filters) -> Vec<String> {
    filters.matchers.iter().map(|matcher| format!("{matcher}")).collect()
}

fn show_group(
    about: About<'_>,
    view: &View,
    choice: &Choice,
    filters: &Filters,
    group: &Shown<'_>,
    is_only: bool,
    now: Timestamp,
) -> Markup {
    let is_whole = choice.open == group.id;
    let max = if is_whole { PAGE_ALERTS_MAX } else { PAGE_ALERTS_MAX / 20 };
    let shown = &group.alerts[..group.alerts.len().min(max)];
    let rest = group.alerts.len() - shown.len();
    html! {
        details.group data-key=(format!("{}|{}", group.receiver.map_or("", |name| name), group.id))
            open[is_only || is_whole] {
            summary {
                @if let Some(receiver) = group.receiver { span.receiver { (receiver) } " " }
                @if group.labels.is_empty() { span.none { "Not grouped" } }
                @for (name, value) in group.labels.iter() {
                    span.chip { span.name { (name) } "=" bdi.value { (value) } } " "
                }
                @for (name, value) in group.route_labels.iter() {
                    span.chip.plain { span.name { (name) } "=" bdi.value { (value) } } " "
                }
                span.number { (group.alerts.len()) " alerts" }
                @if !group.muted_by.is_empty() {
                    span.badge.muted { "Muted by " (group.muted_by.join(", ")) }
                }
                @if let Some(next) = group.next {
                    span.next title="The group's next tick" { "next " (distance(next, now)) }
                }
            }
            @for alert in shown { (show_alert(about, view, filters, group, alert, now)) }
            @if rest > 0 {
                p { a href=(link(about, "/", &[("open", &group.id)])) { "Show " (rest) " more" } }
            }
        }
    }
}

fn show_alert(
    about: About<'_>,
    view: &View,
    filters: &Filters,
    group: &Shown<'_>,
    listed: &Listed<'_>,
    now: Timestamp,
) -> Markup {
    let alert = &listed.entry.alert;
    let all = all_equal(&alert.labels);
    let fingerprint = listed.entry.fingerprint.to_string();
    let why = link(about, &format!("/alerts/{fingerprint}"), &[]);
    html! {
        article.alert id=(fingerprint) data-key=(fingerprint) {
            div.head {
                (time(alert.starts_at.at)) " " span.age { (distance(alert.starts_at.at, now)) }
                (badges(about, view, listed, now))
                span.actions {
                    @if is_link(&alert.generator_url) {
                        a href=(*alert.generator_url) rel="noopener noreferrer nofollow"
                            target="_blank" { "Source" }
                    }
                    a href=(link(about, "/silences/new", &[("filter", &all)])) { "Silence" }
                    button.only-script type="button" data-silence=(all) { "1h" }
                    a href=(layout::with_filter(about, &[], &all)) { "Link" }
                    a href=(why) { "Why" }
                }
            }
            (chips(about, &alert.labels, &group.labels, &filters.shown))
            @if !alert.annotations.is_empty() {
                dl.annotations {
                    @for (name, value) in alert.annotations.iter() {
                        dt { (name) } dd { bdi { (linked(value)) } }
                    }
                }
            }
        }
    }
}

/// Shows what mutes an alert: each silence with its creator, comment and end, and what inhibits it.
pub(super) fn badges(about: About<'_>, view: &View, listed: &Listed<'_>, now: Timestamp) -> Markup {
    html! {
        @for id in &listed.muting.silenced_by {
            @if let Some(silence) = view.silences.get(&id.0) {
                " " a.badge.silenced href=(link(about, &format!("/silences/{id}"), &[])) {
                    "Silenced" span.detail {
                        " by " (silence.created_by) ": " (layout::short(&silence.comment, 60))
                        ", ends " (distance(silence.ends_at, now))
                    }
                }
            }
        }
        @if let Some(source) = listed.muting.inhibited_by.and_then(|id| view.alerts.get(id.0)) {
            @let fingerprint = source.fingerprint.to_string();
            " " a.badge.inhibited href=(layout::with_filter(about, &[],
                &format!("@fingerprint={fingerprint}"))) {
                "Inhibited" span.detail {
                    " by " (source.alert.labels.get("alertname").unwrap_or("another alert"))
                }
            }
        }
    }
}

/// Shows a plain list of alerts, at most `max`.
pub(super) fn plain(
    about: About<'_>,
    view: &View,
    alerts: &[&Listed<'_>],
    max: usize,
    now: Timestamp,
) -> Markup {
    html! {
        ul.plain {
            @for listed in alerts.iter().take(max) {
                li.alert {
                    (badges(about, view, listed, now))
                    (chips(about, &listed.entry.alert.labels, &Labels::empty(), &[]))
                }
            }
        }
        @if alerts.len() > max { p { "… and " (alerts.len() - max) " more" } }
    }
}

/// Returns a link to the alerts of one receiver.
pub(super) fn of_receiver(about: About<'_>, name: &str) -> String {
    let quoted = crate::notify::data::quote_meta(name);
    link(about, "/", &[("receiver", &quoted)])
}
