//! Lists of alerts, groups and silences, written a piece at a time.
//!
//! An answer with 100,000 alerts has 100 MB. Nobody needs them at once: whoever sends it asks for
//! the next piece when the last one is on its way. Until then the list itself is kept, some 24
//! bytes an alert, and the view it comes from.

use alloc::{string::String, sync::Arc, vec::Vec};
use core::ops::Range;

use super::{answer::plain_object, response::write_text};
use crate::{
    alert::Entry,
    group::Group,
    label::Matchers,
    map::Map,
    notify::route_labels::is_template,
    silence::Silence,
    time::{Stamp, Timestamp, rfc3339::Millis},
    view::{AlertFilter, ListedGroups, Muting, Row, Rows, View},
    wire::json::{write_bytes, write_packed},
};

/// About the length of an alert or a silence in an answer. Room for all at once spares copying what
/// is written.
pub(super) const ITEM_BYTES: usize = 1024;

/// Bytes of receivers that are kept written.
const NAMES_BYTES_MAX: usize = 64 * 1024;

/// The part of an answer that is not written yet.
#[derive(Debug)]
pub struct Rest {
    list: List,
    /// How many alerts, groups or silences were written.
    done: usize,
    /// How many alerts of the next group were written.
    within: usize,
    pen: Pen,
}

#[derive(Debug)]
enum List {
    Alerts(Arc<View>, Rows),
    Groups(Arc<View>, ListedGroups),
    Silences(Vec<Arc<Silence>>, Timestamp),
}

impl Rest {
    pub(super) fn alerts(
        view: Arc<View>,
        filter: &AlertFilter,
        now: Timestamp,
        give_way: fn(),
    ) -> Self {
        let rows = view.list_alerts(filter, now, give_way);
        Self::new(List::Alerts(view, rows))
    }

    pub(super) fn groups(
        view: Arc<View>,
        filter: &AlertFilter,
        now: Timestamp,
        give_way: fn(),
    ) -> Self {
        let groups = view.list_groups(filter, now, give_way);
        Self::new(List::Groups(view, groups))
    }

    pub(super) fn silences(list: Vec<Arc<Silence>>, now: Timestamp) -> Self {
        Self::new(List::Silences(list, now))
    }

    fn new(list: List) -> Self {
        Self { list, done: 0, within: 0, pen: Pen::default() }
    }

    /// Returns about how many bytes all of it has.
    pub(super) fn likely_len(&self) -> usize {
        let items = match &self.list {
            List::Alerts(_, rows) => rows.as_slice().len(),
            List::Groups(_, listed) => listed.rows.as_slice().len() + listed.groups.len() / 2,
            List::Silences(silences, _) => silences.len(),
        };
        ITEM_BYTES * items + 3
    }

    /// Appends the next piece of the body and tells whether more is left. The piece ends with the
    /// alert or silence with which `out` reaches so many bytes, at least one, or with the body.
    pub fn write(&mut self, out: &mut Vec<u8>, bytes: usize) -> bool {
        let Self { list, done, within, pen } = self;
        match list {
            List::Alerts(view, rows) => {
                for row in rows.as_slice().get(*done..).unwrap_or_default() {
                    if out.len() >= bytes {
                        return true;
                    }
                    part(out, *done);
                    alert(out, view, (rows, row), &[], pen);
                    *done += 1;
                }
            }
            List::Groups(view, listed) => {
                pen.names.is_sorted = true;
                while let Some(one) = listed.groups.get(*done) {
                    let Some(group) = view.groups.get(one.id.0) else { break };
                    for row in listed.alerts(one).skip(*within) {
                        if out.len() >= bytes {
                            return true;
                        }
                        if *within == 0 {
                            part(out, *done);
                            out.extend_from_slice(b"{\"alerts\":");
                        }
                        part(out, *within);
                        alert(out, view, (&listed.rows, row), &group.muted_by, pen);
                        *within += 1;
                    }
                    end_of_group(out, view, group, &mut pen.scratch);
                    (*done, *within) = (*done + 1, 0);
                }
            }
            List::Silences(silences, now) => {
                for it in silences.get(*done..).unwrap_or_default() {
                    if out.len() >= bytes {
                        return true;
                    }
                    part(out, *done);
                    silence(out, it, *now, pen);
                    *done += 1;
                }
            }
        }
        out.extend_from_slice(if *done == 0 { b"[]\n" } else { b"]\n" });
        false
    }
}

