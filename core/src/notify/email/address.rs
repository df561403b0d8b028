//! Mail addresses as RFC 5322 writes them, in lists, with names, comments and groups.

use alloc::{
    format,
    string::{String, ToString as _},
    vec::Vec,
};

use crate::limits::{MAIL_ADDRESSES_MAX, MAIL_COMMENTS_MAX};

/// Reads a list of addresses, and returns them as SMTP takes them: without names and comments.
///
/// Names may hold letters outside of ASCII as they are. Empty places of the list are skipped, and
/// the members of a group stand for it.
///
/// # Errors
/// What is wrong, if the list is no list or holds no address.
pub(super) fn parse_list(text: &str) -> Result<Vec<String>, String> {
    let mut scan = Scan { rest: text, found: Vec::new() };
    scan.list(None)?;
    if scan.found.is_empty() {
        return Err("no address".to_string());
    }
    Ok(scan.found)
}

struct Scan<'a> {
    rest: &'a str,
    found: Vec<String>,
}

/// A word of a name, or the part of an address before the `@`.
struct Word {
    text: String,
    is_quoted: bool,
}

impl Scan<'_> {
    /// Reads addresses until the end of the text, or of the group.
    fn list(&mut self, end: Option<char>) -> Result<(), String> {
        loop {
            self.blanks()?;
            while self.take(',') {
                self.blanks()?;
            }
            match end {
                Some(end) if self.take(end) => return Ok(()),
                Some(end) if self.rest.is_empty() => return Err(format!("missing '{end}'")),
                None if self.rest.is_empty() => return Ok(()),
                _ => {}
            }
            self.address(end.is_none())?;
            self.blanks()?;
            let is_end = self.rest.is_empty() || end.is_some_and(|end| self.rest.starts_with(end));
            if !is_end && !self.rest.starts_with(',') {
                return Err(format!("expected a comma before {:?}", self.shown()));
            }
        }
    }

    fn address(&mut self, may_be_group: bool) -> Result<(), String> {
        let mut words: Vec<Word> = Vec::new();
        loop {
            self.blanks()?;
            match self.rest.chars().next() {
                Some('<') => {
                    self.take('<');
                    return self.in_angles();
                }
                Some('@') if words.len() == 1 => {
                    let local = words.remove(0);
                    return self.domain(local);
                }
                Some(':') if may_be_group && !words.is_empty() => {
                    self.take(':');
                    return self.list(Some(';'));
                }
                Some('"') => words.push(Word { text: self.quoted()?, is_quoted: true }),
                Some(c) if is_atom(c) || c == '.' => {
                    words.push(Word { text: self.atom(), is_quoted: false });
                }
                Some(c) => return Err(format!("unexpected character {c:?} in an address")),
                None if words.is_empty() => return Err("no address".to_string()),
                None => return Err("missing '@' or angle-addr".to_string()),
            }
        }
    }

    fn in_angles(&mut self) -> Result<(), String> {
        self.blanks()?;
        let local = match self.rest.chars().next() {
            Some('"') => Word { text: self.quoted()?, is_quoted: true },
            _ => Word { text: self.atom(), is_quoted: false },
        };
        self.blanks()?;
        self.domain(local)?;
        self.blanks()?;
        if self.take('>') { Ok(()) } else { Err("unclosed angle-addr".to_string()) }
    }

    /// Reads `@` and what follows, and notes the address.
    fn domain(&mut self, local: Word) -> Result<(), String> {
        if !self.take('@') {
            return Err(format!("missing '@' before {:?}", self.shown()));
        }
        if !local.is_quoted {
            check_dots(&local.text, "the part before the @")?;
        }
        self.blanks()?;
        let domain = if self.rest.starts_with('[') {
            let end = self.rest.find(']').ok_or("unclosed domain-literal")?;
            let (literal, rest) = self.rest.split_at(end + 1);
            if literal[1..].contains(|c: char| c.is_whitespace() || c.is_control() || c == '[') {
                return Err("a blank in a domain-literal".to_string());
            }
            self.rest = rest;
            literal.to_string()
        } else {
            let domain = self.atom();
            check_dots(&domain, "the domain")?;
            domain
        };
        if self.found.len() == MAIL_ADDRESSES_MAX {
            return Err(format!("more than {MAIL_ADDRESSES_MAX} addresses"));
        }
        let local = match check_dots(&local.text, "") {
            Ok(()) if local.text.chars().all(|c| c == '.' || is_atom(c)) => local.text,
            _ => quote(&local.text),
        };
        self.found.push(format!("{local}@{domain}"));
        Ok(())
    }

    /// Reads a text in quotes, and returns it without them.
    fn quoted(&mut self) -> Result<String, String> {
        let mut text = String::new();
        let mut chars = self.rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            let c = match c {
                '"' => {
                    self.rest = &self.rest[at + 1..];
                    return Ok(text);
                }
                '\\' => chars.next().ok_or("unclosed quoted-string")?.1,
                c => c,
            };
            if c.is_control() && c != '\t' {
                return Err("a control character in a quoted-string".to_string());
            }
            text.push(c);
        }
        Err("unclosed quoted-string".to_string())
    }

    fn atom(&mut self) -> String {
        let end = self.rest.find(|c| !is_atom(c) && c != '.').unwrap_or(self.rest.len());
        let (atom, rest) = self.rest.split_at(end);
        self.rest = rest;
        atom.to_string()
    }

    /// Skips blanks, folds and comments.
    fn blanks(&mut self) -> Result<(), String> {
        let mut depth = 0_usize;
        let mut chars = self.rest.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '(' if depth == MAIL_COMMENTS_MAX => return Err("too many comments".to_string()),
                '(' => depth += 1,
                ')' if depth > 0 => depth -= 1,
                '\\' if depth > 0 => drop(chars.next()),
                ' ' | '\t' | '\r' | '\n' => {}
                _ if depth > 0 => {}
                _ => {
                    self.rest = &self.rest[at..];
                    return Ok(());
                }
            }
        }
        self.rest = "";
        if depth == 0 { Ok(()) } else { Err("unclosed comment".to_string()) }
    }

    fn take(&mut self, c: char) -> bool {
        let rest = self.rest.strip_prefix(c);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// The beginning of what is left, for errors.
    fn shown(&self) -> &str {
        &self.rest[..self.rest.floor_char_boundary(20)]
    }
}

