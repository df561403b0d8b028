//! Pages for people, and the files they use.

use alloc::{format, string::String};

use super::{Head, Response, Site, head::parse_query};
use crate::{
    hash::fnv1a,
    time::Timestamp,
    ui::{About, Asset, CONTENT_POLICY, Page},
    view::View,
};

/// Finds the page of a request, which is known to lead to one.
pub(super) fn find(site: &Site, head: &Head<'_>) -> Option<Page> {
    let path = super::head::unescape_path(head.raw_path())?;
    let inside = if site.prefix == "/" { &*path } else { path.strip_prefix(&site.prefix)? };
    let inside = if inside.is_empty() { "/" } else { inside };
    Page::find(inside, &parse_query(head.raw_query().unwrap_or_default()))
}

/// Makes a page.
pub(super) fn render(site: &Site, page: &Page, view: &View, now: Timestamp) -> Response {
    let prefix = if site.prefix == "/" { "" } else { &site.prefix };
    let about = About { prefix, mode: site.mode, build: &site.build };
    let rendered = page.render(about, view, now);
    let response = Response::empty(rendered.status)
        .header("Content-Type", rendered.content_type)
        .header("Content-Security-Policy", CONTENT_POLICY)
        .header("X-Content-Type-Options", "nosniff")
        .header("X-Frame-Options", "deny")
        .header("Referrer-Policy", "no-referrer")
        .header("Cache-Control", "no-cache, no-store, must-revalidate")
        .header("Pragma", "no-cache")
        .header("Expires", "0");
    Response { compressible: true, ..response.body(rendered.body) }
}

/// Returns a file that pages use. Its name says nothing of its version, so it is asked for again,
/// and sent only when it changed.
pub(super) fn asset(asset: Asset) -> Response {
    let response = Response::empty(200)
        .header("Content-Type", asset.content_type)
        .header("Vary", "Accept-Encoding");
    Response { compressible: true, ..kept(response, asset).body(asset.body.into()) }
}

/// Tells whether the client has a file as it is.
pub(super) fn is_known(head: &Head<'_>, asset: Asset) -> bool {
    let known = head.header("if-none-match").unwrap_or_default();
    known.split(',').any(|tag| tag.trim().trim_start_matches("W/") == tag_of(asset))
}

/// Says that a file is as the client has it.
pub(super) fn unchanged(asset: Asset) -> Response {
    kept(Response::empty(304), asset)
}

fn kept(response: Response, asset: Asset) -> Response {
    response
        .header("X-Content-Type-Options", "nosniff")
        .header("Cache-Control", "no-cache")
        .header("ETag", format!("W/{}", tag_of(asset)))
}

fn tag_of(asset: Asset) -> String {
    // Weak, because the bytes on the way may be packed.
    format!("\"{:016x}\"", fnv1a(asset.body.as_bytes()))
}

/// Returns the description of API v2, for where it is. A test compares it with the routes.
pub(super) fn description(site: &Site) -> Response {
    let prefix = if site.prefix == "/" { "" } else { &site.prefix };
    let place = format!("- url: {prefix}/api/v2\n");
    let text = include_str!("openapi.yaml").replacen("- url: /api/v2\n", &place, 1);
    let response = Response::empty(200).header("Content-Type", "application/yaml");
    Response { compressible: true, ..response.body(text) }
}