/// What is kept between one alert and the next.
#[derive(Debug, Default)]
struct Pen {
    starts_at: Millis,
    ends_at: Millis,
    updated_at: Millis,
    names: Names,
    scratch: String,
}

/// The receivers of alerts, each list of them written once.
#[derive(Debug, Default)]
struct Names {
    is_sorted: bool,
    bytes: Vec<u8>,
    known: Map<u32, Range<usize>>,
}

impl Names {
    /// Returns what stands between the fingerprint of an alert and its start.
    fn of(&mut self, view: &View, rows: &Rows, row: &Row) -> &[u8] {
        if self.bytes.len() > NAMES_BYTES_MAX {
            (self.bytes, self.known) = Default::default();
        }
        let Self { is_sorted, bytes, known } = self;
        let range = known.get_or_insert_with(row.path, || {
            let tree = &view.config.tree;
            let mut names: Vec<_> =
                rows.routes_backwards(row).map(|id| &tree.route(id).receiver).collect();
            names.reverse();
            if *is_sorted {
                names.sort_unstable();
            }
            let begin = bytes.len();
            bytes.extend_from_slice(b"\",\"receivers\":");
            list(bytes, &names, |bytes, name| {
                bytes.extend_from_slice(b"{\"name\":");
                write_bytes(bytes, name.as_bytes());
                bytes.push(b'}');
            });
            bytes.extend_from_slice(b",\"startsAt\":\"");
            begin..bytes.len()
        });
        &bytes[range.clone()]
    }
}

fn alert(
    out: &mut Vec<u8>,
    view: &View,
    (rows, row): (&Rows, &Row),
    muted_by: &[Arc<str>],
    pen: &mut Pen,
) {
    let Entry { alert, fingerprint, .. } =
        view.alerts.get(row.id.0).expect("the list comes from this view");
    out.extend_from_slice(b"{\"annotations\":");
    write_packed(out, alert.annotations.as_bytes());
    out.extend_from_slice(b",\"endsAt\":\"");
    out.extend_from_slice(pen.ends_at.text(alert.ends_at));
    out.extend_from_slice(b"\",\"fingerprint\":\"");
    out.extend_from_slice(&fingerprint.digits());
    out.extend_from_slice(pen.names.of(view, rows, row));
    out.extend_from_slice(pen.starts_at.text(alert.starts_at));
    out.extend_from_slice(b"\",\"status\":{\"inhibitedBy\":[");
    let muting = rows.muting(row);
    if muting.is_muted() || !muted_by.is_empty() {
        suppressed(out, view, muting, muted_by);
    } else {
        out.extend_from_slice(b"],\"mutedBy\":[],\"silencedBy\":[],\"state\":\"active");
    }
    out.extend_from_slice(b"\"},\"updatedAt\":\"");
    out.extend_from_slice(pen.updated_at.text(Stamp::utc(alert.updated_at)));
    out.push(b'"');
    if !alert.generator_url.is_empty() {
        out.extend_from_slice(b",\"generatorURL\":");
        write_bytes(out, alert.generator_url.as_bytes());
    }
    out.extend_from_slice(b",\"labels\":");
    write_packed(out, alert.labels.as_bytes());
    out.push(b'}');
}

/// Goes on within the list of alerts that inhibit one.
fn suppressed(out: &mut Vec<u8>, view: &View, muting: &Muting, muted_by: &[Arc<str>]) {
    if let Some(source) = muting.inhibited_by.and_then(|id| view.alerts.get(id.0)) {
        out.push(b'"');
        out.extend_from_slice(&source.fingerprint.digits());
        out.push(b'"');
    }
    out.extend_from_slice(b"],\"mutedBy\":");
    list(out, muted_by, |out, name| write_bytes(out, name.as_bytes()));
    out.extend_from_slice(b",\"silencedBy\":");
    list(out, &muting.silenced_by, |out, id| write_bytes(out, id.0.as_bytes()));
    out.extend_from_slice(b",\"state\":\"suppressed");
}

