//! How text moves a point from one context to another.

use alloc::{
    format,
    string::{String, ToString as _},
};

use super::{
    super::quote::quote,
    attribute::{self, Kind},
    context::{Attr, Context, Delim, Element, JsCtx, State, UrlPart},
};

/// The next context and how many bytes led there, or what is wrong with the text.
pub(super) type Step = Result<(Context, usize), String>;

const SPACES: [char; 5] = ['\t', '\n', '\u{c}', '\r', ' '];

/// Takes one step through text, at least up to the next change of context.
pub(super) fn after_text(context: &Context, text: &str) -> Step {
    if context.delim == Delim::None {
        let (ended, at) = special_tag_end(context, text);
        if at == 0 {
            return Ok((ended, 0));
        }
        return transition(context.clone(), &text[..at]);
    }
    let end = text.find(context.delim.ends()).unwrap_or(text.len());
    if context.delim == Delim::SpaceOrTagEnd
        && let Some(bad) = text[..end].find(['"', '\'', '<', '=', '`'])
    {
        let (c, all) = (quote(&text[bad..=bad]), quote(&text[..end]));
        return Err(format!("{c} in unquoted attr: {all}"));
    }
    if end == text.len() {
        let decoded = attribute::unescape(text);
        let mut rest = &*decoded;
        let mut context = context.clone();
        while !rest.is_empty() {
            let (next, used) = transition(context, rest)?;
            context = next;
            rest = &rest[used..];
        }
        return Ok((context, text.len()));
    }
    let mut element = context.element;
    if context.state == State::Attr
        && element == Element::Script
        && context.attr == Attr::ScriptType
        && !attribute::is_js_type(&text[..end])
    {
        element = Element::None;
    }
    let quote_len = usize::from(context.delim != Delim::SpaceOrTagEnd);
    Ok((Context::new(State::Tag, element), end + quote_len))
}

/// Takes one step inside of what text consists of in a state.
pub(super) fn transition(context: Context, text: &str) -> Step {
    match context.state {
        State::Text => Ok(in_text(context, text)),
        State::Tag => in_tag(context, text),
        State::AttrName => attr_name(context, text),
        State::AfterName => Ok(after_name(context, text)),
        State::BeforeValue => Ok(before_value(context, text)),
        State::HTMLCmt => Ok(match text.find("-->") {
            Some(at) => (Context::default(), at + 3),
            None => (context, text.len()),
        }),
        State::RCDATA => Ok(special_tag_end(&context, text)),
        State::URL => Ok((in_url(context, text), text.len())),
        State::MetaContent => Ok(meta(context, text, "url=", State::MetaContentURL)),
        State::MetaContentURL => Ok(meta(context, text, ";", State::MetaContent)),
        State::JS => in_js(context, text),
        State::JSDqStr | State::JSSqStr | State::JSRegexp => js_delimited(context, text),
        State::JSTmplLit => js_template(context, text),
        State::JSBlockCmt | State::CSSBlockCmt => Ok(block_comment(context, text)),
        State::JSLineCmt | State::JSHTMLOpenCmt | State::JSHTMLCloseCmt | State::CSSLineCmt => {
            Ok(line_comment(context, text))
        }
        State::CSS => Ok(in_css(context, text)),
        State::CSSDqStr | State::CSSSqStr | State::CSSDqURL | State::CSSSqURL | State::CSSURL => {
            css_string(context, text)
        }
        State::Attr | State::Srcset | State::Dead => Ok((context, text.len())),
    }
}

