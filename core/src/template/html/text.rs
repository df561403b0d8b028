//! The literal text of a template: comments go, stray `<` are made harmless.

use alloc::string::String;

use super::{
    context::{Context, Delim, State},
    transition::after_text,
};

const LINE_ENDS: [char; 4] = ['\n', '\r', '\u{2028}', '\u{2029}'];

/// Follows the context through text; returns the context at its end and what is to be written.
pub(super) fn escape_text(start: Context, text: &str) -> Result<(Context, String), String> {
    let mut out = String::with_capacity(text.len());
    let mut context = start;
    let (mut at, mut written) = (0, 0);
    while at != text.len() {
        let (next, used) = after_text(&context, &text[at..])?;
        let end = at + used;
        if matches!(context.state, State::Text | State::RCDATA) {
            let markup = if next.state == context.state {
                end
            } else {
                text[at..end].rfind('<').map_or(end, |i| at + i)
            };
            written = stray(&mut out, text, written, at..markup);
        } else if context.state.is_comment() && context.delim == Delim::None {
            match context.state {
                State::JSBlockCmt if text[written..end].contains(LINE_ENDS) => out.push('\n'),
                State::JSBlockCmt | State::CSSBlockCmt => out.push(' '),
                _ => {}
            }
            written = end;
        }
        if context.state != next.state && next.state.is_comment() && next.delim == Delim::None {
            let mark = match next.state {
                State::HTMLCmt | State::JSHTMLOpenCmt => 4,
                State::JSHTMLCloseCmt => 3,
                _ => 2,
            };
            out.push_str(&text[written..end - mark]);
            written = end;
        }
        if context.state.is_in_script_literal() && written <= at {
            let piece = &text[at..end];
            let escaped = escape_script_tags(piece);
            if escaped != piece {
                out.push_str(&text[written..at]);
                out.push_str(&escaped);
                written = end;
            }
        }
        if used == 0 && next == context {
            return Err("no progress in text".into());
        }
        context = next;
        at = end;
    }
    if written == 0 {
        return Ok((context, text.into()));
    }
    if !context.state.is_comment() || context.delim != Delim::None {
        out.push_str(&text[written..]);
    }
    Ok((context, out))
}

/// Writes the text up to the last `<` that starts no markup, those being escaped; returns how far.
fn stray(out: &mut String, text: &str, from: usize, range: core::ops::Range<usize>) -> usize {
    let mut written = from;
    for (i, _) in text[range.clone()].match_indices('<') {
        let i = range.start + i;
        let head = text.as_bytes().get(i..i + 9);
        if !head.is_some_and(|head| head.eq_ignore_ascii_case(b"<!DOCTYPE")) {
            out.push_str(&text[written..i]);
            out.push_str("&lt;");
            written = i + 1;
        }
    }
    written
}

/// In literals of scripts, what would end or nest the script is written with an escape.
fn escape_script_tags(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        out.push_str(before);
        let special = ["script", "/script", "!--"].iter().any(|tag| {
            let head = after.as_bytes().get(..tag.len());
            head.is_some_and(|head| head.eq_ignore_ascii_case(tag.as_bytes()))
        });
        out.push_str(if special { "\\x3C" } else { "<" });
        rest = after;
    }
    out.push_str(rest);
    out
}
