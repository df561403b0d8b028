//! What all pages share: the frame, times, labels, texts with links.

use alloc::{
    borrow::ToOwned as _,
    format,
    string::{String, ToString as _},
    vec::Vec,
};

use maud::{DOCTYPE, Markup, html};

use super::{About, link};
use crate::{
    label::{Labels, Matcher, Op},
    time::{Stamp, Timestamp, rfc3339::write_millis},
    view::View,
};

/// The pages of the navigation bar.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tab {
    Alerts,
    Silences,
    Status,
    Settings,
    None,
}

/// Puts a page into its frame. `count` is shown in the title.
pub(super) fn frame(
    about: About<'_>,
    view: &View,
    tab: Tab,
    title: &str,
    count: Option<usize>,
    main: &Markup,
) -> Markup {
    let tabs = [
        (Tab::Alerts, "/", "Alerts"),
        (Tab::Silences, "/silences", "Silences"),
        (Tab::Status, "/status", "Status"),
        (Tab::Settings, "/settings", "Settings"),
    ];
    let firing = view.alerts.iter().any(|(_, entry)| !entry.alert.is_resolved(view.at.wall));
    let icon = if firing { "/assets/icon-firing.svg" } else { "/assets/icon.svg" };
    html! {
        (DOCTYPE)
        html lang="en" data-prefix=(about.prefix) data-now=(rfc3339(view.at.wall)) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title {
                    @if let Some(count) = count { "(" (count) ") " }
                    (title) " · campana"
                }
                link rel="icon" href=(link(about, icon, &[]));
                link rel="stylesheet" href=(link(about, "/assets/style.css", &[]));
                script src=(link(about, "/assets/app.js", &[])) defer {}
            }
            body {
                a.skip href="#main" { "Skip to the content" }
                header {
                    nav aria-label="Pages" {
                        a.brand href=(link(about, "/", &[])) { "campana" }
                        @for (each, path, name) in tabs {
                            a href=(link(about, path, &[]))
                                aria-current=[(each == tab).then_some("page")] { (name) }
                        }
                        a.new href=(link(about, "/silences/new", &[])) { "New silence" }
                    }
                }
                div #notice role="status" aria-live="polite" {}
                main #main tabindex="-1" { (main) }
            }
        }
    }
}

/// Returns a time in the API's form.
pub(super) fn rfc3339(at: Timestamp) -> String {
    let mut out = String::new();
    write_millis(&mut out, Stamp::utc(at));
    out
}

/// Shows a time; the script shows it in the zone the reader chose.
pub(super) fn time(at: Timestamp) -> Markup {
    let text = rfc3339(at);
    html! { time datetime=(text) { (text) } }
}

/// Shows how long ago something was, or how long until it is.
pub(super) fn distance(at: Timestamp, now: Timestamp) -> String {
    let (span, is_past) = if at <= now { (now.since(at), true) } else { (at.since(now), false) };
    let secs = span.as_secs();
    let text = match secs {
        0..60 => format!("{secs}s"),
        60..3600 => format!("{}m", secs / 60),
        3600..86_400 => format!("{}h {}m", secs / 3600, secs / 60 % 60),
        _ => format!("{}d {}h", secs / 86_400, secs / 3600 % 24),
    };
    if is_past { format!("{text} ago") } else { format!("in {text}") }
}

/// Shows a text in which words that are `http` or `https` links can be followed.
pub(super) fn linked(text: &str) -> Markup {
    html! {
        @for (i, line) in text.split('\n').enumerate() {
            @if i > 0 { br; }
            @for (j, word) in line.split(' ').enumerate() {
                @if j > 0 { " " }
                @if is_link(word) {
                    a href=(word) rel="noopener noreferrer nofollow" target="_blank" { (word) }
                } @else { (word) }
            }
        }
    }
}

/// Tells whether a text is a link that may be followed: no other scheme is harmless.
pub(super) fn is_link(text: &str) -> bool {
    let lower = text.get(..8).unwrap_or(text).to_ascii_lowercase();
    (lower.starts_with("http://") || lower.starts_with("https://"))
        && text.len() > 8
        && !text.chars().any(|c| c.is_control() || c.is_whitespace())
}

/// Returns a label's value as a matcher in the form that links carry.
pub(super) fn equals(name: &str, value: &str) -> String {
    match Matcher::new(name, Op::Equal, value) {
        Ok(matcher) => matcher.to_string(),
        Err(_) => format!("{name}={value:?}"),
    }
}

/// Shows labels as chips; each leads to the alerts that have it too. The alert's name comes first.
pub(super) fn chips(
    about: About<'_>,
    labels: &Labels,
    without: &Labels,
    keep: &[String],
) -> Markup {
    let mut pairs: Vec<(&str, &str)> =
        labels.iter().filter(|(name, _)| without.get(name).is_none()).collect();
    pairs.sort_by_key(|(name, _)| *name != "alertname");
    html! {
        ul.chips {
            @for (name, value) in pairs {
                li {
                    a.chip href=(with_filter(about, keep, &equals(name, value)))
                        title="Show only alerts with this label" {
                        span.name { (name) } "=" bdi.value { (value) }
                    }
                }
            }
        }
    }
}

/// Returns the link to the alerts with one filter more.
pub(super) fn with_filter(about: About<'_>, keep: &[String], filter: &str) -> String {
    let mut pairs: Vec<(&str, &str)> = keep.iter().map(|text| ("filter", &**text)).collect();
    if !keep.iter().any(|text| text == filter) {
        pairs.push(("filter", filter));
    }
    link(about, "/", &pairs)
}

/// Returns all labels as one filter, as the buttons of an alert carry it.
pub(super) fn all_equal(labels: &Labels) -> String {
    let matchers: Vec<String> = labels.iter().map(|(name, value)| equals(name, value)).collect();
    format!("{{{}}}", matchers.join(", "))
}

/// Shows filters that could not be read, with what was typed.
pub(super) fn errors(errors: &[(String, String)]) -> Markup {
    html! {
        @for (text, why) in errors {
            p.error role="alert" { code { (text) } " is no filter: " (why) }
        }
    }
}

/// Shows hidden fields that keep parameters in a form.
pub(super) fn keep(pairs: &[(&str, &str)]) -> Markup {
    html! { @for (name, value) in pairs { input type="hidden" name=(name) value=(value); } }
}

/// Shortens a long text for a heading.
pub(super) fn short(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
