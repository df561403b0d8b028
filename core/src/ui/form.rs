//! The form for a new silence, for changing one, and the preview of what it would mute.

use alloc::{
    format,
    string::{String, ToString as _},
    vec::Vec,
};
use core::time::Duration;

use maud::{Markup, html};

use super::{
    About, alert, filter, filters,
    layout::{self, Tab, errors, rfc3339},
    link,
    silences::set_text,
};
use crate::{
    alert::Entry,
    limits::PREVIEW_ALERTS_MAX,
    silence::State,
    time::Timestamp,
    view::{View, selects},
    wire::json::write_string,
};

/// How long a silence lasts unless its maker says otherwise.
const DURATION: Duration = Duration::from_secs(2 * 3600);
/// Durations that are one click away.
const PRESETS: [&str; 7] = ["15m", "1h", "2h", "4h", "1d", "3d", "1w"];

/// What the form shows at first.
#[derive(Clone, Debug, Default)]
pub struct Prefill {
    /// The matcher sets, each a text.
    pub(super) filters: Vec<String>,
    /// The fingerprint of an alert whose labels are the matchers.
    alert: Option<String>,
    comment: String,
    /// Annotations, each `name=value`.
    annotations: Vec<String>,
    /// The silence that is changed.
    pub(super) edits: Option<String>,
}

impl Prefill {
    /// Reads the parameters.
    pub(super) fn read(last: &dyn Fn(&str) -> Option<String>, filters: Vec<String>) -> Self {
        let annotations = last("annotations").unwrap_or_default();
        Self {
            filters,
            alert: last("alert"),
            comment: last("comment").unwrap_or_default(),
            annotations: annotations.lines().map(String::from).collect(),
            edits: None,
        }
    }

    /// Asks for the form that changes a silence.
    pub(super) fn edit(id: &str) -> Self {
        Self { edits: Some(id.into()), ..Self::default() }
    }

    /// Returns the matcher sets, with that of the alert if one is named and there.
    fn sets(&self, view: &View) -> Vec<String> {
        let entry = self.alert.as_ref().and_then(|wanted| view.alert_by_print(wanted));
        let own = entry.map(|(_, entry)| layout::all_equal(&entry.alert.labels));
        self.filters.iter().cloned().chain(own).collect()
    }
}

/// What the fields hold.
struct Fields {
    sets: Vec<String>,
    starts: Timestamp,
    ends: Timestamp,
    creator: String,
    comment: String,
    annotations: Vec<String>,
}

/// Makes the page with the form.
pub(super) fn page(about: About<'_>, view: &View, now: Timestamp, prefill: &Prefill) -> Markup {
    let edited = prefill.edits.as_ref().map(|id| view.silences.get(id));
    if let Some(None) = edited {
        let main = html! {
            h1 { "Silence not found" }
            p { "There is no such silence any more. " a href=(link(about, "/silences/new", &[])) {
                "Make a new one" } }
        };
        return layout::frame(about, view, Tab::Silences, "Silence not found", None, &main);
    }
    let edited = edited.flatten();
    let fields = match edited {
        Some(silence) => Fields {
            sets: silence.matcher_sets.iter().map(set_text).collect(),
            starts: silence.starts_at,
            ends: silence.ends_at,
            creator: silence.created_by.to_string(),
            comment: silence.comment.to_string(),
            annotations: silence
                .annotations
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect(),
        },
        None => Fields {
            sets: prefill.sets(view),
            starts: now,
            ends: now + DURATION,
            creator: String::new(),
            comment: prefill.comment.clone(),
            annotations: prefill.annotations.clone(),
        },
    };
    let is_active = edited.is_some_and(|it| it.state(now) == State::Active);
    let title = if prefill.edits.is_some() { "Edit silence" } else { "New silence" };
    let main = html! {
        h1 { (title) }
        p.error.no-script {
            "Making a silence here needs scripts. Without them, use " code { "campanactl silence add" }
            "."
        }
        @if prefill.alert.is_some() && fields.sets.is_empty() {
            p.error role="alert" { "The alert is not there any more; its labels are not known." }
        }
        (form(&fields, prefill.edits.as_deref(), is_active))
        section #preview aria-live="polite" {
            @if !fields.sets.is_empty() { (affected(about, view, now, &fields.sets)) }
        }
    };
    layout::frame(about, view, Tab::Form, title, None, &main)
}

