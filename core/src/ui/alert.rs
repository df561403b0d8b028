//! One alert, as the lists show it.

use alloc::{
    format,
    string::{String, ToString as _},
};

use maud::{Markup, html};

use super::{
    About,
    layout::{ago, chips, distance, is_link, linked, severity, short},
    link,
};
use crate::{
    alert::{Alert, Entry},
    label::Labels,
    limits::{ANNOTATION_TEXT_MAX, CHIPS_MAX},
    time::Timestamp,
    view::{Listed, Scratch, View},
};

/// Annotations that say in one line what is wrong: the first one that is there is the headline.
const HEADLINES: [&str; 4] = ["summary", "title", "message", "description"];

/// Shows an alert. `without` are labels that stand elsewhere, and `base` is the link to which a
/// label adds itself as a filter.
pub(super) fn card(
    about: About<'_>,
    view: &View,
    listed: &Listed<'_>,
    without: &Labels,
    base: &str,
    now: Timestamp,
) -> Markup {
    let alert = &listed.entry.alert;
    let fingerprint = listed.entry.fingerprint.to_string();
    let headline = HEADLINES
        .iter()
        .find(|name| alert.annotations.get(name).is_some_and(|text| !text.trim().is_empty()));
    let class = format!("alert {}", class(&alert.labels));
    html! {
        article class=(class) data-key=(fingerprint) {
            div.head {
                @if let Some(text) = headline.and_then(|name| alert.annotations.get(name)) {
                    p.headline { bdi { (linked(&short(text, ANNOTATION_TEXT_MAX))) } }
                }
                (ago(alert.starts_at.at, now))
            }
            (chips(&alert.labels, without, base))
            (annotations(alert, headline.copied()))
            (badges(about, view, listed, now))
            (actions(about, listed.entry, &fingerprint))
        }
    }
}

/// The class for how bad an alert is.
pub(super) fn class(labels: &Labels) -> &'static str {
    let value = labels.get("severity").or_else(|| labels.get("priority"));
    value.map_or("other", severity)
}

fn actions(about: About<'_>, entry: &Entry, fingerprint: &str) -> Markup {
    let generator = &*entry.alert.generator_url;
    let silence = link(about, "/silences/new", &[("alert", fingerprint)]);
    let own = link(about, "/", &[("filter", &format!("@fingerprint={fingerprint}"))]);
    html! {
        p.actions {
            @if is_link(generator) {
                a href=(generator) rel="noopener noreferrer nofollow" target="_blank" { "Source" }
            }
            a href=(silence) { "Silence" }
            button.only-script.plain type="button" data-silence=(fingerprint)
                title="Silence this alert for one hour" { "Silence 1h" }
            a href=(own) { "Link" }
            a href=(link(about, &format!("/alerts/{fingerprint}"), &[])) { "Why" }
        }
    }
}

fn annotations(alert: &Alert, but: Option<&str>) -> Markup {
    let shown = || alert.annotations.iter().filter(|(name, _)| Some(*name) != but);
    html! {
        @if shown().next().is_some() {
            dl.annotations {
                @for (name, value) in shown().take(CHIPS_MAX) {
                    dt { bdi { (short(name, 60)) } }
                    dd { bdi { (linked(&short(value, ANNOTATION_TEXT_MAX))) } }
                }
            }
        }
    }
}

/// Shows what mutes an alert: each silence with its creator, comment and end, and what inhibits it.
pub(super) fn badges(about: About<'_>, view: &View, listed: &Listed<'_>, now: Timestamp) -> Markup {
    let muting = &listed.muting;
    html! {
        @if muting.is_muted() {
            p.badges {
                @for id in muting.silenced_by.iter().take(5) {
                    @if let Some(silence) = view.silences.get(&id.0) {
                        a.badge.silenced href=(link(about, &format!("/silences/{id}"), &[])) {
                            b { "Silenced" } " by " bdi { (short(&silence.created_by, 60)) } ": "
                            bdi { (short(&silence.comment, 80)) }
                            ", ends " (distance(silence.ends_at, now))
                        }
                    }
                }
                @if muting.silenced_by.len() > 5 {
                    span { "and " (muting.silenced_by.len() - 5) " more silences" }
                }
                @if let Some(source) = muting.inhibited_by.and_then(|id| view.alerts.get(id.0)) {
                    @let fingerprint = source.fingerprint.to_string();
                    a.badge.inhibited href=(link(about, &format!("/alerts/{fingerprint}"), &[])) {
                        b { "Inhibited" } " by " bdi { (name(&source.alert)) }
                    }
                }
            }
        }
    }
}

fn name(alert: &Alert) -> String {
    let name = alert.labels.get("alertname");
    name.map_or_else(|| "another alert".into(), |name| short(name, 80))
}

/// Shows a plain list of alerts, at most `max`.
pub(super) fn plain(
    about: About<'_>,
    view: &View,
    alerts: &[&Entry],
    max: usize,
    now: Timestamp,
) -> Markup {
    let base = link(about, "/", &[]);
    let mut scratch = Scratch::default();
    let mut muting = view.mutings(now, &mut scratch);
    html! {
        @for &entry in alerts.iter().take(max) {
            @let listed = Listed { entry, muting: muting(entry) };
            (card(about, view, &listed, &Labels::empty(), &base, now))
        }
        @if alerts.len() > max { p { "… and " (alerts.len() - max) " more" } }
    }
}