/// Tells whether a character stands in atoms. Those outside of ASCII do by RFC 6531.
fn is_atom(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || "!#$%&'*+-/=?^_`{|}~".contains(c)
        || (!c.is_ascii() && !c.is_control() && !c.is_whitespace())
}

fn check_dots(text: &str, what: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err(format!("{what} is empty"));
    }
    match text.split('.').any(str::is_empty) {
        true => Err(format!("a dot too many in {what}")),
        false => Ok(()),
    }
}

fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lists_are_read_as_the_rfc_writes_them() {
        for (text, expected) in [
            ("a@b", &["a@b"][..]),
            (" a@b ,, c@d,", &["a@b", "c@d"]),
            ("Jo <jo@example.org>", &["jo@example.org"]),
            ("\"Jo, x\" <jo@example.org>, b@c", &["jo@example.org", "b@c"]),
            ("Jörg Müller <j@x>", &["j@x"]),
            ("=?utf-8?q?J=C3=B6?= <j@x>", &["j@x"]),
            ("John Q. Public <j@x>", &["j@x"]),
            ("<j@x>", &["j@x"]),
            ("j@x (a (nested) comment)", &["j@x"]),
            ("(c) j (c) @ (c) x", &["j@x"]),
            ("team: a@b, C <c@d>;, e@f", &["a@b", "c@d", "e@f"]),
            ("\"a b\"@x", &["\"a b\"@x"]),
            ("\"ab\"@x", &["ab@x"]),
            ("\"a\\\"b\"@x", &["\"a\\\"b\"@x"]),
            ("a@[127.0.0.1]", &["a@[127.0.0.1]"]),
            ("jörg@exämple.org", &["jörg@exämple.org"]),
            ("o'brien+x@a-b.c", &["o'brien+x@a-b.c"]),
        ] {
            assert_eq!(parse_list(text).expect(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_list_is_explained() {
        for (text, part) in [
            ("", "no address"),
            (" , ", "no address"),
            ("team:;", "no address"),
            ("a", "missing '@'"),
            ("a b", "missing '@'"),
            ("a b@c", "unexpected character '@'"),
            ("a@b c@d", "expected a comma"),
            ("a@", "the domain is empty"),
            ("@b", "unexpected character '@'"),
            ("a..b@c", "dot too many"),
            (".a@c", "dot too many"),
            ("a@b.", "dot too many"),
            ("<a@b", "unclosed angle"),
            ("\"a@b", "unclosed quoted"),
            ("a@b (x", "unclosed comment"),
            ("team: a@b", "missing ';'"),
            ("a@[x", "unclosed domain"),
            ("\"a\r\nRCPT TO:<x>\"@b", "control"),
            ("a@b\r\nRCPT", "expected a comma"),
        ] {
            let error = parse_list(text).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
        let many = ["a@b"; MAIL_ADDRESSES_MAX + 1].join(",");
        assert!(parse_list(&many).expect_err("too many").contains("more than"));
    }

    proptest! {
        #[test]
        fn no_text_breaks_out_of_a_command(text in r#"[a-c@<>,:;."\\()\[\] \r\n\t\x00ü]{0,40}"#) {
            for address in parse_list(&text).unwrap_or_default() {
                prop_assert!(!address.contains(['\r', '\n', '\0']), "{address:?}");
                let read_again = parse_list(&address);
                prop_assert_eq!(read_again, Ok([address.clone()].into()));
            }
        }
    }
}
