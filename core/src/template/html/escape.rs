//! Walks a template, follows the context through its text, and gives every action its escapers.
//!
//! Each template gets a copy per context it is called in. A recursive one is assumed to end in the
//! context it starts in; where that is wrong, the context it ended in is tried.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    string::{String, ToString},
    sync::Arc,
    vec::Vec,
};

use super::{
    super::{
        Env, ExecError, Templates, Value,
        ast::{Action, Branch, Call, List, Node, Source, Tree},
        quote::quote,
        value::Text,
    },
    action::{choose, disallowed, with_escapers},
    content::Escaper,
    context::{Context, Element, State},
    text::escape_text,
};

/// What is wrong, and where.
struct Fault {
    place: String,
    why: String,
}

type Result<T> = core::result::Result<T, Fault>;

/// Passes a value through escapers.
///
/// # Errors
/// The text got over the limit.
pub(in super::super) fn apply(
    escapers: &[Escaper],
    value: &Value,
    env: &Env<'_>,
) -> core::result::Result<String, String> {
    let mut value = value.clone();
    for escaper in escapers {
        let text = escaper.apply(&value, env.limits.output);
        if text.len() > env.limits.output {
            return Err("result too large".into());
        }
        value = Value::text(text);
    }
    Ok(value.as_text().map(ToString::to_string).unwrap_or_default())
}

/// Returns the templates with escapers, for a run of the template `name`.
///
/// # Errors
/// Go's words for what cannot be escaped.
pub(in super::super) fn escape(
    templates: &Templates,
    name: &str,
) -> core::result::Result<Templates, ExecError> {
    let mut walk = Walk {
        templates,
        done: templates.clone(),
        output: BTreeMap::new(),
        called: BTreeSet::new(),
        ranges: Vec::new(),
        source: None,
        depth: 0,
    };
    match walk.tree(&Context::default(), name, "") {
        Err(Fault { place, why }) => Err(ExecError(format!("html/template:{place} {why}"))),
        Ok((end, _)) if end.state != State::Text => {
            Err(ExecError(format!("html/template: ends in a non-text context: {end}")))
        }
        Ok(_) => Ok(walk.done),
    }
}

/// The contexts at the jumps of a range, each with its place.
#[derive(Default)]
struct Jumps {
    breaks: Vec<(Context, String)>,
    continues: Vec<(Context, String)>,
}

struct Walk<'a> {
    templates: &'a Templates,
    /// The templates escaped so far, under their mangled names; others as they were.
    done: Templates,
    /// The context each mangled name ends in.
    output: BTreeMap<Text, Context>,
    called: BTreeSet<Text>,
    ranges: Vec<Jumps>,
    source: Option<Arc<Source>>,
    depth: usize,
}

