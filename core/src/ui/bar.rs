//! What stands above the alerts: filters, receiver, grouping, and the switches with their counts.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use maud::{Markup, html};

use super::{
    About,
    alerts::Choice,
    filter::Filters,
    gather::Tally,
    layout::{keep, short},
    link,
};
use crate::{limits::CHIP_TEXT_MAX, view::View};

/// Filters that show what can be asked, one click away.
const EXAMPLES: [&str; 3] = ["severity=\"critical\"", "@age<1h", "@state=silenced"];

/// Makes the form.
pub(super) fn controls(
    about: About<'_>,
    view: &View,
    choice: &Choice,
    filters: &Filters,
    tally: Tally,
) -> Markup {
    let kept: Vec<(&str, &str)> = filters.shown.iter().map(|text| ("filter", &**text)).collect();
    let group = choice.group.as_ref().map(|names| names.join(", ")).unwrap_or_default();
    html! {
        form #filters.controls method="get" action=(link(about, "/", &[])) {
            (keep(&kept))
            div.row {
                label for="filter" { "Filter" }
                input #filter name="filter" value=(typed(choice, filters)) autocomplete="off"
                    spellcheck="false" data-complete="filter" placeholder="name=\"value\"";
                button.primary type="submit" { "Add" }
                @if !filters.matchers.is_empty() {
                    a.button href=(link(about, "/silences/new", &[("filter", &as_set(filters))])) {
                        "Silence these"
                    }
                }
            }
            (shown_filters(about, choice, filters))
            div.row {
                label for="receiver" { "Receiver" }
                input #receiver name="receiver" value=(choice.receiver) autocomplete="off"
                    spellcheck="false" data-complete="receiver" list="receivers" placeholder="All";
                datalist #receivers {
                    @for receiver in &view.config.receivers {
                        option value=(crate::notify::data::quote_meta(&receiver.name)) {}
                    }
                }
                label for="group" { "Group by" }
                input #group name="group" value=(group) autocomplete="off" spellcheck="false"
                    data-complete="names" placeholder="labels, with commas";
                (switch("customGrouping", "Custom grouping", choice.group.is_some(), None))
                button type="submit" { "Show" }
            }
            div.row.switches role="group" aria-label="Which alerts" {
                input type="hidden" name="active" value="false";
                (switch("active", "Active", choice.active, Some(tally.active)))
                (switch("silenced", "Silenced", choice.silenced, Some(tally.silenced)))
                (switch("inhibited", "Inhibited", choice.inhibited, Some(tally.inhibited)))
                (switch("muted", "Muted", choice.muted, Some(tally.muted)))
            }
        }
    }
}

/// What the field holds: a filter that is to be changed, or one that could not be read.
fn typed<'a>(choice: &'a Choice, filters: &'a Filters) -> &'a str {
    match filters.errors.first() {
        Some((text, _)) => text,
        None => &choice.edit,
    }
}

fn shown_filters(about: About<'_>, choice: &Choice, filters: &Filters) -> Markup {
    let without = |at: usize, edit: Option<&str>| {
        let own = choice.pairs();
        let mut pairs: Vec<(&str, &str)> =
            own.iter().map(|(name, value)| (*name, &**value)).collect();
        let rest = filters.shown.iter().enumerate().filter(|(i, _)| *i != at);
        pairs.extend(rest.map(|(_, text)| ("filter", &**text)));
        pairs.extend(edit.map(|text| ("edit", text)));
        link(about, "/", &pairs)
    };
    html! {
        @if filters.shown.is_empty() {
            p.hint { "For example "
                @for example in EXAMPLES {
                    a.chip href=(link(about, "/", &[("filter", example)])) { (example) } " "
                }
            }
        } @else {
            ul.chips aria-label="Filters" {
                @for (i, text) in filters.shown.iter().enumerate() {
                    @let shown = short(text, CHIP_TEXT_MAX);
                    li.filter {
                        a.chip href=(without(i, Some(text))) title="Change this filter" {
                            bdi { (shown) }
                        }
                        a.remove href=(without(i, None)) aria-label=(format!("Remove {shown}")) {
                            "×"
                        }
                    }
                }
            }
        }
    }
}

/// A box to tick, with how many alerts it is about.
fn switch(name: &str, text: &str, value: bool, count: Option<usize>) -> Markup {
    html! {
        label.switch {
            input type="checkbox" name=(name) value="true" checked[value];
            span { (text) }
            @if let Some(count) = count { b.number { (count) } }
        }
    }
}

fn as_set(filters: &Filters) -> String {
    let texts: Vec<String> = filters.matchers.iter().map(ToString::to_string).collect();
    format!("{{{}}}", texts.join(", "))
}
