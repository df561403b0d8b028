//! `receivers[]`: whom to notify, and how.

use alloc::{
    borrow::ToOwned as _,
    format,
    string::{String, ToString as _},
    vec::Vec,
};

use super::text_map;
use crate::{
    notify::{
        Kind,
        integration::{BUILD_ORDER, LISTS},
    },
    schema::Context,
    yaml::{Abort, At, decode::Spot},
};

/// A receiver as typed.
#[derive(Debug, Default)]
pub struct Receiver {
    /// Where it stands.
    pub spot: Spot,
    /// `name`.
    pub name: String,
    /// `labels` with the name added, sorted.
    pub labels: Vec<(String, String)>,
    /// `resolve_muted`, campana's own.
    pub resolve_muted: bool,
    /// The entries of all `*_configs`, in the order in which they are built.
    pub entries: Vec<Entry>,
}

/// One element of a `*_configs` list.
#[derive(Debug)]
pub struct Entry {
    /// Where it stands.
    pub spot: Spot,
    /// What it is.
    pub kind: Kind,
}

/// Reads one receiver. Null makes one without a name, as in Alertmanager.
///
/// # Errors
/// The first rule that a value breaks.
pub fn read(at: &At<'_>, context: &Context<'_>) -> Result<Receiver, Abort> {
    let mut receiver = Receiver { spot: at.spot(), ..Receiver::default() };
    if at.node.is_null() {
        context.warn(at, "a receiver that is null has no name and cannot be used");
        return Ok(receiver);
    }
    let before = at.complaints();
    let mut keys = Vec::from(["name", "labels"]);
    keys.extend(LISTS);
    keys.push("resolve_muted");
    at.fields(&keys, |key, at| {
        match key {
            "name" => receiver.name = at.text().unwrap_or_default().to_owned(),
            "labels" => receiver.labels = text_map(&at)?,
            "resolve_muted" => receiver.resolve_muted = at.boolean().unwrap_or_default(),
            list => {
                at.items(|_, item| read_entry(list, &item, context, &mut receiver.entries))?;
            }
        }
        Ok(())
    })?;
    let place = |list: &str| BUILD_ORDER.iter().position(|known| *known == list);
    receiver.entries.sort_by_key(|entry| place(entry.kind.list()));
    if receiver.name.is_empty() {
        if at.complaints() > before {
            return Ok(receiver);
        }
        return Err(at.fail("missing name in receiver; add name: NAME"));
    }
    label_with_name(at, &mut receiver)?;
    Ok(receiver)
}

fn read_entry(
    list: &str,
    at: &At<'_>,
    context: &Context<'_>,
    entries: &mut Vec<Entry>,
) -> Result<(), Abort> {
    if at.node.is_null() {
        let name = list.trim_end_matches("_configs");
        return Err(
            at.fail(format!("missing {name} config; give it settings or remove the element"))
        );
    }
    let before = at.complaints();
    match Kind::read(list, at, context) {
        Some(Ok(kind)) => entries.push(Entry { spot: at.spot(), kind }),
        // What breaks a rule may do so only for want of a value that was mistyped.
        Some(Err(_)) if at.complaints() > before => {}
        Some(Err(abort)) => return Err(abort),
        None => {}
    }
    Ok(())
}

fn label_with_name(at: &At<'_>, receiver: &mut Receiver) -> Result<(), Abort> {
    let name = &receiver.name;
    match receiver.labels.iter().find(|(label, _)| label == "name") {
        Some((_, value)) if value != name => Err(at.fail(format!(
            "receiver label \"name\" must match receiver name {name:?}, got {value:?}"
        ))),
        Some(_) => Ok(()),
        None => {
            receiver.labels.push(("name".to_string(), name.clone()));
            receiver.labels.sort();
            Ok(())
        }
    }
}