fn form(fields: &Fields, edits: Option<&str>, is_active: bool) -> Markup {
    html! {
        form #silence.card data-id=[edits] novalidate {
            fieldset #sets {
                legend { "Matchers" }
                p.hint { "An alert is silenced when all matchers of a line hold, for example "
                    code { "alertname=\"Down\", instance=~\"web.*\"" } ". Each line makes a \
                    silence of its own." }
                @for text in &fields.sets { (set(&plain(text))) }
                @if fields.sets.is_empty() { (set("")) }
                button type="button" data-add-set { "Another line" }
            }
            (times(fields, is_active))
            div.field {
                label for="creator" { "Creator" }
                input #creator name="creator" value=(fields.creator) required autocomplete="name";
            }
            div.field {
                label for="comment" { "Comment" }
                textarea #comment name="comment" rows="3" required { (fields.comment) }
            }
            div.field {
                label for="annotations" { "Annotations, one " code { "name=value" } " a line" }
                textarea #annotations name="annotations" rows="2" spellcheck="false" {
                    (fields.annotations.join("\n"))
                }
            }
            p #problem.error role="alert" hidden {}
            div.row {
                button.primary type="submit" {
                    @if edits.is_some() { "Update" } @else { "Create" }
                }
                button type="button" data-preview { "Preview alerts" }
                button type="reset" { "Reset" }
            }
        }
    }
}

/// One line of matchers.
fn set(text: &str) -> Markup {
    html! {
        div.set {
            input name="matchers" value=(text) aria-label="Matchers, all of which must hold"
                required spellcheck="false" autocomplete="off" data-complete="matchers"
                placeholder="alertname=\"Down\", instance=~\"web.*\"";
            button.plain type="button" data-drop-set aria-label="Remove this line" { "×" }
        }
    }
}

fn times(fields: &Fields, is_active: bool) -> Markup {
    html! {
        fieldset {
            legend { "Time" }
            div.row.times {
                div.field {
                    label for="starts" { "Start" }
                    input #starts name="starts" value=(rfc3339(fields.starts)) required
                        readonly[is_active] spellcheck="false" autocomplete="off";
                }
                div.field.only-script {
                    label for="duration" { "Duration" }
                    input #duration name="duration" spellcheck="false" required autocomplete="off";
                }
                div.field {
                    label for="ends" { "End" }
                    input #ends name="ends" value=(rfc3339(fields.ends)) required
                        spellcheck="false" autocomplete="off";
                }
                button type="button" data-calendar { "Calendar" }
            }
            div.row.presets role="group" aria-label="Durations" {
                @for preset in PRESETS {
                    button type="button" data-preset=(preset) { (preset) }
                }
            }
            p #clock.hint {}
        }
    }
}

fn plain(text: &str) -> String {
    let text = text.trim();
    let inner = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(text);
    inner.trim().trim_end_matches(',').trim().to_string()
}

/// Makes the preview alone.
pub(super) fn preview(about: About<'_>, view: &View, now: Timestamp, prefill: &Prefill) -> Markup {
    affected(about, view, now, &prefill.sets(view))
}

/// Shows what the sets mean and which alerts they select. The sets also stand there as the API
/// takes them, unless something is wrong with one.
fn affected(about: About<'_>, view: &View, now: Timestamp, sets: &[String]) -> Markup {
    let read: Vec<filter::Filters> =
        sets.iter().map(|set| filters(about, core::slice::from_ref(set))).collect();
    let affected = view.alerts_where(now, |labels| {
        let mut sets = read.iter().filter(|set| !set.matchers.is_empty());
        sets.any(|set| selects(&set.matchers, labels))
    });
    let count_of = |set: &filter::Filters| {
        let holds = |entry: &&&Entry| selects(&set.matchers, &entry.alert.labels);
        affected.iter().filter(holds).count()
    };
    let wrong = |set: &filter::Filters| !set.errors.is_empty() || set.asks() > 0;
    let as_json = (!read.iter().any(wrong)).then(|| json(&read));
    html! {
        div.sets data-sets=[as_json] {
            @for set in &read {
                (errors(&set.errors))
                @if set.asks() > 0 {
                    p.error role="alert" { "A silence cannot ask with @; name labels." }
                }
                @if !set.matchers.is_empty() {
                    ul.chips {
                        @for matcher in &set.matchers {
                            li { span.chip { bdi { (layout::short(&matcher.to_string(), 200)) } } }
                        }
                        @if read.len() > 1 { li { b.number { (count_of(set)) } } }
                    }
                }
            }
        }
        h2 { "Affected alerts: " span data-affected { (affected.len()) } }
        (alert::plain(about, view, &affected, PREVIEW_ALERTS_MAX, now))
    }
}

/// Writes sets as the API takes them.
fn json(sets: &[filter::Filters]) -> String {
    let mut out = String::from("[");
    for set in sets.iter().filter(|set| !set.matchers.is_empty()) {
        out.push_str(if out.len() > 1 { ",[" } else { "[" });
        for (i, matcher) in set.matchers.iter().enumerate() {
            out.push_str(if i > 0 { ",{\"name\":" } else { "{\"name\":" });
            write_string(&mut out, matcher.name());
            out.push_str(",\"value\":");
            write_string(&mut out, matcher.value());
            let (is_regex, is_equal) = (matcher.op().is_regex(), matcher.op().is_positive());
            out.push_str(&format!(",\"isRegex\":{is_regex},\"isEqual\":{is_equal}}}"));
        }
        out.push(']');
    }
    out.push(']');
    out
}
