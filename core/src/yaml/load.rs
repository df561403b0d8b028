//! From text to a tree: the first document, aliases and merge keys resolved.

use alloc::{
    borrow::Cow,
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    format,
    string::String,
    vec::Vec,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};

use super::{Form, Node, Problem, Scalar, Value, scalar::resolve, scan};
use crate::limits::{CONFIG_ALIAS_NODES_MAX, CONFIG_DEPTH_MAX, CONFIG_NODES_MAX};

/// Reads the first document of a text; `None` when there is none.
///
/// # Errors
/// The text is not YAML, an alias has no target, a merge key has no map, or a limit is passed.
pub fn load(text: &str) -> Result<Option<Node>, Problem> {
    let text = scan::prepare(text)?;
    let mut builder = Builder {
        parser: Parser::new_from_str(&text),
        anchors: BTreeMap::new(),
        open: BTreeSet::new(),
        unended: (!text.ends_with('\n')).then_some(text.len()),
        nodes: 0,
        alias_nodes: 0,
        anchored_nodes: 0,
    };
    loop {
        let (event, span) = builder.next()?;
        match event {
            Event::StreamStart | Event::DocumentStart(..) => {}
            Event::StreamEnd | Event::DocumentEnd => return Ok(None),
            event => {
                let (node, _) = builder.node(event, span, 0)?;
                // The end of the document may be wrong too; what follows it is nobody's business.
                builder.next()?;
                return Ok(Some(node));
            }
        }
    }
}

/// A finished node and the number of levels below it.
type Built = (Node, usize);

struct Builder<'a> {
    parser: Parser<'a, StrInput<'a>>,
    /// Finished anchored nodes, with their height and size.
    anchors: BTreeMap<usize, (Node, usize, usize)>,
    /// Anchored nodes under construction: an alias to one of them would be endless.
    open: BTreeSet<usize>,
    /// The length of a text whose last line has no end.
    unended: Option<usize>,
    nodes: usize,
    alias_nodes: usize,
    /// The sizes of all anchored nodes, which are kept twice.
    anchored_nodes: usize,
}

impl<'a> Builder<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), Problem> {
        match self.parser.next_event() {
            Some(Ok(pair)) => Ok(pair),
            Some(Err(error)) => Err(scan_problem(&error)),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Built, Problem> {
        self.nodes += 1;
        if self.nodes > CONFIG_NODES_MAX {
            return Err(problem(span, "the document has too many values"));
        }
        if depth > CONFIG_DEPTH_MAX {
            return Err(problem(span, "exceeded max depth: values are nested too deeply"));
        }
        let size = self.nodes + self.alias_nodes;
        let (anchor, (node, height)) = match event {
            Event::Alias(id) => return self.alias(id, span, depth),
            Event::Scalar(text, style, anchor, tag) => {
                // A block that the document ends with has only the line's end that is there.
                let is_block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
                let is_last = self.unended.is_some() && span.end.byte_offset() == self.unended;
                let text = match text.strip_suffix('\n') {
                    Some(rest) if is_block && is_last => Cow::Owned(rest.into()),
                    _ => text,
                };
                (anchor, (scalar(text, style, tag.as_deref(), span)?, 0))
            }
            Event::SequenceStart(_, anchor, _) => {
                self.open.insert(anchor);
                (anchor, self.list(span, depth)?)
            }
            Event::MappingStart(_, anchor, _) => {
                self.open.insert(anchor);
                (anchor, self.map(span, depth)?)
            }
            _ => return Err(problem(span, "did not find expected node content")),
        };
        if anchor != 0 {
            self.open.remove(&anchor);
            let size = self.nodes + self.alias_nodes - size + 1;
            self.anchored_nodes += size;
            if self.anchored_nodes > CONFIG_NODES_MAX {
                return Err(problem(span, "the document has too many nested anchors"));
            }
            self.anchors.insert(anchor, (node.clone(), height, size));
        }
        Ok((node, height))
    }

    fn alias(&mut self, id: usize, span: Span, depth: usize) -> Result<Built, Problem> {
        let Some((node, height, size)) = self.anchors.get(&id) else {
            let text = if self.open.contains(&id) { "contains itself" } else { "is not known" };
            return Err(problem(span, &format!("the anchor of this alias {text}")));
        };
        self.alias_nodes += size;
        if self.alias_nodes > CONFIG_ALIAS_NODES_MAX {
            return Err(problem(span, "document contains excessive aliasing"));
        }
        if depth + height > CONFIG_DEPTH_MAX {
            return Err(problem(span, "exceeded max depth: values are nested too deeply"));
        }
        Ok((node.clone(), *height))
    }

    fn list(&mut self, start: Span, depth: usize) -> Result<Built, Problem> {
        let (mut items, mut height) = (Vec::new(), 0);
        loop {
            let (event, span) = self.next()?;
            if event == Event::SequenceEnd {
                return Ok((node(Value::List(items), start), height + 1));
            }
            let (item, below) = self.node(event, span, depth + 1)?;
            height = height.max(below);
            items.push(item);
        }
    }

    fn map(&mut self, start: Span, depth: usize) -> Result<Built, Problem> {
        let (mut entries, mut height) = (Vec::new(), 0);
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                break;
            }
            let is_tagged = matches!(&event, Event::Scalar(text, _, _, Some(tag))
                if &**text == "<<" && tag.suffix() == "merge");
            let (key, _) = self.node(event, span, depth + 1)?;
            let Value::Scalar(name) = &key.value else {
                return Err(problem(span, "a map key must be a single value"));
            };
            let is_merge = is_tagged || (&*name.text == "<<" && name.form == Form::Plain);
            let (event, span) = self.next()?;
            let (mut value, below) = self.node(event, span, depth + 1)?;
            height = height.max(below);
            if value.is_null() && value.text() == Some("") {
                // The place of a value that is not there is meaningless; show its key instead.
                (value.line, value.column) = (key.line, key.column);
            }
            if is_merge {
                merge(&mut entries, value, start)?;
            } else {
                entries.push((key, value));
            }
        }
        Ok((node(Value::Map(entries), start), height + 1))
    }
}

