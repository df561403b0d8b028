//! What all pages share: the frame, times, labels, texts with links.

use alloc::{
    borrow::ToOwned as _,
    format,
    string::{String, ToString as _},
    vec::Vec,
};

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{About, encode, link};
use crate::{
    hash::fnv1a,
    label::{Labels, Matcher, Op},
    limits::{CHIP_LINK_MAX, CHIP_TEXT_MAX, CHIPS_MAX},
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
    /// The form for silences.
    Form,
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
    let number = count.filter(|count| *count > 0).map(|count| format!("{count}"));
    let icon = match (&number, firing) {
        (Some(number), _) => link(about, "/icon.svg", &[("count", number)]),
        (None, true) => link(about, "/assets/icon-firing.svg", &[]),
        (None, false) => link(about, "/assets/icon.svg", &[]),
    };
    html! {
        (DOCTYPE)
        html lang="en" data-prefix=(about.prefix) data-now=(rfc3339(view.at.wall)) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title {
                    @if let Some(count) = count { "(" (count) ") " }
                    (title) " · campana"
                }
                link rel="icon" type="image/svg+xml" href=(icon);
                link rel="stylesheet" href=(link(about, "/assets/style.css", &[]));
                script src=(link(about, "/assets/early.js", &[])) {}
                script type="module" src=(link(about, "/assets/app.js", &[])) {}
            }
            body {
                a.skip href="#main" { "Skip to the content" }
                header {
                    nav aria-label="Pages" {
                        a.brand href=(link(about, "/", &[])) { (bell()) "campana" }
                        @for (each, path, name) in tabs {
                            a href=(link(about, path, &[]))
                                aria-current=[(each == tab).then_some("page")] { (name) }
                        }
                        @if tab != Tab::Form {
                            a.new.button.primary href=(link(about, "/silences/new", &[])) {
                                "New silence"
                            }
                        }
                    }
                }
                div #notice role="status" aria-live="polite" {}
                main #main tabindex="-1" { (main) }
                (footer(about))
            }
        }
    }
}

fn footer(about: About<'_>) -> Markup {
    html! {
        footer {
            span { "campana " (about.build.version) }
            a href="https://prometheus.io/docs/alerting/latest/alertmanager/"
                rel="noopener noreferrer" target="_blank" { "Documentation" }
            button #zone-switch.only-script.plain type="button" { "Times in UTC" }
            span #fresh.only-script {}
        }
    }
}

/// The sign of the product, in the colour of the text.
fn bell() -> Markup {
    PreEscaped(String::from(
        "<svg class=\"bell\" viewBox=\"0 0 16 16\" aria-hidden=\"true\"><path d=\"M8 1a5 5 0 0 0-5 \
         5v3l-1.5 3h13L13 9V6a5 5 0 0 0-5-5zM6 13a2 2 0 0 0 4 0z\"/></svg>",
    ))
}

/// Returns the sign for the browser's tab, with a number on it.
pub(super) fn icon(count: &str) -> String {
    let number = match count.parse::<u64>() {
        Ok(0) | Err(_) => return include_str!("icon.svg").to_owned(),
        Ok(number @ ..100) => format!("{number}"),
        Ok(_) => "99".to_owned(),
    };
    let sign = include_str!("icon-firing.svg").trim_end().trim_end_matches("</svg>");
    format!(
        "{sign}<rect x=\"5\" y=\"7\" width=\"11\" height=\"9\" rx=\"2\" fill=\"#1c2630\"/>\
         <text x=\"10.5\" y=\"14.4\" font-size=\"8\" font-weight=\"700\" font-family=\"sans-serif\" \
         text-anchor=\"middle\" fill=\"#fff\">{number}</text></svg>"
    )
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
    let (day, clock) = (text.get(..10).unwrap_or_default(), text.get(11..19).unwrap_or_default());
    html! { time datetime=(text) title=(text) { (day) " " (clock) " UTC" } }
}

/// Shows how long ago something was, with the time in full beside it.
pub(super) fn ago(at: Timestamp, now: Timestamp) -> Markup {
    html! { span.when { b { (distance(at, now)) } " " (time(at)) } }
}

/// Shows how long ago something was, or how long until it is.
pub(super) fn distance(at: Timestamp, now: Timestamp) -> String {
    let (span, is_past) = if at <= now { (now.since(at), true) } else { (at.since(now), false) };
    if at.is_zero() {
        return "never".to_owned();
    }
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

/// Shows labels as chips; each leads to the alerts that have it too: `base` is the link to which a
/// filter can be added. The alert's name comes first. Of many labels or long texts the beginning is
/// shown; the page of the alert has everything.
pub(super) fn chips(labels: &Labels, without: &Labels, base: &str) -> Markup {
    let mut pairs: Vec<(&str, &str)> =
        labels.iter().filter(|(name, _)| without.get(name).is_none()).collect();
    pairs.sort_by_key(|(name, _)| *name != "alertname");
    html! {
        @if !pairs.is_empty() {
            ul.chips {
                @for (name, value) in pairs.iter().take(CHIPS_MAX) {
                    li { (chip(name, value, base)) }
                }
                @if pairs.len() > CHIPS_MAX { li { "and " (pairs.len() - CHIPS_MAX) " more" } }
            }
        }
    }
}

/// Shows one label, as [`chips`] does.
pub(super) fn chip(name: &str, value: &str, base: &str) -> Markup {
    let class = format!("chip {}", tint(name, value));
    let text = html! {
        bdi.name { (short(name, CHIP_TEXT_MAX)) } "=" bdi { (short(value, CHIP_TEXT_MAX)) }
    };
    let filter = equals(name, value);
    html! {
        @if base.is_empty() || filter.len() > CHIP_LINK_MAX { span class=(class) { (text) } }
        @else { a class=(class) href=(more(base, &filter)) { (text) } }
    }
}

/// Returns a link with one filter more.
pub(super) fn more(base: &str, filter: &str) -> String {
    let mut out = String::from(base);
    out.push_str(if base.contains('?') { "&filter=" } else { "?filter=" });
    encode(&mut out, filter);
    out
}

/// The colour of a label: of the severity that it names, or one for each name.
fn tint(name: &str, value: &str) -> &'static str {
    const TINTS: [&str; 6] = ["t0", "t1", "t2", "t3", "t4", "t5"];
    match name {
        "severity" | "priority" => severity(value),
        "alertname" => "named",
        _ => TINTS[(fnv1a(name.as_bytes()) % TINTS.len() as u64) as usize],
    }
}

/// Returns how bad a severity is, as the classes of the style sheet: the words in use differ.
pub(super) fn severity(value: &str) -> &'static str {
    let is = |words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(value));
    if is(&["critical", "page", "error", "emergency", "alert", "disaster", "fatal", "p1", "high"]) {
        "critical"
    } else if is(&["warning", "warn", "medium", "average", "minor", "major", "p2", "p3", "ticket"])
    {
        "warning"
    } else if is(&["info", "information", "notice", "low", "p4", "p5", "debug"]) {
        "info"
    } else {
        "other"
    }
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

/// Returns a count with its noun.
pub(super) fn plural(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
