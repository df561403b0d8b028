//! The silences, and one of them.

use alloc::{
    format,
    string::{String, ToString as _},
    sync::Arc,
    vec::Vec,
};

use maud::{Markup, html};

use super::{
    About, alert,
    filter::Filters,
    filters,
    layout::{self, Tab, distance, errors, keep, linked, short, time},
    link,
    paging::Part,
};
use crate::{
    label::Matchers,
    limits::{
        ANNOTATION_TEXT_MAX, CHIP_LINK_MAX, CHIP_TEXT_MAX, PAGE_SILENCES_MAX, PREVIEW_ALERTS_MAX,
    },
    silence::{Silence, State, States},
    time::Timestamp,
    view::View,
};

/// What the address of the list asks for.
#[derive(Clone, Debug)]
pub struct Choice {
    filters: Vec<String>,
    search: String,
    state: State,
    page: usize,
}

impl Choice {
    /// Reads the parameters.
    pub(super) fn read(last: &dyn Fn(&str) -> Option<String>, filters: Vec<String>) -> Self {
        let state = match last("state").as_deref() {
            Some("pending") => State::Pending,
            Some("expired") => State::Expired,
            _ => State::Active,
        };
        Self {
            filters,
            search: last("search").unwrap_or_default(),
            state,
            page: last("page").and_then(|page| page.parse().ok()).unwrap_or(1),
        }
    }

    fn finds(&self, silence: &Silence) -> bool {
        let wanted = self.search.to_lowercase();
        let has = |text: &str| text.to_lowercase().contains(&wanted);
        wanted.is_empty()
            || has(&silence.created_by)
            || has(&silence.comment)
            || has(&silence.id.0)
            || silence.matcher_sets.iter().any(|set| has(&set_text(set)))
    }
}

/// Returns a matcher set in the form that links carry.
pub(super) fn set_text(set: &Matchers) -> String {
    let matchers: Vec<String> = set.iter().map(|matcher| format!("{matcher}")).collect();
    format!("{{{}}}", matchers.join(", "))
}

/// Makes the list.
pub(super) fn list(about: About<'_>, view: &View, now: Timestamp, choice: &Choice) -> Markup {
    let filters = filters(about, &choice.filters);
    let all = States { active: true, pending: true, expired: true };
    let found: Vec<Arc<Silence>> = view
        .silences
        .list(now, all, &filters.matchers)
        .into_iter()
        .filter(|silence| choice.finds(silence))
        .collect();
    let of = |state: State| found.iter().filter(move |silence| silence.state(now) == state);
    let shown: Vec<&Arc<Silence>> = of(choice.state).collect();
    let part = Part::new(choice.page, shown.len(), PAGE_SILENCES_MAX);
    let mut kept: Vec<(&str, &str)> =
        filters.shown.iter().map(|text| ("filter", &**text)).collect();
    kept.push(("state", choice.state.as_str()));
    let to = |state: State| {
        let mut pairs: Vec<(&str, &str)> =
            filters.shown.iter().map(|text| ("filter", &**text)).collect();
        if !choice.search.is_empty() {
            pairs.push(("search", &choice.search));
        }
        pairs.push(("state", state.as_str()));
        link(about, "/silences", &pairs)
    };
    let main = html! {
        h1.hidden { "Silences" }
        (controls(about, choice, &filters, &kept))
        (errors(&filters.errors))
        nav.tabs aria-label="States" {
            @for (state, name) in [
                (State::Active, "Active"), (State::Pending, "Pending"), (State::Expired, "Expired"),
            ] {
                a href=(to(state)) aria-current=[(state == choice.state).then_some("true")] {
                    (name) " " span.number { (of(state).count()) }
                }
            }
        }
        @if choice.state != State::Expired && !shown.is_empty() {
            p.only-script.row {
                label.switch { input type="checkbox" data-choose-all; span { "Choose all" } }
                button type="button" data-expire-chosen { "Expire the chosen ones" }
            }
        }
        @if shown.is_empty() { p.empty { "No silences found" } }
        @for silence in part.of(&shown) { (row(about, silence, now)) }
        (part.nav(&to(choice.state)))
    };
    layout::frame(about, view, Tab::Silences, "Silences", Some(of(State::Active).count()), &main)
}

fn controls(about: About<'_>, choice: &Choice, filters: &Filters, kept: &[(&str, &str)]) -> Markup {
    let without = |at: usize| {
        let rest = filters.shown.iter().enumerate().filter(|(i, _)| *i != at);
        let mut pairs: Vec<(&str, &str)> = rest.map(|(_, text)| ("filter", &**text)).collect();
        pairs.push(("search", &choice.search));
        pairs.push(("state", choice.state.as_str()));
        link(about, "/silences", &pairs)
    };
    html! {
        form.controls method="get" action=(link(about, "/silences", &[])) {
            (keep(kept))
            div.row {
                label for="search" { "Search" }
                input #search type="search" name="search" value=(choice.search)
                    placeholder="creator, comment, matcher, id";
                label for="filter" { "With the matcher" }
                input #filter name="filter" autocomplete="off" spellcheck="false"
                    data-complete="matchers" placeholder="service=\"shop\""
                    value=(filters.errors.first().map_or("", |(text, _)| text));
                button.primary type="submit" { "Show" }
            }
            @if !filters.shown.is_empty() {
                ul.chips aria-label="Filters" {
                    @for (i, text) in filters.shown.iter().enumerate() {
                        li.filter {
                            span.chip { bdi { (short(text, CHIP_TEXT_MAX)) } }
                            a.remove href=(without(i)) aria-label=(format!("Remove {text}")) { "×" }
                        }
                    }
                }
            }
        }
    }
}