/// Adds what `<<` brings at its place: what comes later counts, so of several maps the first one.
fn merge(entries: &mut Vec<(Node, Node)>, merged: Node, start: Span) -> Result<(), Problem> {
    let mut add = |value: Value| {
        let Value::Map(pairs) = value else {
            let text = "map merge requires map or sequence of maps as the value";
            return Err(problem(start, text));
        };
        let marked = |(key, value)| (Node { is_merged: true, ..key }, value);
        entries.extend(pairs.into_iter().map(marked));
        Ok(())
    };
    match merged.value {
        Value::List(maps) => maps.into_iter().rev().try_for_each(|map| add(map.value)),
        value => add(value),
    }
}

fn scalar(
    text: Cow<'_, str>,
    style: ScalarStyle,
    tag: Option<&Tag>,
    span: Span,
) -> Result<Node, Problem> {
    if tag.is_some_and(|tag| tag.suffix() == "binary") {
        let coded: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
        let bytes = STANDARD
            .decode(coded)
            .map_err(|_| problem(span, "!!binary value contains invalid base64 data"))?;
        let text = String::from_utf8_lossy(&bytes).as_ref().into();
        return Ok(node(Value::Scalar(Scalar { text, form: Form::Text }), span));
    }
    let form = match (tag.and_then(Tag::core_suffix), tag, style) {
        (Some("null" | "bool" | "int" | "float"), _, _) => Form::Tagged,
        (None, None, ScalarStyle::Plain) => Form::Plain,
        _ => Form::Text,
    };
    // The parser shows a value that is not there as a `~` of no length.
    let absent = style == ScalarStyle::Plain && span.is_empty() && text == "~";
    let text = if absent { "" } else { &*text };
    if let Some(tag @ ("bool" | "int" | "float")) = tag.and_then(Tag::core_suffix) {
        let found = resolve(text).tag();
        if found.strip_prefix("!!") != Some(tag) && (found, tag) != ("!!int", "float") {
            let text = format!("cannot decode {found} `{text}` as a !!{tag}");
            return Err(problem(span, &text));
        }
    }
    Ok(node(Value::Scalar(Scalar { text: Box::from(text), form }), span))
}

fn node(value: Value, span: Span) -> Node {
    let (line, column) = place(span.start.line(), span.start.col());
    Node { value, line, column, is_merged: false }
}

fn place(line: usize, column_from_zero: usize) -> (u32, u32) {
    (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column_from_zero + 1).unwrap_or(1))
}

fn problem(span: Span, text: &str) -> Problem {
    let (line, column) = place(span.start.line(), span.start.col());
    Problem { line, column, path: String::new(), text: format!("yaml: {text}") }
}

fn scan_problem(error: &ScanError) -> Problem {
    let (line, column) = place(error.marker().line(), error.marker().col());
    Problem { line, column, path: String::new(), text: format!("yaml: {}", error.kind()) }
}
