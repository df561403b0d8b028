//! Runs a template, following Go's `text/template/exec` in its rules, errors and positions.

use alloc::{format, string::String, vec::Vec};

use super::{
    Env, ExecError, Templates,
    ast::{Action, At, Branch, Call, List, Node, Pipe, Tree},
    print,
    quote::quote,
    value::{Kv, Text, Val, Value},
};

mod eval;

pub(super) type Result<T> = core::result::Result<T, ExecError>;

/// A run of a template.
pub(super) struct Exec<'a> {
    templates: &'a Templates,
    root: &'a Tree,
    pub(super) env: &'a Env<'a>,
    pub(super) out: String,
    vars: Vec<(Text, Val)>,
    /// Where the variables of the running template start.
    base: usize,
    tree: &'a Tree,
    at: At<'a>,
    steps: u64,
    depth: usize,
    /// The route labels of the root data.
    pub(super) route_labels: Kv,
}

/// What goes on after a node.
#[derive(Clone, Copy, PartialEq)]
enum Flow {
    Next,
    Break,
    Continue,
}

/// Runs `tree` with `data` as its dot.
pub(super) fn run<'a>(
    templates: &'a Templates,
    tree: &'a Tree,
    data: &Value,
    env: &'a Env<'a>,
) -> Result<String> {
    let root = Val::from(data.clone());
    let route_labels = match data {
        Value::Data(data) => data.route_labels.clone(),
        _ => Kv::default(),
    };
    let mut exec = Exec {
        templates,
        root: tree,
        env,
        out: String::new(),
        vars: [("$".into(), root.clone())].into(),
        base: 0,
        tree,
        at: At::Other(0),
        steps: 0,
        depth: 0,
        route_labels,
    };
    exec.list(&root, &tree.root)?;
    exec.charge(0)?;
    Ok(exec.out)
}

/// Returns the entries of a map or set by key.
pub(super) fn entries(value: &Value) -> Vec<(Text, Val)> {
    match value {
        Value::Map(map, _) => {
            map.iter().map(|(key, item)| (key.clone(), Val::dynamic(item.clone()))).collect()
        }
        Value::Kv(kv) => {
            let pairs = kv.pairs().iter();
            pairs.map(|pair| (pair.name.clone(), Value::Str(pair.value.clone()).into())).collect()
        }
        _ => Vec::new(),
    }
}

impl<'a> Exec<'a> {
    pub(super) fn error<T>(&self, message: impl AsRef<str>) -> Result<T> {
        let place = self.tree.source.place(self.at.pos());
        let (name, at, message) = (quote(&self.tree.name), self.at, message.as_ref());
        Err(ExecError(format!("template: {place}: executing {name} at <{at}>: {message}")))
    }

    /// Counts work, and stops at the limits.
    pub(super) fn charge(&mut self, steps: usize) -> Result<()> {
        self.steps = self.steps.saturating_add(steps as u64);
        if self.steps > self.env.limits.steps {
            return self.error(format!("exceeded {} steps", self.env.limits.steps));
        }
        if self.out.len() > self.env.limits.output {
            return self.error(format!("exceeded {} bytes of output", self.env.limits.output));
        }
        Ok(())
    }

    fn enter(&mut self) -> Result<()> {
        self.depth += 1;
        if self.depth > self.env.limits.depth {
            return self
                .error(format!("exceeded maximum template depth ({})", self.env.limits.depth));
        }
        Ok(())
    }

    fn list(&mut self, dot: &Val, list: &'a List) -> Result<Flow> {
        self.enter()?;
        for node in list {
            self.charge(1)?;
            let flow = self.node(dot, node)?;
            if flow != Flow::Next {
                self.depth -= 1;
                return Ok(flow);
            }
        }
        self.depth -= 1;
        Ok(Flow::Next)
    }

    fn node(&mut self, dot: &Val, node: &'a Node) -> Result<Flow> {
        match node {
            Node::Text(_, text) => self.out.push_str(text),
            Node::Action(action) => self.action(dot, action)?,
            Node::Break(..) => return Ok(Flow::Break),
            Node::Continue(..) => return Ok(Flow::Continue),
            Node::If(branch) => return self.branch(dot, branch, false),
            Node::With(branch) => return self.branch(dot, branch, true),
            Node::Range(branch) => return self.range(dot, branch),
            Node::Template(call) => self.call_template(dot, call)?,
        }
        Ok(Flow::Next)
    }

    fn action(&mut self, dot: &Val, action: &'a Action) -> Result<()> {
        self.at = At::Action(action);
        let value = self.pipeline(dot, &action.pipe)?;
        if !action.pipe.decl.is_empty() {
            return Ok(());
        }
        self.at = At::Action(action);
        if !action.escapers.is_empty() {
            match super::html::escape::apply(&action.escapers, &value.value, self.env) {
                Ok(text) => self.out.push_str(&text),
                Err(message) => return self.error(message),
            }
        } else if matches!(value.value, Value::Nil) {
            self.out.push_str("<no value>");
        } else if let Value::Str(text) = &value.value {
            self.out.push_str(text);
        } else {
            let text = print::sprint(core::slice::from_ref(&value.value), self.env.limits.output);
            self.out.push_str(&text);
        }
        Ok(())
    }