fn row(about: About<'_>, silence: &Silence, now: Timestamp) -> Markup {
    let id = &silence.id;
    let state = silence.state(now);
    html! {
        article.card.silence.(state.as_str()) data-key=(id) {
            div.head {
                @if state != State::Expired {
                    input.only-script type="checkbox" data-choose=(id)
                        aria-label=(format!("Choose the silence of {}", silence.created_by));
                }
                p.headline { bdi { (linked(&short(&silence.comment, ANNOTATION_TEXT_MAX))) } }
                (when(silence, now))
            }
            (matchers(about, silence))
            p.actions {
                span.by { "by " bdi { (short(&silence.created_by, 80)) } }
                (actions(about, silence, state))
            }
        }
    }
}

fn when(silence: &Silence, now: Timestamp) -> Markup {
    let (word, at) = match silence.state(now) {
        State::Active => ("Ends", silence.ends_at),
        State::Pending => ("Starts", silence.starts_at),
        State::Expired => ("Expired", silence.ends_at),
    };
    html! { span.when { (word) " " b { (distance(at, now)) } " " (time(at)) } }
}

fn actions(about: About<'_>, silence: &Silence, state: State) -> Markup {
    let id = &silence.id;
    let recreate = || {
        let sets: Vec<String> = silence.matcher_sets.iter().map(set_text).collect();
        let annotations = silence.annotations.iter();
        let annotations: Vec<String> =
            annotations.map(|(name, value)| format!("{name}={value}")).collect();
        let annotations = annotations.join("\n");
        let mut pairs: Vec<(&str, &str)> = sets.iter().map(|text| ("filter", &**text)).collect();
        pairs.push(("comment", &silence.comment));
        if !annotations.is_empty() {
            pairs.push(("annotations", &annotations));
        }
        link(about, "/silences/new", &pairs)
    };
    html! {
        a href=(link(about, &format!("/silences/{id}"), &[])) { "View" }
        @if state == State::Expired {
            a href=(recreate()) { "Recreate" }
        } @else {
            a href=(link(about, &format!("/silences/{id}/edit"), &[])) { "Edit" }
            button.only-script.plain type="button" data-expire=(id) {
                @if state == State::Pending { "Delete" } @else { "Expire" }
            }
        }
    }
}

/// Shows the conditions of a silence, and its annotations.
pub(super) fn matchers(about: About<'_>, silence: &Silence) -> Markup {
    html! {
        @for (i, set) in silence.matcher_sets.iter().enumerate() {
            @if i > 0 { p.or { "or" } }
            ul.chips {
                @for matcher in set.iter() {
                    @let text = format!("{matcher}");
                    li { @if text.len() > CHIP_LINK_MAX {
                        span.chip { bdi { (short(&text, CHIP_TEXT_MAX)) } }
                    } @else {
                        a.chip href=(link(about, "/silences", &[("filter", &text)])) {
                            bdi { (short(&text, CHIP_TEXT_MAX)) }
                        }
                    } }
                }
            }
        }
        @if !silence.annotations.is_empty() {
            dl.annotations {
                @for (name, value) in &silence.annotations {
                    @let value = short(value, ANNOTATION_TEXT_MAX);
                    dt { bdi { (name) } } dd { bdi { (linked(&value)) } }
                }
            }
        }
    }
}

/// Makes the page of one silence.
pub(super) fn one(about: About<'_>, view: &View, now: Timestamp, id: &str) -> Markup {
    let Some(silence) = view.silences.get(id) else {
        let main = html! {
            h1 { "Silence not found" }
            p { "There is no silence " code { (id) } ". It may have been forgotten some time after \
                 its end." }
            p { a href=(link(about, "/silences", &[])) { "All silences" } }
        };
        return layout::frame(about, view, Tab::Silences, "Silence not found", None, &main);
    };
    let state = silence.state(now);
    let affected = view.alerts_where(now, |labels| silence.matches(labels));
    let main = html! {
        h1 { "Silence " span.badge.(state.as_str()) { (state.to_string()) } }
        p.head { (when(silence, now)) }
        p.actions { (actions(about, silence, state)) }
        dl.facts.card {
            dt { "ID" } dd { code { (id) } }
            dt { "State" } dd { (state.to_string()) }
            dt { "Starts" } dd { (time(silence.starts_at)) }
            dt { "Ends" } dd { (time(silence.ends_at)) }
            dt { "Updated" } dd { (time(silence.updated_at)) }
            dt { "Creator" } dd { (silence.created_by) }
            dt { "Comment" } dd { bdi { (linked(&silence.comment)) } }
        }
        h2 { "Matchers" }
        (matchers(about, silence))
        h2 { "Affected alerts: " (affected.len()) }
        (alert::plain(about, view, &affected, PREVIEW_ALERTS_MAX, now))
    };
    layout::frame(about, view, Tab::Silences, "Silence", None, &main)
}
