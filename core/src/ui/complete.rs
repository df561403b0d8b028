//! What could be meant by a text that is being typed, and what is wrong with it so far.

use alloc::{
    borrow::ToOwned as _,
    collections::BTreeMap,
    format,
    string::{String, ToString as _},
    vec::Vec,
};
use core::cmp::Reverse;

use super::filter::Filters;
use crate::{
    label::{Mode, Regex},
    limits::{CHIP_LINK_MAX, COMPLETIONS_MAX},
    notify::data::quote_meta,
    view::View,
    wire::json::write_string,
};

/// Questions to the alert itself that filters may ask; a text that ends open is gone on with.
const ASKS: [&str; 8] = [
    "@age>1h",
    "@age<15m",
    "@state=active",
    "@state=silenced",
    "@state=inhibited",
    "@state=muted",
    "@receiver=",
    "@fingerprint=",
];

/// Returns `{"error": text or null, "words": [..]}`: what the whole text could become, the most
/// frequent first. `of` says what the text is: a `filter`, a list of `matchers`, `labels`, label
/// `names`, or a `receiver`.
pub(super) fn complete(mode: Mode, view: &View, of: &str, text: &str) -> String {
    let (head, last) = split(text);
    let words = match of {
        "receiver" => receivers(view, text),
        "names" => names(view, last.trim_start()).map_words(|name| format!("{head}{name}")),
        _ => matchers(view, head, last.trim_start(), of == "filter"),
    };
    let error = match of {
        "receiver" => Regex::anchored(text).err().map(|why| why.to_string()),
        "names" => None,
        _ => {
            let filters = Filters::parse(mode, &[text.to_owned()]);
            let asks = of != "filter" && text.trim_start().starts_with('@');
            let asks = asks.then(|| "questions with @ are for the list of alerts".to_owned());
            filters.errors.into_iter().next().map(|(_, why)| why).or(asks)
        }
    };
    let mut out = String::from("{\"error\":");
    match error {
        Some(error) => write_string(&mut out, &error),
        None => out.push_str("null"),
    }
    out.push_str(",\"words\":[");
    for (i, word) in words.iter().filter(|word| word.len() <= CHIP_LINK_MAX).enumerate() {
        if i == COMPLETIONS_MAX {
            break;
        }
        if i > 0 {
            out.push(',');
        }
        write_string(&mut out, word);
    }
    out.push_str("]}\n");
    out
}

/// Texts with how often they occur.
struct Counted<'a>(BTreeMap<&'a str, u32>);

impl Counted<'_> {
    fn map_words(self, word: impl Fn(&str) -> String) -> Vec<String> {
        let mut found: Vec<(&str, u32)> = self.0.into_iter().collect();
        found.sort_by_key(|(_, count)| Reverse(*count));
        found.into_iter().take(2 * COMPLETIONS_MAX).map(|(text, _)| word(text)).collect()
    }
}

fn names<'a>(view: &'a View, beginning: &str) -> Counted<'a> {
    let mut counts = BTreeMap::new();
    for (_, entry) in view.alerts.iter() {
        for (name, _) in entry.alert.labels.iter().filter(|(name, _)| begins(name, beginning)) {
            *counts.entry(name).or_default() += 1;
        }
    }
    Counted(counts)
}

fn values<'a>(view: &'a View, name: &str, beginning: &str) -> Counted<'a> {
    let mut counts = BTreeMap::new();
    for (_, entry) in view.alerts.iter() {
        let value = entry.alert.labels.get(name).filter(|value| begins(value, beginning));
        if let Some(value) = value {
            *counts.entry(value).or_default() += 1;
        }
    }
    Counted(counts)
}

fn receivers(view: &View, text: &str) -> Vec<String> {
    let wanted = text.to_lowercase();
    let names = view.config.receivers.iter().map(|receiver| &receiver.name);
    let fitting = names.filter(|name| name.to_lowercase().contains(&wanted));
    fitting.map(|name| quote_meta(name)).collect()
}

fn matchers(view: &View, head: &str, last: &str, may_ask: bool) -> Vec<String> {
    if last.starts_with('@') {
        let fitting = ASKS.iter().filter(|ask| may_ask && begins(ask, last));
        return fitting.map(|ask| (*ask).to_owned()).collect();
    }
    let last = last.strip_prefix('{').unwrap_or(last);
    let Some(at) = last.find(['=', '!']) else {
        return names(view, last.trim_end()).map_words(|name| format!("{head}{name}="));
    };
    let (name, rest) = last.split_at(at);
    let length =
        ["=~", "!~", "!=", "="].iter().find(|op| rest.starts_with(**op)).map(|op| op.len());
    let Some(length) = length else {
        return ["!=", "!~"].iter().map(|op| format!("{head}{name}{op}")).collect();
    };
    let (op, value) = rest.split_at(length);
    let value = value.trim_start().trim_matches('"');
    let name = name.trim();
    values(view, name, value).map_words(|value| format!("{head}{name}{op}{value:?}"))
}

/// Splits what is typed behind its last comma that is not within quotes.
fn split(text: &str) -> (&str, &str) {
    let (mut at, mut quoted, mut escaped) = (0, false, false);
    for (i, c) in text.char_indices() {
        match c {
            '"' if !escaped => quoted = !quoted,
            ',' if !quoted => at = i + 1,
            _ => {}
        }
        escaped = c == '\\' && !escaped;
    }
    let blanks = text[at..].len() - text[at..].trim_start().len();
    text.split_at(at + blanks)
}

fn begins(text: &str, beginning: &str) -> bool {
    text.get(..beginning.len()).is_some_and(|start| start.eq_ignore_ascii_case(beginning))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_split_behind_the_last_comma() {
        for (text, head, last) in [
            ("", "", ""),
            ("sev", "", "sev"),
            ("a=\"x,y\"", "", "a=\"x,y\""),
            ("a=\"b\", se", "a=\"b\", ", "se"),
            ("a=\"\\\",\", b", "a=\"\\\",\", ", "b"),
            ("a,", "a,", ""),
        ] {
            assert_eq!(split(text), (head, last), "{text}");
        }
        assert!(begins("Größe", "grö") && !begins("Größe", "GRÖ") && begins("a", ""));
    }
}