/// Writes what follows the alerts of a group.
fn end_of_group(out: &mut Vec<u8>, view: &View, group: &Group, scratch: &mut String) {
    let route = view.config.tree.route(group.route);
    scratch.clear();
    scratch.push_str("],\"labels\":");
    plain_object(scratch, group.labels.iter());
    scratch.push_str(",\"receiver\":{\"name\":");
    write_text(scratch, &route.receiver);
    scratch.push_str("},\"routeLabels\":");
    if group.flushes > 0 {
        plain_object(scratch, group.route_labels.iter());
    } else {
        // Templates are rendered when there is something to tell.
        let plain = route.labels.iter().filter(|(_, value)| !is_template(value));
        plain_object(scratch, plain.map(|(name, value)| (&**name, &**value)));
    }
    scratch.push('}');
    out.extend_from_slice(scratch.as_bytes());
}

/// Writes a silence on its own, with its newline.
pub(super) fn one_silence(it: &Silence, now: Timestamp) -> Vec<u8> {
    let mut out = Vec::with_capacity(ITEM_BYTES);
    silence(&mut out, it, now, &mut Pen::default());
    out.push(b'\n');
    out
}

fn silence(out: &mut Vec<u8>, silence: &Silence, now: Timestamp, pen: &mut Pen) {
    let field = |out: &mut Vec<u8>, key: &[u8], value: &str| {
        out.extend_from_slice(key);
        write_bytes(out, value.as_bytes());
    };
    field(out, b"{\"id\":", &silence.id.0);
    field(out, b",\"status\":{\"state\":", silence.state(now).as_str());
    out.extend_from_slice(b"},\"updatedAt\":\"");
    out.extend_from_slice(pen.updated_at.text(Stamp::utc(silence.updated_at)));
    out.push(b'"');
    if !silence.annotations.is_empty() {
        out.extend_from_slice(b",\"annotations\":");
        for (i, (name, value)) in silence.annotations.iter().enumerate() {
            field(out, if i == 0 { b"{" } else { b"," }, name);
            field(out, b":", value);
        }
        out.push(b'}');
    }
    field(out, b",\"comment\":", &silence.comment);
    field(out, b",\"createdBy\":", &silence.created_by);
    out.extend_from_slice(b",\"endsAt\":\"");
    out.extend_from_slice(pen.ends_at.text(Stamp::utc(silence.ends_at)));
    // The schema knows one set only. Of a silence with several (peers can bring one) the first
    // stands there, so that clients can read the list, and all of them in a field of our own.
    out.extend_from_slice(b"\",\"matchers\":");
    let sets = &silence.matcher_sets;
    matcher_set(out, sets.first().unwrap_or(&Matchers::default()));
    if sets.len() > 1 {
        out.extend_from_slice(b",\"matcherSets\":");
        list(out, sets, matcher_set);
    }
    out.extend_from_slice(b",\"startsAt\":\"");
    out.extend_from_slice(pen.starts_at.text(Stamp::utc(silence.starts_at)));
    out.extend_from_slice(b"\"}");
}

fn matcher_set(out: &mut Vec<u8>, set: &Matchers) {
    list(out, set.as_slice(), |out, matcher| {
        let truth = |yes: bool| if yes { &b"true"[..] } else { b"false" };
        out.extend_from_slice(b"{\"isEqual\":");
        out.extend_from_slice(truth(matcher.op().is_positive()));
        out.extend_from_slice(b",\"isRegex\":");
        out.extend_from_slice(truth(matcher.op().is_regex()));
        out.extend_from_slice(b",\"name\":");
        write_bytes(out, matcher.name().as_bytes());
        out.extend_from_slice(b",\"value\":");
        write_bytes(out, matcher.value().as_bytes());
        out.push(b'}');
    });
}

fn list<T>(out: &mut Vec<u8>, items: &[T], mut write: impl FnMut(&mut Vec<u8>, &T)) {
    for (i, item) in items.iter().enumerate() {
        part(out, i);
        write(out, item);
    }
    out.extend_from_slice(if items.is_empty() { b"[]" } else { b"]" });
}

/// Begins the first element of a list, or a further one.
fn part(out: &mut Vec<u8>, index: usize) {
    out.push(if index == 0 { b'[' } else { b',' });
}
