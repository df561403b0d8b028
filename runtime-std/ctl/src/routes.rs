//! The commands `config routes show` and `config routes test`.

use campana_core::{
    label::Labels,
    route::{GroupBy, Route, Tree},
    time::duration::format_prometheus,
};

use crate::{
    session::{Failure, Session, print},
    source, words,
};

/// Shows the tree.
pub(crate) fn show(session: &Session) -> Result<(), Failure> {
    let tree = source::load(session)?.tree;
    print(&match session.text("format") {
        "mermaid" => mermaid(&tree),
        "dot" => dot(&tree),
        _ => {
            let root = Drawn::of(&tree, tree.root(), &|route| Some(whole(route)));
            format!("Routing tree:\n{}\n", draw(&root))
        }
    })
}

/// Tells which receivers an alert goes to.
pub(crate) fn test(session: &Session) -> Result<(), Failure> {
    let tree = source::load(session)?.tree;
    let labels = Labels::from_pairs(words::sample(session)?);
    let mut ids = Vec::new();
    tree.matches(&labels, &mut ids);
    let mut out = String::new();
    if session.switch("tree") {
        let mut on_path = ids.clone();
        let mut at = 0;
        while let Some(&id) = on_path.get(at) {
            on_path.extend(tree.route(id).parent);
            at += 1;
        }
        let label = |route: &Route| {
            let is_end = ids.contains(&route.id);
            let receiver = if is_end { receiver(route) } else { String::new() };
            on_path.contains(&route.id).then(|| format!("{}{receiver}", name(route)))
        };
        let root = Drawn::of(&tree, tree.root(), &label);
        out.push_str(&format!("Matching routes:\n{}\n\n", draw(&root)));
    }
    let receivers: Vec<&str> = ids.iter().map(|id| &*tree.route(*id).receiver).collect();
    let receivers = receivers.join(",");
    out.push_str(&format!("{receivers}\n"));
    print(&out)?;
    match session.optional("verify.receivers") {
        Some(expected) if expected != receivers => Err(format!(
            "expected receivers did not match resolved receivers: expected {expected}, got \
             {receivers}"
        )),
        _ => Ok(()),
    }
}

/// A route's conditions, or a word for none.
fn name(route: &Route) -> String {
    if route.matchers.is_empty() { "default-route".to_owned() } else { route.matchers.to_string() }
}

fn receiver(route: &Route) -> String {
    format!("  receiver: {}", route.receiver)
}

fn whole(route: &Route) -> String {
    let continues = if route.continues { "  continue: true" } else { "" };
    format!("{}{continues}{}", name(route), receiver(route))
}

/// A line of a drawn tree, and those below it.
struct Drawn {
    line: Option<String>,
    below: Vec<Self>,
}

impl Drawn {
    fn of(tree: &Tree, route: &Route, label: &dyn Fn(&Route) -> Option<String>) -> Self {
        let below = route.children.iter().map(|id| Self::of(tree, tree.route(*id), label));
        let below = below.filter(|drawn| drawn.line.is_some()).collect();
        Self { line: label(route), below }
    }
}

fn draw(root: &Drawn) -> String {
    fn below(out: &mut String, drawn: &Drawn, indent: &str, is_last: bool) {
        let (branch, more) =
            if is_last { ("└── ", "    ") } else { ("├── ", "│   ") };
        out.push_str(&format!("{indent}{branch}{}\n", drawn.line.as_deref().unwrap_or_default()));
        let indent = format!("{indent}{more}");
        for (i, child) in drawn.below.iter().enumerate() {
            below(out, child, &indent, i + 1 == drawn.below.len());
        }
    }
    let mut out = String::from(".\n");
    below(&mut out, root, "", true);
    out
}

/// What a picture says about a route, one line each.
fn facts(tree: &Tree, route: &Route) -> Vec<String> {
    let above = route.parent.map(|id| tree.route(id));
    let mut facts = vec![name(route), format!("→ {}", route.receiver)];
    if above.is_none_or(|above| above.group_by != route.group_by) {
        facts.push(match &route.group_by {
            GroupBy::All => "by all labels".to_owned(),
            GroupBy::Names(names) if names.is_empty() => "in one group".to_owned(),
            GroupBy::Names(names) => format!("by {}", names.join(", ")),
        });
    }
    let times = |route: &Route| {
        [route.group_wait, route.group_interval, route.repeat_interval].map(format_prometheus)
    };
    if above.is_none_or(|above| times(above) != times(route)) {
        let [wait, interval, repeat] = times(route);
        facts.push(format!("wait {wait}, interval {interval}, repeat {repeat}"));
    }
    for (what, names) in
        [("mute", &route.mute_time_intervals), ("active", &route.active_time_intervals)]
    {
        if !names.is_empty() {
            facts.push(format!("{what}: {}", names.join(", ")));
        }
    }
    facts
}

fn mermaid(tree: &Tree) -> String {
    let escape = |text: &str| {
        text.chars()
            .map(|c| match c {
                '#' | '"' | '<' | '>' | '&' | '\\' | '`' => format!("#{};", u32::from(c)),
                c => c.to_string(),
            })
            .collect::<String>()
    };
    let mut out = String::from("flowchart LR\n");
    for route in tree {
        let facts: Vec<String> = facts(tree, route).iter().map(|fact| escape(fact)).collect();
        out.push_str(&format!("    r{}[\"{}\"]\n", route.id.0, facts.join("<br>")));
    }
    for route in tree {
        for child in route.children.iter().map(|id| tree.route(*id)) {
            // After a dotted line the siblings below are tried as well.
            let line = if child.continues { "-. continue .->" } else { "-->" };
            out.push_str(&format!("    r{} {line} r{}\n", route.id.0, child.id.0));
        }
    }
    out
}

fn dot(tree: &Tree) -> String {
    let escape = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    let mut out = String::from(
        "digraph routes {\n    rankdir=LR;\n    node [shape=box, style=rounded, \
         fontname=\"sans-serif\"];\n",
    );
    for route in tree {
        let facts: Vec<String> = facts(tree, route).iter().map(|fact| escape(fact)).collect();
        out.push_str(&format!("    r{} [label=\"{}\"];\n", route.id.0, facts.join("\\n")));
    }
    for route in tree {
        for child in route.children.iter().map(|id| tree.route(*id)) {
            let style = if child.continues { " [style=dashed, label=\"continue\"]" } else { "" };
            out.push_str(&format!("    r{} -> r{}{style};\n", route.id.0, child.id.0));
        }
    }
    out.push_str("}\n");
    out
}
