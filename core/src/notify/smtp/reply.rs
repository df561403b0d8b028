//! What an SMTP server answers: lines of a code and a text.

use alloc::{
    string::{String, ToString as _},
    vec::Vec,
};

use crate::limits::SMTP_REPLY_BYTES_MAX;

/// One answer of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    /// The code, from 100 to 999.
    pub(super) code: u16,
    /// The texts of its lines, without control characters.
    pub(super) lines: Vec<String>,
}

impl Reply {
    /// Returns its texts as one.
    pub(super) fn text(&self) -> String {
        self.lines.join("; ")
    }
}

/// What the server has said and nobody has looked at.
#[derive(Clone, Debug, Default)]
pub(super) struct Buffer(Vec<u8>);

impl Buffer {
    /// Adds what was read; one byte more than an answer may have is enough to know.
    pub(super) fn put(&mut self, bytes: &[u8]) {
        let room = (SMTP_REPLY_BYTES_MAX + 1).saturating_sub(self.0.len());
        self.0.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// Tells whether everything was looked at.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes the next answer, once all of it is there.
    pub(super) fn take(&mut self) -> Result<Option<Reply>, String> {
        let mut reply: Option<Reply> = None;
        let mut used = 0;
        while let Some(end) = self.0[used..].iter().position(|byte| *byte == b'\n') {
            let line = &self.0[used..used + end];
            used += end + 1;
            let (code, is_last, text) = parse(line.strip_suffix(b"\r").unwrap_or(line))?;
            let reply = reply.get_or_insert(Reply { code, lines: Vec::new() });
            if reply.code != code {
                return Err("malformed reply: the code changes from line to line".to_string());
            }
            reply.lines.push(text);
            if is_last {
                let whole = reply.clone();
                self.0.drain(..used);
                return Ok(Some(whole));
            }
        }
        if self.0.len() > SMTP_REPLY_BYTES_MAX {
            return Err("malformed reply: it is too long".to_string());
        }
        Ok(None)
    }
}

/// Reads one line: its code, whether it is the last one, and its text.
fn parse(line: &[u8]) -> Result<(u16, bool, String), String> {
    let bad = || "malformed reply: a line does not begin with a code".to_string();
    let (digits, rest) = line.split_at_checked(3).ok_or_else(bad)?;
    if !digits.iter().all(u8::is_ascii_digit) || digits[0] == b'0' {
        return Err(bad());
    }
    let code = digits.iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
    let (is_last, text) = match rest {
        [] => (true, rest),
        [b' ', text @ ..] => (true, text),
        [b'-', text @ ..] => (false, text),
        _ => return Err(bad()),
    };
    let text = String::from_utf8_lossy(text);
    let text = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>();
    Ok((code, is_last, text.trim_end().to_string()))
}
