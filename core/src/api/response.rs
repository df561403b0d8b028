//! Responses in the shapes that clients of Alertmanager know.

use alloc::{borrow::Cow, format, string::String, vec, vec::Vec};

use crate::wire::json::{is_all_plain, write_string};

/// What a request is answered with. The runtime adds the length and the date.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The headers, in the order to be sent.
    pub headers: Vec<(&'static str, Cow<'static, str>)>,
    /// The body, or its beginning where a [`Rest`](super::Rest) goes on; not to be sent in answer
    /// to HEAD.
    pub body: Vec<u8>,
    /// Whether the body may be compressed if the client accepts that.
    pub compressible: bool,
    /// The path under which the metrics count the request, or empty for one they leave out. One of
    /// a fixed set, whatever clients ask for.
    pub handler: Cow<'static, str>,
}

/// What a client gets that speaks HTTP where TLS is spoken, before the connection is closed; Go's
/// servers say the same.
pub const PLAIN_ON_TLS: &[u8] =
    b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";

impl Response {
    /// A status without a body.
    pub(super) fn empty(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// Plain text.
    pub(super) fn text(status: u16, body: impl Into<String>) -> Self {
        Self::empty(status)
            .header("Content-Type", "text/plain; charset=utf-8")
            .header("X-Content-Type-Options", "nosniff")
            .body(body.into())
    }

    /// A JSON document, with its newline.
    pub(super) fn json(status: u16, mut body: String) -> Self {
        body.push('\n');
        Self::json_bytes(status, body.into_bytes())
    }

    /// A JSON document that is complete, or the beginning of one.
    pub(super) fn json_bytes(status: u16, body: Vec<u8>) -> Self {
        Self { body, ..Self::empty(status).header("Content-Type", "application/json") }
    }

    /// The error of a handler: a bare JSON string.
    pub(super) fn message(status: u16, text: &str) -> Self {
        let mut body = String::new();
        write_text(&mut body, text);
        Self::json(status, body)
    }

    /// The error of a framework rule: an object of code and message, without a newline.
    pub(super) fn error(status: u16, code: u16, message: &str) -> Self {
        let mut body = format!("{{\"code\":{code},\"message\":");
        write_string(&mut body, message);
        body.push('}');
        Self::empty(status).header("Content-Type", "application/json").body(body)
    }

    /// A redirect, with a line of HTML for those who look.
    pub(super) fn redirect(status: u16, location: String, show: bool) -> Self {
        let reason = match status {
            302 => "Found",
            308 => "Permanent Redirect",
            _ => "Moved Permanently",
        };
        let response = Self::empty(status);
        let response = if show {
            let href = location.replace('&', "&amp;");
            response
                .header("Content-Type", "text/html; charset=utf-8")
                .body(format!("<a href=\"{href}\">{reason}</a>.\n\n"))
        } else {
            response
        };
        response.header("Location", location)
    }

    pub(super) fn header(
        mut self,
        name: &'static str,
        value: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn body(mut self, body: String) -> Self {
        self.body = body.into_bytes();
        self
    }

    pub(super) fn handler(mut self, handler: &'static str) -> Self {
        self.handler = Cow::Borrowed(handler);
        self
    }
}

/// Appends a text as a JSON string in which `<`, `>` and `&` stand for themselves, as they do in
/// all answers but alerts and silences.
pub(super) fn write_text(out: &mut String, text: &str) {
    let is_mark = |c: char| matches!(c, '<' | '>' | '&');
    let mut scratch = String::new();
    out.push('"');
    if is_all_plain(text.as_bytes()) {
        out.push_str(text);
        out.push('"');
        return;
    }
    for piece in text.split_inclusive(is_mark) {
        let plain = piece.trim_end_matches(is_mark);
        scratch.clear();
        write_string(&mut scratch, plain);
        out.push_str(&scratch[1..scratch.len() - 1]);
        out.push_str(&piece[plain.len()..]);
    }
    out.push('"');
}

/// Lists the methods of a path as the header `Allow` does.
pub(super) fn allow(methods: &[&str]) -> String {
    let mut all = vec!["OPTIONS"];
    all.extend(methods);
    all.sort_unstable();
    all.join(", ")
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;

    use super::*;

    #[test]
    fn shapes_of_errors() {
        let text = |response: Response| String::from_utf8(response.body).expect("UTF-8");
        assert_eq!(text(Response::message(400, "a<b>\"&<>\n")), "\"a<b>\\\"&<>\\n\"\n");
        assert_eq!(text(Response::message(400, "")), "\"\"\n");
        assert_eq!(
            text(Response::error(422, 601, "x \"<\"")),
            r#"{"code":601,"message":"x \"\u003c\""}"#
        );
        let redirect = Response::redirect(302, "/am".to_string(), true);
        assert_eq!(text(redirect), "<a href=\"/am\">Found</a>.\n\n");
    }
}
