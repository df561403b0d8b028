//! The effective configuration as text: what the API's status and `config show` print.
//!
//! Fields stand in Alertmanager's order, defaults are filled in, secrets are masked. The text can
//! be read again; so, unlike in the original, an empty expression prints as an empty text instead
//! of null. As there, an empty list of ranges, which matches at no time, is left out.

use alloc::{format, string::String, vec::Vec};

use super::raw::{
    File, inhibit::InhibitRule, interval::Interval, receiver::Receiver, route::Route,
};
use crate::{
    interval::{Spec, TimeRange},
    notify::integration::LISTS,
    schema::Field as _,
    time::duration::format_prometheus,
    yaml::{Out, emit::Fields},
};

/// Writes a file.
pub(super) fn dump(file: &File) -> String {
    let mut fields = Fields::default();
    fields.put("global", file.global.print());
    if let Some(root) = &file.route {
        fields.put("route", route(root));
    }
    let mut list = |key: &str, items: Vec<Out>| {
        if !items.is_empty() || key == "templates" {
            fields.put(key, Out::List(items));
        }
    };
    list("inhibit_rules", file.inhibit_rules.iter().map(inhibit_rule).collect());
    list("receivers", file.receivers.iter().map(receiver).collect());
    list("templates", file.templates.iter().map(|glob| Out::text(glob)).collect());
    list("mute_time_intervals", file.mute_time_intervals.iter().map(interval).collect());
    list("time_intervals", file.time_intervals.iter().map(interval).collect());
    if let Some(tracing) = &file.tracing {
        fields.put("tracing", tracing.print());
    }
    if let Some(recorder) = file.event_recorder.as_ref().filter(|recorder| !recorder.is_zero()) {
        fields.put("event_recorder", recorder.print());
    }
    fields.done().emit()
}

fn route(raw: &Route) -> Out {
    let mut fields = Fields::default();
    fields.text("receiver", Some(&raw.receiver));
    fields.texts("group_by", raw.group_by.as_deref().unwrap_or_default());
    text_map(&mut fields, "match", &raw.equal);
    text_map(&mut fields, "match_re", &raw.regex);
    matchers(&mut fields, "matchers", &raw.matchers);
    let names =
        |list: &[(String, _)]| list.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    fields.texts("mute_time_intervals", &names(&raw.mute));
    fields.texts("active_time_intervals", &names(&raw.active));
    fields.put("continue", Out::boolean(raw.continues));
    if !raw.routes.is_empty() {
        fields.put("routes", Out::List(raw.routes.iter().map(route).collect()));
    }
    for (key, span) in [
        ("group_wait", raw.group_wait),
        ("group_interval", raw.group_interval),
        ("repeat_interval", raw.repeat_interval),
    ] {
        if let Some(span) = span {
            fields.put(key, Out::text(&format_prometheus(span)));
        }
    }
    text_map(&mut fields, "labels", &raw.labels);
    fields.done()
}

fn text_map(fields: &mut Fields, key: &str, map: &[(String, String)]) {
    if !map.is_empty() {
        fields.put(key, Out::sorted(map.iter().map(|(name, value)| (name, Out::text(value)))));
    }
}

fn matchers(fields: &mut Fields, key: &str, list: &[crate::label::Matcher]) {
    fields.texts(key, &list.iter().map(|matcher| format!("{matcher}")).collect::<Vec<_>>());
}

fn inhibit_rule(rule: &InhibitRule) -> Out {
    let mut fields = Fields::default();
    fields.text("name", Some(&rule.name));
    for (side, name) in [(&rule.source, "source"), (&rule.target, "target")] {
        text_map(&mut fields, &format!("{name}_match"), &side.equal);
        text_map(&mut fields, &format!("{name}_match_re"), &side.regex);
        matchers(&mut fields, &format!("{name}_matchers"), &side.matchers);
    }
    fields.texts("equal", &rule.equal);
    fields.done()
}

fn receiver(raw: &Receiver) -> Out {
    let mut fields = Fields::default();
    fields.put("name", Out::text(&raw.name));
    text_map(&mut fields, "labels", &raw.labels);
    for list in LISTS {
        let entries = raw.entries.iter().filter(|entry| entry.kind.list() == *list);
        let entries: Vec<Out> = entries.map(|entry| entry.kind.print()).collect();
        if !entries.is_empty() {
            fields.put(list, Out::List(entries));
        }
    }
    if raw.resolve_muted {
        fields.put("resolve_muted", Out::boolean(true));
    }
    fields.done()
}

fn interval(raw: &Interval) -> Out {
    let mut fields = Fields::default();
    fields.put("name", Out::text(&raw.name));
    fields.put("time_intervals", specs(&raw.specs));
    fields.done()
}

pub(super) fn specs(specs: &[Spec]) -> Out {
    Out::List(specs.iter().map(spec).collect())
}

fn spec(spec: &Spec) -> Out {
    let mut fields = Fields::default();
    let time = |range: &TimeRange| {
        let mut fields = Fields::default();
        fields.text("start_time", Some(&range.start_text()));
        fields.text("end_time", Some(&range.end_text()));
        fields.done()
    };
    if let Some(times) = spec.times.as_ref().filter(|times| !times.is_empty()) {
        fields.put("times", Out::List(times.iter().map(time).collect()));
    }
    flow(&mut fields, "weekdays", spec.weekdays.as_deref());
    flow(&mut fields, "days_of_month", spec.days_of_month.as_deref());
    flow(&mut fields, "months", spec.months.as_deref());
    flow(&mut fields, "years", spec.years.as_deref());
    if let Some(zone) = spec.location.as_ref().filter(|zone| !zone.name().is_empty()) {
        fields.put("location", Out::TextBeforeFlow(zone.name().into()));
    }
    fields.done()
}

fn flow<T: core::fmt::Display>(fields: &mut Fields, key: &str, list: Option<&[T]>) {
    if let Some(list) = list.filter(|list| !list.is_empty()) {
        let texts = list.iter().map(|range| Out::text(&format!("{range}"))).collect();
        fields.put(key, Out::Flow(texts));
    }
}