impl Walk<'_> {
    fn place(&self, pos: usize) -> String {
        self.source.as_ref().map_or_else(String::new, |source| source.place(pos) + ":")
    }

    /// Escapes a template for a context; returns the context it ends in and its mangled name.
    fn tree(&mut self, start: &Context, name: &str, place: &str) -> Result<(Context, Text)> {
        let mangled: Text = start.mangle(name).into();
        self.called.insert(mangled.clone());
        if let Some(end) = self.output.get(&mangled) {
            return Ok((end.clone(), mangled));
        }
        let fault = |why: String| Err(Fault { place: place.into(), why });
        let Some(tree) = self.templates.get(name).cloned() else {
            return fault(format!("no such template {}", quote(name)));
        };
        self.depth += 1;
        if self.depth > crate::limits::TEMPLATE_NESTING_MAX {
            return fault(format!("templates nested too deeply at {}", quote(name)));
        }
        let outer = self.source.replace(tree.source.clone());
        let (mut end, wrong) = self.body(start, &tree, &mangled, start)?;
        if wrong {
            // Called from itself, and not ending as assumed: try how it ended.
            let (again, wrong) = self.body(&end, &tree, &mangled, &end)?;
            if wrong {
                let why = format!("cannot compute output context for template {name}");
                return Err(Fault { place: self.place(0), why });
            }
            end = again;
        }
        self.source = outer;
        self.depth -= 1;
        Ok((end, mangled))
    }

    /// Escapes a template, assuming the context it ends in where it calls itself. Tells whether it
    /// did so and the assumption is wrong.
    fn body(
        &mut self,
        start: &Context,
        tree: &Tree,
        mangled: &Text,
        assumed: &Context,
    ) -> Result<(Context, bool)> {
        self.output.insert(mangled.clone(), assumed.clone());
        self.called.remove(mangled);
        let ranges = core::mem::take(&mut self.ranges);
        let (end, list) = self.list(start.clone(), &tree.root)?;
        self.ranges = ranges;
        let wrong = self.called.contains(mangled) && end != *assumed;
        self.output.insert(mangled.clone(), end.clone());
        let (name, source) = (mangled.clone(), tree.source.clone());
        self.done.insert(mangled.clone(), Tree { name, source, root: Arc::new(list) });
        Ok((end, wrong))
    }

    fn list(&mut self, start: Context, list: &List) -> Result<(Context, List)> {
        let mut context = start;
        let mut out = List::with_capacity(list.len());
        for node in list {
            let (next, node) = self.node(context, node)?;
            context = next;
            out.push(node);
            if context.state == State::Dead {
                break;
            }
        }
        Ok((context, out))
    }

    fn node(&mut self, context: Context, node: &Node) -> Result<(Context, Node)> {
        Ok(match node {
            Node::Text(pos, text) => {
                let (context, text) = escape_text(context, text)
                    .map_err(|why| Fault { place: String::new(), why })?;
                (context, Node::Text(*pos, text.into()))
            }
            Node::Action(action) => {
                let (context, action) = self.action(context, action)?;
                (context, Node::Action(action))
            }
            Node::Template(call) => {
                let place = self.place(call.pos);
                let (end, target) = self.tree(&context, &call.name, &place)?;
                (end, Node::Template(Call { target, ..call.clone() }))
            }
            Node::If(branch) => {
                let (context, branch) = self.branch(context, branch, "if")?;
                (context, Node::If(branch.into()))
            }
            Node::With(branch) => {
                let (context, branch) = self.branch(context, branch, "with")?;
                (context, Node::With(branch.into()))
            }
            Node::Range(branch) => {
                let (context, branch) = self.range(context, branch)?;
                (context, Node::Range(branch.into()))
            }
            Node::Break(pos) | Node::Continue(pos) => {
                let place = self.place(*pos);
                if let Some(jumps) = self.ranges.last_mut() {
                    let is_break = matches!(node, Node::Break(..));
                    let to = if is_break { &mut jumps.breaks } else { &mut jumps.continues };
                    to.push((context, place));
                }
                (Context::new(State::Dead, Element::None), node.clone())
            }
        })
    }

    fn join(&self, a: &Context, b: &Context, branch: &Branch, name: &str) -> Result<Context> {
        a.join(b).ok_or_else(|| Fault { place: self.place(branch.pos), why: different(name, a, b) })
    }

    fn branch(&mut self, start: Context, branch: &Branch, name: &str) -> Result<(Context, Branch)> {
        let (end, list) = self.list(start.clone(), &branch.list)?;
        self.other(start, &end, branch, list, name)
    }

    /// Escapes the else branch and joins it with the other.
    fn other(
        &mut self,
        start: Context,
        end: &Context,
        branch: &Branch,
        list: List,
        name: &str,
    ) -> Result<(Context, Branch)> {
        let (other_end, other) = match &branch.other {
            Some(other) => {
                let (end, other) = self.list(start, other)?;
                (end, Some(other))
            }
            None => (start, None),
        };
        let context = self.join(end, &other_end, branch, name)?;
        Ok((context, Branch { list, other, pipe: branch.pipe.clone(), ..*branch }))
    }

    fn range(&mut self, start: Context, branch: &Branch) -> Result<(Context, Branch)> {
        self.ranges.push(Jumps::default());
        let (end, list) = self.list(start.clone(), &branch.list)?;
        let jumps = self.ranges.pop().unwrap_or_default();
        let end = join_jumps(end, &jumps)?;
        // The body must end alike when it starts where it ended.
        let again = |fault: Fault| Fault {
            place: at_line(branch.line),
            why: format!("on range loop re-entry: {}", fault.why),
        };
        self.ranges.push(Jumps::default());
        let (end_again, _) = self.list(end.clone(), &branch.list).map_err(again)?;
        let jumps = self.ranges.pop().unwrap_or_default();
        let joined = self.join(&end, &end_again, branch, "range").map_err(|fault| Fault {
            why: format!("on range loop re-entry: {}", fault.why),
            ..fault
        })?;
        let end = join_jumps(joined, &jumps)?;
        self.other(start, &end, branch, list, "range")
    }

    fn action(&self, context: Context, action: &Action) -> Result<(Context, Action)> {
        if !action.pipe.decl.is_empty() {
            return Ok((context, action.clone()));
        }
        let mut context = context.nudge();
        let fault = |why: String| Err(Fault { place: self.place(action.pos), why });
        if let Some(name) = disallowed(&context, action) {
            return fault(format!("predefined escaper {} disallowed in template", quote(name)));
        }
        match choose(&mut context) {
            Some(escapers) => Ok((context, with_escapers(action, escapers))),
            None => fault(format!("{action} appears in an ambiguous context within a URL")),
        }
    }
}

/// Merges the contexts of the jumps into the one a range's body ends in.
fn join_jumps(end: Context, jumps: &Jumps) -> Result<Context> {
    let mut end = end;
    for (contexts, word) in [(&jumps.breaks, "break"), (&jumps.continues, "continue")] {
        for (context, place) in contexts {
            end = end.join(context).ok_or_else(|| Fault {
                place: place.clone(),
                why: format!("at range loop {word}: {}", different("range", &end, context)),
            })?;
        }
    }
    Ok(end)
}

/// The place of a fault that is known by its line only.
fn at_line(line: usize) -> String {
    format!(":{line}:")
}

fn different(name: &str, a: &Context, b: &Context) -> String {
    format!("{{{{{name}}}}} branches end in different contexts: {a}, {b}")
}