fn in_text(context: Context, text: &str) -> (Context, usize) {
    let bytes = text.as_bytes();
    let mut from = 0;
    loop {
        let Some(at) = text[from..].find('<').map(|at| from + at) else {
            return (context, text.len());
        };
        if at + 1 == text.len() {
            return (context, text.len());
        }
        if text[at..].starts_with("<!--") {
            return (Context::new(State::HTMLCmt, Element::None), at + 4);
        }
        let mut start = at + 1;
        let end_tag = bytes[start] == b'/';
        if end_tag {
            start += 1;
            if start == text.len() {
                return (context, text.len());
            }
        }
        let end = tag_name_end(bytes, start);
        if end != start {
            let element = match end_tag {
                true => Element::None,
                false => Element::of(&text[start..end].to_ascii_lowercase()),
            };
            return (Context::new(State::Tag, element), end);
        }
        from = end;
    }
}

fn tag_name_end(bytes: &[u8], start: usize) -> usize {
    if !bytes.get(start).is_some_and(u8::is_ascii_alphabetic) {
        return start;
    }
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        if byte.is_ascii_alphanumeric() {
            at += 1;
        } else if matches!(byte, b':' | b'-')
            && bytes.get(at + 1).is_some_and(u8::is_ascii_alphanumeric)
        {
            at += 2;
        } else {
            break;
        }
    }
    at
}

/// Looks for the end tag of an element that holds no markup.
fn special_tag_end(context: &Context, text: &str) -> (Context, usize) {
    let here = (context.clone(), text.len());
    let in_literal = context.state.is_in_script_literal() || context.state.is_comment();
    let tag = context.element.end_tag();
    if tag.is_empty() || context.element == Element::Script && in_literal {
        return here;
    }
    let mut from = 0;
    while let Some(at) = text[from..].find("</").map(|at| from + at) {
        let rest = &text.as_bytes()[at + 2..];
        let named =
            rest.len() > tag.len() && rest[..tag.len()].eq_ignore_ascii_case(tag.as_bytes());
        if named && matches!(rest[tag.len()], b'>' | b' ' | b'\t' | b'\n' | 0xc | b'/') {
            return (Context::default(), at);
        }
        from = at + 2;
    }
    here
}

fn skip_space(text: &str) -> usize {
    text.len() - text.trim_start_matches(SPACES).len()
}

/// Finds the end of an attribute's name.
fn name_end(text: &str, from: usize) -> Result<usize, String> {
    for (at, byte) in text.bytes().enumerate().skip(from) {
        match byte {
            b' ' | b'\t' | b'\n' | 0xc | b'\r' | b'=' | b'>' => return Ok(at),
            b'\'' | b'"' | b'<' => {
                let head: String = text.chars().take(32).collect();
                let c = quote(&text[at..=at]);
                return Err(format!("{c} in attribute name: {}", quote(&head)));
            }
            _ => {}
        }
    }
    Ok(text.len())
}

fn in_tag(context: Context, text: &str) -> Step {
    let start = skip_space(text);
    if start == text.len() {
        return Ok((context, text.len()));
    }
    if text.as_bytes()[start] == b'>' {
        // What follows a `meta` is text as any other.
        let element = match context.element {
            Element::Meta => Element::None,
            element => element,
        };
        return Ok((Context::new(element.content(), element), start + 1));
    }
    let end = name_end(text, start)?;
    if start == end {
        let rest = quote(&text[start..]);
        return Err(format!("expected space, attr name, or end of tag, but got {rest}"));
    }
    let name = text[start..end].to_lowercase();
    let attr = match (context.element, &*name) {
        (Element::Script, "type") => Attr::ScriptType,
        (Element::Meta, "content") => Attr::MetaContent,
        _ => match attribute::kind(&name) {
            Kind::Url => Attr::URL,
            Kind::Css => Attr::Style,
            Kind::Js => Attr::Script,
            Kind::Srcset => Attr::Srcset,
            _ => Attr::None,
        },
    };
    let state = if end == text.len() { State::AttrName } else { State::AfterName };
    Ok((Context { attr, ..Context::new(state, context.element) }, end))
}

fn attr_name(mut context: Context, text: &str) -> Step {
    let end = name_end(text, 0)?;
    if end != text.len() {
        context.state = State::AfterName;
    }
    Ok((context, end))
}