    fn branch(&mut self, dot: &Val, branch: &'a Branch, with: bool) -> Result<Flow> {
        self.at = At::Other(branch.pos);
        let mark = self.vars.len();
        let value = self.pipeline(dot, &branch.pipe)?;
        let flow = if value.value.is_true() {
            self.list(if with { &value } else { dot }, &branch.list)?
        } else if let Some(other) = &branch.other {
            self.list(dot, other)?
        } else {
            Flow::Next
        };
        self.vars.truncate(mark);
        Ok(flow)
    }

    fn range(&mut self, dot: &Val, branch: &'a Branch) -> Result<Flow> {
        self.at = At::Other(branch.pos);
        let mark = self.vars.len();
        let value = self.pipeline(dot, &branch.pipe)?.value;
        let count = match &value {
            Value::Int(count, _) => {
                if branch.pipe.decl.len() > 1 {
                    let shown = print::shown(&value);
                    return self.error(format!(
                        "can't use {shown} to iterate over more than one variable"
                    ));
                }
                usize::try_from(*count).unwrap_or(0)
            }
            Value::Nil => 0,
            Value::Map(..) | Value::Kv(_) => value.len().unwrap_or(0),
            value if value.is_list() => value.len().unwrap_or(0),
            value => {
                let shown = print::shown(value);
                return self.error(format!("range can't iterate over {shown}"));
            }
        };
        let mut flow = Flow::Next;
        if count == 0 {
            if let Some(other) = &branch.other {
                flow = self.list(dot, other)?;
            }
        } else {
            self.iterate(branch, &value, count)?;
        }
        self.vars.truncate(mark);
        Ok(flow)
    }

    fn iterate(&mut self, branch: &'a Branch, value: &Value, count: usize) -> Result<()> {
        let entries = entries(value);
        let mark = self.vars.len();
        for i in 0..count {
            self.charge(1)?;
            let (index, item) = match (value, entries.get(i)) {
                (_, Some((key, item))) => (Value::Str(key.clone()).into(), item.clone()),
                (Value::Int(_, kind), _) => (Val::default(), Value::Int(i as i64, *kind).into()),
                _ => (Value::int(i as i64).into(), value.item(i).unwrap_or_default()),
            };
            self.bind(&branch.pipe, index, &item)?;
            let flow = self.list(&item, &branch.list)?;
            self.vars.truncate(mark);
            if flow == Flow::Break {
                break;
            }
        }
        Ok(())
    }

    /// Gives an element and its index to the variables of a range.
    fn bind(&mut self, pipe: &Pipe, index: Val, item: &Val) -> Result<()> {
        let top = self.vars.len();
        match (&*pipe.decl, pipe.assign) {
            ([], _) => {}
            ([one], true) => self.assign(one, item.clone())?,
            ([first, second, ..], true) => {
                self.assign(first, index)?;
                self.assign(second, item.clone())?;
            }
            (decl, false) => {
                self.vars[top - 1].1 = item.clone();
                if decl.len() > 1 {
                    self.vars[top - 2].1 = index;
                }
            }
        }
        Ok(())
    }

    fn call_template(&mut self, dot: &Val, call: &'a Call) -> Result<()> {
        self.at = At::Call(call);
        // The nameless template is the one that runs, whether it is in the set or not.
        let known = match &*call.target {
            "" => Some(self.root),
            name => self.templates.get(name),
        };
        let Some(tree) = known else {
            return self.error(format!("template {} not defined", quote(&call.name)));
        };
        self.enter()?;
        let dot = match &call.pipe {
            Some(pipe) => self.pipeline(dot, pipe)?,
            None => Val::default(),
        };
        let mark = self.vars.len();
        let outer = (self.tree, self.base);
        self.tree = tree;
        self.base = mark;
        self.vars.push(("$".into(), dot.clone()));
        self.list(&dot, &tree.root)?;
        self.vars.truncate(mark);
        (self.tree, self.base) = outer;
        self.depth -= 1;
        Ok(())
    }

    fn variable(&self, name: &str) -> Result<Val> {
        let found = self.vars[self.base..].iter().rev().find(|(known, _)| &**known == name);
        match found {
            Some((_, value)) => Ok(value.clone()),
            None => self.error(format!("undefined variable: {name}")),
        }
    }

    fn assign(&mut self, name: &str, value: Val) -> Result<()> {
        let found = self.vars[self.base..].iter_mut().rev().find(|(known, _)| &**known == name);
        match found {
            Some((_, slot)) => *slot = value,
            None => return self.error(format!("undefined variable: {name}")),
        }
        Ok(())
    }

    fn pipeline(&mut self, dot: &Val, pipe: &'a Pipe) -> Result<Val> {
        self.enter()?;
        self.at = At::Pipe(pipe);
        let mut last = None;
        for cmd in &pipe.cmds {
            self.charge(1)?;
            let mut value = self.command(dot, cmd, last)?;
            // What an interface holds comes out of it here.
            value.dynamic = false;
            last = Some(value);
        }
        let value = last.unwrap_or_default();
        for name in &pipe.decl {
            if pipe.assign {
                self.assign(name, value.clone())?;
            } else {
                self.vars.push((name.clone(), value.clone()));
            }
        }
        self.depth -= 1;
        Ok(value)
    }
}
