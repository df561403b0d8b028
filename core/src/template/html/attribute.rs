//! What HTML attributes hold.

use alloc::{borrow::Cow, string::String};

/// The language of an attribute's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    Css,
    Html,
    Js,
    Srcset,
    /// It changes what other content means, so its name must not come from data.
    Unsafe,
    Url,
}

/// Returns the language of an attribute by its name in lower case.
pub(super) fn kind(name: &str) -> Kind {
    let mut name = name;
    if let Some(custom) = name.strip_prefix("data-") {
        name = custom;
    } else if let Some((prefix, short)) = name.split_once(':') {
        if prefix == "xmlns" {
            return Kind::Url;
        }
        name = short;
    }
    match name {
        "action" | "archive" | "background" | "cite" | "classid" | "codebase" | "data"
        | "formaction" | "href" | "icon" | "longdesc" | "manifest" | "poster" | "profile"
        | "src" | "usemap" | "xmlns" => Kind::Url,
        "accept-charset" | "async" | "challenge" | "charset" | "content" | "crossorigin"
        | "defer" | "enctype" | "form" | "formenctype" | "formmethod" | "formnovalidate"
        | "http-equiv" | "keytype" | "language" | "method" | "novalidate" | "pattern" | "rel"
        | "sandbox" | "type" | "value" => Kind::Unsafe,
        "srcdoc" => Kind::Html,
        "srcset" => Kind::Srcset,
        "style" => Kind::Css,
        _ if name.starts_with("on") => Kind::Js,
        _ if name.contains("src") || name.contains("uri") || name.contains("url") => Kind::Url,
        _ => Kind::Plain,
    }
}

/// Tells whether a script element of this type holds JavaScript or JSON.
pub(super) fn is_js_type(mime: &str) -> bool {
    let mime = mime.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    matches!(
        &*mime,
        "" | "application/ecmascript"
            | "application/javascript"
            | "application/json"
            | "application/ld+json"
            | "application/x-ecmascript"
            | "application/x-javascript"
            | "module"
            | "speculationrules"
            | "text/ecmascript"
            | "text/javascript"
            | "text/javascript1.0"
            | "text/javascript1.1"
            | "text/javascript1.2"
            | "text/javascript1.3"
            | "text/javascript1.4"
            | "text/javascript1.5"
            | "text/jscript"
            | "text/livescript"
            | "text/x-ecmascript"
            | "text/x-javascript"
    )
}

/// Decodes the entities of an attribute's value: the numeric ones and those with a meaning in
/// another language. A name that is not known stays as it is.
pub(super) fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '#');
        let name = &after[..end.unwrap_or(after.len())];
        let Some(c) = entity(name) else {
            out.push('&');
            rest = after;
            continue;
        };
        out.push(c);
        rest = &after[name.len()..];
        rest = rest.strip_prefix(';').unwrap_or(rest);
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn entity(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return Some(char::from_u32(code).filter(|c| *c != '\0').unwrap_or('\u{fffd}'));
    }
    Some(match name {
        "amp" | "AMP" => '&',
        "lt" | "LT" => '<',
        "gt" | "GT" => '>',
        "quot" | "QUOT" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        "Tab" => '\t',
        "NewLine" => '\n',
        "colon" => ':',
        "sol" => '/',
        "num" => '#',
        "quest" => '?',
        "lpar" => '(',
        "rpar" => ')',
        "lbrace" | "lcub" => '{',
        "rbrace" | "rcub" => '}',
        "grave" => '`',
        "bsol" => '\\',
        "equals" => '=',
        "semi" => ';',
        "comma" => ',',
        _ => return None,
    })
}