fn after_name(mut context: Context, text: &str) -> (Context, usize) {
    let at = skip_space(text);
    if at == text.len() {
        return (context, at);
    }
    if text.as_bytes()[at] != b'=' {
        context.state = State::Tag;
        return (context, at);
    }
    context.state = State::BeforeValue;
    (context, at + 1)
}

fn before_value(mut context: Context, text: &str) -> (Context, usize) {
    let at = skip_space(text);
    let Some(byte) = text.as_bytes().get(at) else { return (context, text.len()) };
    let (delim, len) = match byte {
        b'\'' => (Delim::SingleQuote, 1),
        b'"' => (Delim::DoubleQuote, 1),
        _ => (Delim::SpaceOrTagEnd, 0),
    };
    context.state = context.attr.start();
    context.delim = delim;
    (context, at + len)
}

fn in_url(mut context: Context, text: &str) -> Context {
    if text.contains(['#', '?']) {
        context.url_part = UrlPart::QueryOrFrag;
    } else if context.url_part == UrlPart::None && skip_space(text) != text.len() {
        context.url_part = UrlPart::PreQuery;
    }
    context
}

fn meta(mut context: Context, text: &str, mark: &str, next: State) -> (Context, usize) {
    match text.to_ascii_lowercase().find(mark) {
        Some(at) => {
            context.state = next;
            (context, at + mark.len())
        }
        None => (context, text.len()),
    }
}

fn in_js(mut context: Context, text: &str) -> Step {
    let special = text.find(['"', '\'', '`', '/', '{', '}', '<', '-', '#']);
    let Some(mut at) = special else {
        context.js_ctx = next_js_ctx(text, context.js_ctx);
        return Ok((context, text.len()));
    };
    context.js_ctx = next_js_ctx(&text[..at], context.js_ctx);
    let rest = &text[at..];
    match rest.as_bytes()[0] {
        quote @ (b'"' | b'\'' | b'`') => {
            context.state = match quote {
                b'"' => State::JSDqStr,
                b'\'' => State::JSSqStr,
                _ => State::JSTmplLit,
            };
            context.js_ctx = JsCtx::Regexp;
        }
        b'/' if rest.starts_with("//") => {
            context.state = State::JSLineCmt;
            at += 1;
        }
        b'/' if rest.starts_with("/*") => {
            context.state = State::JSBlockCmt;
            at += 1;
        }
        b'/' => match context.js_ctx {
            JsCtx::Regexp => context.state = State::JSRegexp,
            JsCtx::DivOp => context.js_ctx = JsCtx::Regexp,
            JsCtx::Unknown => {
                let head: String = rest.chars().take(32).collect();
                return Err(format!("'/' could start a division or regexp: {}", quote(&head)));
            }
        },
        b'<' if rest.starts_with("<!--") => {
            context.state = State::JSHTMLOpenCmt;
            at += 3;
        }
        b'-' if rest.starts_with("-->") => {
            context.state = State::JSHTMLCloseCmt;
            at += 2;
        }
        b'#' if rest.starts_with("#!") => {
            context.state = State::JSLineCmt;
            at += 1;
        }
        b'{' => {
            if let Some(open) = context.braces.last_mut() {
                *open += 1;
            }
        }
        b'}' => match context.braces.last_mut() {
            Some(0) => {
                context.braces.pop();
                context.state = State::JSTmplLit;
            }
            Some(open) => *open -= 1,
            None => {}
        },
        _ => {}
    }
    Ok((context, at + 1))
}

