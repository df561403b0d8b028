//! The form for a new silence, for changing one, and the preview of what it would mute.

use alloc::{
    format,
    string::{String, ToString as _},
    vec::Vec,
};
use core::time::Duration;

use maud::{Markup, html};

use super::{
    About, alerts, filter, filters,
    layout::{self, Tab, errors, rfc3339},
    link,
    silences::set_text,
};
use crate::{
    limits::PAGE_SILENCES_MAX,
    silence::State,
    time::Timestamp,
    view::{AlertFilter, Listed, View},
};

/// How long a silence lasts unless its maker says otherwise.
const DURATION: Duration = Duration::from_secs(2 * 3600);
/// Durations that are one click away.
const PRESETS: [&str; 7] = ["15m", "1h", "2h", "4h", "1d", "3d", "1w"];

/// What the form shows at first.
#[derive(Clone, Debug)]
pub struct Prefill {
    /// The matcher sets, each a text.
    pub(super) filters: Vec<String>,
    /// The comment.
    pub(super) comment: String,
    /// The silence that is changed.
    pub(super) edits: Option<String>,
}

/// What the fields hold.
struct Fields {
    sets: Vec<String>,
    starts: Timestamp,
    ends: Timestamp,
    creator: String,
    comment: String,
    annotations: Vec<(String, String)>,
}

/// Makes the page with the form.
pub(super) fn page(about: About<'_>, view: &View, now: Timestamp, prefill: &Prefill) -> Markup {
    let edited = prefill.edits.as_ref().map(|id| view.silences.get(id));
    let fields = match edited {
        Some(None) => {
            let main = html! {
                h1 { "Silence not found" }
                p { "There is no such silence any more. " a href=(link(about, "/silences/new", &[])) {
                    "Make a new one" } }
            };
            return layout::frame(about, view, Tab::Silences, "Silence not found", None, &main);
        }
        Some(Some(silence)) => Fields {
            sets: silence.matcher_sets.iter().map(set_text).collect(),
            starts: silence.starts_at,
            ends: silence.ends_at,
            creator: silence.created_by.to_string(),
            comment: silence.comment.to_string(),
            annotations: silence
                .annotations
                .iter()
                .map(|(name, value)| (name.to_string(), value.to_string()))
                .collect(),
        },
        None => Fields {
            sets: prefill.filters.clone(),
            starts: now,
            ends: now + DURATION,
            creator: String::new(),
            comment: prefill.comment.clone(),
            annotations: Vec::new(),
        },
    };
    let is_active = edited.flatten().is_some_and(|it| it.state(now) == State::Active);
    let read = filters(about, &fields.sets);
    let title = if prefill.edits.is_some() { "Edit silence" } else { "New silence" };
    let main = html! {
        h1 { (title) }
        noscript { p.error {
            "Making a silence here needs scripts. Without them, use " code { "campanactl silence add" }
            "."
        } }
        (errors(&read.errors))
        (form(&fields, prefill.edits.as_deref(), is_active))
        section #preview aria-live="polite" {
            @if !read.matchers.is_empty() { (affected(about, view, now, &fields.sets)) }
        }
    };
    layout::frame(about, view, Tab::Silences, title, None, &main)
}

fn form(fields: &Fields, edits: Option<&str>, is_active: bool) -> Markup {
    html! {
        form #silence data-id=[edits] {
            div.row {
                label for="starts" { "Start" }
                input #starts name="starts" value=(rfc3339(fields.starts)) required
                    readonly[is_active] spellcheck="false";
                label for="duration" { "Duration" }
                input #duration name="duration" spellcheck="false" required;
                label for="ends" { "End" }
                input #ends name="ends" value=(rfc3339(fields.ends)) required spellcheck="false";
            }
            div.row.presets {
                @for preset in PRESETS {
                    button type="button" data-preset=(preset) { (preset) }
                }
            }
            fieldset {
                legend { "Matchers" }
                p.hint { "All matchers of a line must hold; of several lines, one. For example "
                    code { "alertname=\"Down\", instance=~\"web.*\"" } }
                textarea #matchers name="matchers" rows="3" required spellcheck="false" {
                    (fields.sets.iter().map(|text| plain(text)).collect::<Vec<_>>().join("\n"))
                }
            }
            div.row {
                label for="creator" { "Creator" }
                input #creator name="creator" value=(fields.creator) required autocomplete="name";
            }
            label for="comment" { "Comment" }
            textarea #comment name="comment" rows="3" required { (fields.comment) }
            label for="annotations" { "Annotations, one " code { "name=value" } " a line" }
            textarea #annotations name="annotations" rows="2" spellcheck="false" {
                (fields.annotations.iter().map(|(name, value)| format!("{name}={value}"))
                    .collect::<Vec<_>>().join("\n"))
            }
            div.row {
                button type="submit" {
                    @if edits.is_some() { "Update" } @else { "Create" }
                }
                button type="button" data-preview { "Preview alerts" }
                button type="reset" { "Reset" }
            }
            p #problem.error role="alert" hidden {}
        }
    }
}

fn plain(text: &str) -> String {
    let inner = text.trim().trim_start_matches('{').trim_end_matches('}');
    inner.trim().trim_end_matches(',').trim().to_string()
}

/// Makes the preview alone.
pub(super) fn preview(about: About<'_>, view: &View, now: Timestamp, sets: &[String]) -> Markup {
    affected(about, view, now, sets)
}

fn affected(about: About<'_>, view: &View, now: Timestamp, sets: &[String]) -> Markup {
    let read: Vec<filter::Filters> =
        sets.iter().map(|set| filters(about, core::slice::from_ref(set))).collect();
    let listed = view.list_alerts(&AlertFilter::default(), now);
    let selects = |listed: &&Listed<'_>| {
        let mut sets = read.iter().filter(|set| !set.matchers.is_empty());
        sets.any(|set| filter::matches(&set.matchers, listed))
    };
    let affected: Vec<&Listed<'_>> = listed.iter().filter(selects).collect();
    html! {
        @for set in &read { (errors(&set.errors)) }
        h2 { "Affected alerts: " span data-affected { (affected.len()) } }
        (alerts::plain(about, view, &affected, PAGE_SILENCES_MAX, now))
    }
}
