//! The routing tree as a picture, with counts of groups and alerts.

use alloc::{collections::BTreeMap, format, string::String, vec::Vec};

use maud::{Markup, PreEscaped, html};

use super::{
    About, alerts,
    layout::{plural, short},
};
use crate::{id::RouteId, limits::PICTURE_ROUTES_MAX, view::View};

/// The size of a route's box and the space between boxes, in pixels.
const BOX: (usize, usize) = (280, 44);
const GAP: (usize, usize) = (40, 12);

struct Placed {
    id: RouteId,
    x: usize,
    y: usize,
    parent: Option<usize>,
}

/// Draws the tree; the routes in `lit` stand out.
pub(super) fn picture(about: About<'_>, view: &View, lit: &[RouteId]) -> Markup {
    let count = view.config.tree.iter().count();
    if count > PICTURE_ROUTES_MAX {
        return html! {
            p { "The tree has " (count) " routes, which is too many for a picture; "
                code { "campanactl config routes" } " lists them." }
        };
    }
    let mut counts: BTreeMap<RouteId, (usize, usize)> = BTreeMap::new();
    for (_, group) in view.groups.iter() {
        let entry = counts.entry(group.route).or_default();
        entry.0 += 1;
        entry.1 += group.members.len();
    }
    let mut placed = Vec::new();
    let mut row = 0;
    place(view, view.config.tree.root().id, 0, None, &mut row, &mut placed);
    let depth = placed.iter().map(|it| it.x).max().unwrap_or(0) + BOX.0;
    let height = row * (BOX.1 + GAP.1);
    html! {
        div.tree.card tabindex="0" role="region" aria-label="The routing tree" {
            svg width=(depth + 2) height=(height + 2)
                viewBox=(format!("-1 -1 {} {}", depth + 2, height + 2)) {
                @for it in &placed {
                    @if let Some(parent) = it.parent.map(|at| &placed[at]) {
                        (line(parent, it, view.config.tree.route(it.id).continues))
                    }
                }
                @for it in &placed { (shape(about, view, it, &counts, lit)) }
            }
        }
        p.hint { "A dashed line: when the route matches, those after it are tried as well." }
    }
}

/// Puts a route and those below it into rows; recursion is as deep as the tree, which the
/// configuration's limit on nesting bounds.
fn place(
    view: &View,
    id: RouteId,
    depth: usize,
    parent: Option<usize>,
    row: &mut usize,
    placed: &mut Vec<Placed>,
) {
    let at = placed.len();
    let y = *row * (BOX.1 + GAP.1);
    placed.push(Placed { id, x: depth * (BOX.0 + GAP.0), y, parent });
    let children = &view.config.tree.route(id).children;
    for (i, &child) in children.iter().enumerate() {
        if i > 0 {
            *row += 1;
        }
        place(view, child, depth + 1, Some(at), row, placed);
    }
    if depth == 0 {
        *row += 1;
    }
}

fn line(from: &Placed, to: &Placed, continues: bool) -> Markup {
    let class = if continues { "edge dashed" } else { "edge" };
    let (x1, y1) = (from.x + BOX.0, from.y + BOX.1 / 2);
    let (x2, y2) = (to.x, to.y + BOX.1 / 2);
    let middle = x1 + GAP.0 / 2;
    // Numbers only, so that nothing needs an escape.
    let way = format!("M{x1} {y1}H{middle}V{y2}H{x2}");
    PreEscaped(format!("<path class=\"{class}\" d=\"{way}\" fill=\"none\"/>"))
}

fn shape(
    about: About<'_>,
    view: &View,
    it: &Placed,
    counts: &BTreeMap<RouteId, (usize, usize)>,
    lit: &[RouteId],
) -> Markup {
    let route = view.config.tree.route(it.id);
    let (groups, members) = counts.get(&it.id).copied().unwrap_or_default();
    let matchers: Vec<String> = route.matchers.iter().map(|it| format!("{it}")).collect();
    let matchers = if matchers.is_empty() { "{}".into() } else { matchers.join(", ") };
    let class = if lit.contains(&it.id) { "route lit" } else { "route" };
    html! {
        a href=(alerts::of_receiver(about, &route.receiver)) {
            g class=(class) {
                title {
                    (matchers) " → " (route.receiver)
                    @if route.continues { ", and the routes after it are tried as well" }
                }
                rect x=(it.x) y=(it.y) width=(BOX.0) height=(BOX.1) rx="5" {}
                text x=(it.x + 8) y=(it.y + 17) { (short(&matchers, 35)) }
                text.receiver x=(it.x + 8) y=(it.y + 35) {
                    (short(&route.receiver, 15)) " · " (plural(groups, "group")) " · "
                    (plural(members, "alert"))
                }
            }
        }
    }
}