fn next_js_ctx(text: &str, before: JsCtx) -> JsCtx {
    const KEYWORDS: [&str; 14] = [
        "break",
        "case",
        "continue",
        "delete",
        "do",
        "else",
        "finally",
        "in",
        "instanceof",
        "return",
        "throw",
        "try",
        "typeof",
        "void",
    ];
    let text = text.trim_end_matches(['\t', '\n', '\u{c}', '\r', ' ', '\u{2028}', '\u{2029}']);
    let bytes = text.as_bytes();
    let Some(&last) = bytes.last() else { return before };
    match last {
        b'+' | b'-' => {
            let run = bytes.iter().rev().take_while(|b| **b == last).count();
            if run % 2 == 1 { JsCtx::Regexp } else { JsCtx::DivOp }
        }
        b'.' if bytes.len() > 1 && bytes[bytes.len() - 2].is_ascii_digit() => JsCtx::DivOp,
        b'.' | b',' | b'<' | b'>' | b'=' | b'*' | b'%' | b'&' | b'|' | b'^' | b'?' | b'!'
        | b'~' | b'(' | b'[' | b':' | b';' | b'{' | b'}' => JsCtx::Regexp,
        _ => {
            let word = bytes.iter().rev().take_while(|b| is_js_ident(**b)).count();
            let word = &text[text.len() - word..];
            if KEYWORDS.contains(&word) { JsCtx::Regexp } else { JsCtx::DivOp }
        }
    }
}

/// Tells whether a byte can be part of an identifier.
pub(super) const fn is_js_ident(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'$' | b'_')
}

fn js_template(mut context: Context, text: &str) -> Step {
    let mut from = 0;
    while let Some(at) = text[from..].find(['`', '\\', '$']).map(|at| from + at) {
        from = at + 1;
        match text.as_bytes()[at] {
            b'\\' => {
                from = after_escape(text, from, "JS")?;
            }
            b'$' if text[at..].starts_with("${") => {
                context.braces.push(0);
                context.state = State::JS;
                return Ok((context, at + 2));
            }
            b'`' => {
                context.state = State::JS;
                return Ok((context, at + 1));
            }
            _ => {}
        }
    }
    Ok((context, text.len()))
}

/// Steps over the character after a backslash.
fn after_escape(text: &str, at: usize, language: &str) -> Result<usize, String> {
    match text[at..].chars().next() {
        Some(c) => Ok(at + c.len_utf8()),
        None => {
            let text = quote(text);
            Err(format!("unfinished escape sequence in {language} string: {text}"))
        }
    }
}

fn js_delimited(mut context: Context, text: &str) -> Step {
    let specials: &[char] = match context.state {
        State::JSSqStr => &['\\', '\''],
        State::JSRegexp => &['\\', '/', '[', ']'],
        _ => &['\\', '"'],
    };
    let (mut from, mut in_charset) = (0, false);
    while let Some(at) = text[from..].find(specials).map(|at| from + at) {
        from = at + 1;
        match text.as_bytes()[at] {
            b'\\' => from = after_escape(text, from, "JS")?,
            b'[' => in_charset = true,
            b']' => in_charset = false,
            b'/' if at > 0
                && text
                    .get(at - 1..at + 7)
                    .is_some_and(|tag| tag.eq_ignore_ascii_case("</script")) =>
            {
                from = at + 2;
            }
            _ if !in_charset => {
                context.state = State::JS;
                context.js_ctx = JsCtx::DivOp;
                return Ok((context, at + 1));
            }
            _ => {}
        }
    }
    if in_charset {
        return Err(format!("unfinished JS regexp charset: {}", quote(text)));
    }
    Ok((context, text.len()))
}

fn block_comment(mut context: Context, text: &str) -> (Context, usize) {
    let Some(at) = text.find("*/") else { return (context, text.len()) };
    context.state = if context.state == State::JSBlockCmt { State::JS } else { State::CSS };
    (context, at + 2)
}

fn line_comment(mut context: Context, text: &str) -> (Context, usize) {
    let (ends, next): (&[char], _) = if context.state == State::CSSLineCmt {
        (&['\n', '\u{c}', '\r'], State::CSS)
    } else {
        (&['\n', '\r', '\u{2028}', '\u{2029}'], State::JS)
    };
    let Some(at) = text.find(ends) else { return (context, text.len()) };
    context.state = next;
    (context, at)
}

