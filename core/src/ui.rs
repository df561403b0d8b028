//! The pages: what people look at in a browser.
//!
//! Every page is whole HTML made from a view, readable without a script. One small script makes
//! them livelier: it brings old `/#/` links here, keeps pages fresh, and writes through API v2.
//! Nothing is loaded from elsewhere, which the content security policy enforces.

mod alert;
mod alerts;
mod bar;
mod complete;
mod filter;
mod form;
mod gather;
mod layout;
mod paging;
mod settings;
mod silences;
mod status;
#[cfg(test)]
mod tests;
mod tree;
mod why;

use alloc::{
    borrow::ToOwned as _,
    string::{String, ToString as _},
    vec::Vec,
};

use self::filter::Filters;
pub use self::{
    alerts::Choice as AlertsChoice, form::Prefill, silences::Choice as SilencesChoice, why::explain,
};
use crate::{label::Mode, metrics::Build, time::Timestamp, view::View};

/// The policy every page is served with.
pub const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; \
     frame-ancestors 'none'";

const SCRIPT: &str = "text/javascript; charset=utf-8";

/// A page that was asked for.
#[derive(Clone, Debug)]
pub enum Page {
    /// The alerts in their groups.
    Alerts(AlertsChoice),
    /// The silences.
    Silences(SilencesChoice),
    /// One silence.
    Silence(String),
    /// The form for a new silence, or for changing one.
    Form(Prefill),
    /// The alerts that matchers select, as a piece of a page.
    Preview(Prefill),
    /// What a text that is being typed could become, as JSON.
    Complete {
        /// What the text is to be.
        of: String,
        /// What there is of it.
        text: String,
    },
    /// The sign for the browser's tab, with a number on it.
    Icon(String),
    /// The status; with a label set to try on the routing tree.
    Status(Option<String>),
    /// The reader's own settings.
    Settings,
    /// Why an alert was or was not told.
    Why(String),
}

/// A file that pages use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asset {
    /// Its type.
    pub content_type: &'static str,
    /// Its content.
    pub body: &'static str,
}

/// What pages show of the program.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// Where all paths begin: empty, or a path without a slash at its end.
    pub prefix: &'a str,
    /// How matchers are read.
    pub mode: Mode,
    /// The build.
    pub build: &'a Build,
}

/// What a page comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The HTTP status.
    pub status: u16,
    /// The type of the body.
    pub content_type: &'static str,
    /// The body.
    pub body: String,
}

impl Rendered {
    fn html(status: u16, body: maud::Markup) -> Self {
        Self { status, content_type: "text/html; charset=utf-8", body: body.into_string() }
    }
}

/// Returns a file that pages use, by its name.
pub fn asset(name: &str) -> Option<Asset> {
    let (content_type, body) = match name {
        "style.css" => ("text/css; charset=utf-8", include_str!("ui/style.css")),
        "early.js" => (SCRIPT, include_str!("ui/script/early.js")),
        "app.js" => (SCRIPT, include_str!("ui/script/app.js")),
        "base.js" => (SCRIPT, include_str!("ui/script/base.js")),
        "calendar.js" => (SCRIPT, include_str!("ui/script/calendar.js")),
        "combo.js" => (SCRIPT, include_str!("ui/script/combo.js")),
        "silence.js" => (SCRIPT, include_str!("ui/script/silence.js")),
        "icon.svg" => ("image/svg+xml", include_str!("ui/icon.svg")),
        "icon-firing.svg" => ("image/svg+xml", include_str!("ui/icon-firing.svg")),
        _ => return None,
    };
    Some(Asset { content_type, body })
}

impl Page {
    /// Finds the page of a path below the prefix, with the decoded parameters of the query.
    pub fn find(path: &str, pairs: &[(String, String)]) -> Option<Self> {
        let last = |name: &str| {
            pairs.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.clone())
        };
        let all = |name: &str| -> Vec<String> {
            let values = pairs.iter().filter(|(key, _)| key == name);
            values.map(|(_, value)| value.clone()).filter(|value| !value.is_empty()).collect()
        };
        Some(match path {
            "/" => Self::Alerts(AlertsChoice::read(&last, all("filter"))),
            "/silences" => Self::Silences(SilencesChoice::read(&last, all("filter"))),
            "/silences/new" => Self::Form(Prefill::read(&last, all("filter"))),
            "/silences/preview" => Self::Preview(Prefill::read(&last, all("filter"))),
            "/complete" => Self::Complete {
                of: last("of").unwrap_or_default(),
                text: last("text").unwrap_or_default(),
            },
            "/icon.svg" | "/favicon.ico" => Self::Icon(last("count").unwrap_or_default()),
            "/status" => Self::Status(last("labels").filter(|text| !text.trim().is_empty())),
            "/settings" => Self::Settings,
            _ => {
                if let Some(fingerprint) = path.strip_prefix("/alerts/") {
                    return Some(Self::Why(fingerprint.to_owned()));
                }
                let rest = path.strip_prefix("/silences/")?;
                match rest.strip_suffix("/edit") {
                    Some(id) => Self::Form(Prefill::edit(id)),
                    None => Self::Silence(rest.to_owned()),
                }
            }
        })
    }

    /// Makes the page from a view, at the wall clock's `now`.
    pub fn render(&self, about: About<'_>, view: &View, now: Timestamp) -> Rendered {
        match self {
            Self::Alerts(choice) => Rendered::html(200, alerts::page(about, view, now, choice)),
            Self::Silences(choice) => Rendered::html(200, silences::list(about, view, now, choice)),
            Self::Silence(id) => {
                let status = if view.silences.get(id).is_some() { 200 } else { 404 };
                Rendered::html(status, silences::one(about, view, now, id))
            }
            Self::Form(prefill) => {
                let is_there =
                    prefill.edits.as_ref().is_none_or(|id| view.silences.get(id).is_some());
                let status = if is_there { 200 } else { 404 };
                Rendered::html(status, form::page(about, view, now, prefill))
            }
            Self::Preview(prefill) => Rendered::html(200, form::preview(about, view, now, prefill)),
            Self::Complete { of, text } => Rendered {
                status: 200,
                content_type: "application/json",
                body: complete::complete(about.mode, view, of, text),
            },
            Self::Icon(count) => {
                Rendered { status: 200, content_type: "image/svg+xml", body: layout::icon(count) }
            }
            Self::Status(labels) => {
                Rendered::html(200, status::page(about, view, now, labels.as_deref()))
            }
            Self::Settings => Rendered::html(200, settings::page(about, view, now)),
            Self::Why(fingerprint) => why::page(about, view, now, fingerprint),
        }
    }
}

/// Returns a path with a query made of pairs, encoded.
fn link(about: About<'_>, path: &str, pairs: &[(&str, &str)]) -> String {
    let mut out = about.prefix.to_string();
    out.push_str(path);
    for (i, (name, value)) in pairs.iter().enumerate() {
        out.push(if i == 0 { '?' } else { '&' });
        encode(&mut out, name);
        out.push('=');
        encode(&mut out, value);
    }
    out
}

fn encode(out: &mut String, text: &str) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

/// Returns the filters of texts; see [`Filters`].
fn filters(about: About<'_>, texts: &[String]) -> Filters {
    Filters::parse(about.mode, texts)
}