fn in_css(mut context: Context, text: &str) -> (Context, usize) {
    let mut from = 0;
    while let Some(at) = text[from..].find(['(', '"', '\'', '/']).map(|at| from + at) {
        let rest = &text[at + 1..];
        match text.as_bytes()[at] {
            b'(' if ends_with_url(text[..at].trim_end_matches(SPACES)) => {
                let value = rest.trim_start_matches(SPACES);
                let start = text.len() - value.len();
                let (state, len) = match value.as_bytes().first() {
                    Some(b'"') => (State::CSSDqURL, 1),
                    Some(b'\'') => (State::CSSSqURL, 1),
                    _ => (State::CSSURL, 0),
                };
                context.state = state;
                return (context, start + len);
            }
            b'/' if rest.starts_with(['/', '*']) => {
                let line = rest.starts_with('/');
                context.state = if line { State::CSSLineCmt } else { State::CSSBlockCmt };
                return (context, at + 2);
            }
            quote @ (b'"' | b'\'') => {
                context.state = if quote == b'"' { State::CSSDqStr } else { State::CSSSqStr };
                return (context, at + 1);
            }
            _ => {}
        }
        from = at + 1;
    }
    (context, text.len())
}

/// Tells whether a text ends with the CSS keyword `url`.
fn ends_with_url(text: &str) -> bool {
    let Some(at) = text.len().checked_sub(3) else { return false };
    let bytes = text.as_bytes();
    let name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_') || b >= 0x80;
    bytes[at..].eq_ignore_ascii_case(b"url") && (at == 0 || !name(bytes[at - 1]))
}

fn css_string(mut context: Context, text: &str) -> Step {
    let ends: &[char] = match context.state {
        State::CSSDqStr | State::CSSDqURL => &['\\', '"'],
        State::CSSSqStr | State::CSSSqURL => &['\\', '\''],
        _ => &['\\', '\t', '\n', '\u{c}', '\r', ' ', ')'],
    };
    let mut from = 0;
    while let Some(at) = text[from..].find(ends).map(|at| from + at) {
        if text.as_bytes()[at] != b'\\' {
            context.state = State::CSS;
            return Ok((context, at + 1));
        }
        from = after_escape(text, at + 1, "CSS")?;
        context = in_url(context, &super::content::decode_css(&text[..from]));
    }
    let context = in_url(context, &super::content::decode_css(&text[from..]));
    Ok((context, text.len()))
}

/// Removes the tags from HTML, keeping the text.
pub(super) fn strip_tags(html: &str) -> String {
    let mut out = String::new();
    let mut context = Context::default();
    let (mut at, mut all_text) = (0, true);
    while at != html.len() {
        if context.delim != Delim::None {
            let Some(end) = html[at..].find(context.delim.ends()) else { break };
            at += end + usize::from(context.delim != Delim::SpaceOrTagEnd);
            context = Context::new(State::Tag, context.element);
            continue;
        }
        let mut state = context.state;
        if context.element != Element::None && !state.is_in_tag() {
            state = State::RCDATA;
        }
        let step = transition(Context { state, ..context.clone() }, &html[at..]);
        let Ok((next, used)) = step else { break };
        if matches!(context.state, State::Text | State::RCDATA) {
            let piece = &html[at..at + used];
            let end = if next.state == context.state {
                piece.len()
            } else {
                piece.rfind('<').unwrap_or(piece.len())
            };
            out.push_str(&piece[..end]);
        } else {
            all_text = false;
        }
        if used == 0 && next == context {
            break;
        }
        context = next;
        at += used;
    }
    if all_text {
        return html.to_string();
    }
    if matches!(context.state, State::Text | State::RCDATA) {
        out.push_str(&html[at..]);
    }
    out
}
