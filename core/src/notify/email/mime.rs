//! Mails as bytes: header lines, and a text and an HTML part as alternatives.
//!
//! The layout is Alertmanager's, byte for byte, which is that of Go's library: headers unfolded,
//! each value one run of encoded words where it needs any, parts as quoted-printable.

use alloc::{
    format,
    string::{String, ToString as _},
    vec::Vec,
};
use core::fmt::Write as _;

use crate::time::{
    Timestamp,
    civil::{Civil, day_number, weekday},
};

/// Characters of a line of quoted-printable, the `=` of a soft break included.
const LINE_MAX: usize = 76;
/// What fits between `=?utf-8?q?` and `?=` in an encoded word of 75 characters.
const WORD_MAX: usize = 63;

/// Writes a mail: these headers in this order, and the parts that are not empty.
pub(super) fn message(
    headers: &[(String, String)],
    boundary: &str,
    text: &str,
    html: &str,
) -> Vec<u8> {
    let mut out = String::new();
    let mut line = |name: &str, value: &str| {
        out.push_str(name);
        out.push_str(": ");
        out.push_str(value);
        out.push_str("\r\n");
    };
    for (name, value) in headers {
        line(name, value);
    }
    line("Content-Type", &format!("multipart/alternative;  boundary={boundary}"));
    line("MIME-Version", "1.0");
    for (kind, part) in [("plain", text), ("html", html)] {
        if part.is_empty() {
            continue;
        }
        write!(
            out,
            "\r\n--{boundary}\r\nContent-Transfer-Encoding: quoted-printable\r\n\
             Content-Type: text/{kind}; charset=UTF-8\r\n\r\n"
        )
        .expect("a String takes every write");
        quoted_printable(part, &mut out);
    }
    if text.is_empty() && html.is_empty() {
        out.push_str("\r\n");
    }
    write!(out, "\r\n--{boundary}--\r\n").expect("a String takes every write");
    out.into_bytes()
}

/// Encodes a header's value as RFC 2047 says, if it needs it: as a whole, with the Q encoding.
pub(super) fn header_value(text: &str) -> String {
    if text.bytes().all(|b| matches!(b, b' '..=b'~' | b'\t')) {
        return text.to_string();
    }
    let mut out = String::from("=?utf-8?q?");
    let mut used = 0;
    for c in text.chars() {
        let is_plain = matches!(c, ' '..='~') && !matches!(c, '=' | '?' | '_');
        let width = if is_plain { 1 } else { 3 * c.len_utf8() };
        if used + width > WORD_MAX {
            out.push_str("?= =?utf-8?q?");
            used = 0;
        }
        used += width;
        match c {
            ' ' => out.push('_'),
            c if is_plain => out.push(c),
            c => c.encode_utf8(&mut [0; 4]).bytes().for_each(|b| escape(b, &mut out)),
        }
    }
    out.push_str("?=");
    out
}

/// Encodes a text. Line breaks of any kind become CR LF; blanks before them are escaped.
fn quoted_printable(text: &str, out: &mut String) {
    let mut bytes = text.bytes().peekable();
    let mut column = 0;
    while let Some(byte) = bytes.next() {
        if matches!(byte, b'\r' | b'\n') {
            if byte == b'\r' {
                bytes.next_if_eq(&b'\n');
            }
            escape_last_blank(column, out);
            out.push_str("\r\n");
            column = 0;
            continue;
        }
        let is_plain = matches!(byte, b' '..=b'~' | b'\t') && byte != b'=';
        let width = if is_plain { 1 } else { 3 };
        if column + width > LINE_MAX - 1 {
            out.push_str("=\r\n");
            column = 0;
        }
        column += width;
        if is_plain {
            out.push(char::from(byte));
        } else {
            escape(byte, out);
        }
    }
    escape_last_blank(column, out);
}

/// Escapes a blank at the end of a line, which mail servers may cut off.
fn escape_last_blank(column: usize, out: &mut String) {
    if column == 0 || !out.ends_with([' ', '\t']) {
        return;
    }
    let blank = out.pop();
    if column + 2 > LINE_MAX - 1 {
        out.push_str("=\r\n");
    }
    escape(if blank == Some('\t') { b'\t' } else { b' ' }, out);
}

fn escape(byte: u8, out: &mut String) {
    write!(out, "={byte:02X}").expect("a String takes every write");
}

/// Writes a time as `Date` has it, in UTC.
pub(super) fn date(at: Timestamp) -> String {
    const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let Civil { year, month, day, hour, minute, second, .. } = Civil::at(at, 0);
    let weekday = DAYS[usize::from(weekday(day_number(year, month, day)))];
    let month = MONTHS[usize::from(month - 1)];
    format!("{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} +0000")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(text: &str) -> String {
        let mut out = String::new();
        quoted_printable(text, &mut out);
        out
    }

    #[test]
    fn values_are_encoded_where_they_must_be() {
        assert_eq!(header_value("[FIRING:1]  (a = b)?"), "[FIRING:1]  (a = b)?");
        assert_eq!(header_value("Sübject firing \n x"), "=?utf-8?q?S=C3=BCbject_firing_=0A_x?=");
        assert_eq!(header_value("Jürgen <x@y>"), "=?utf-8?q?J=C3=BCrgen_<x@y>?=");
        assert_eq!(header_value("a=b?c_d ü"), "=?utf-8?q?a=3Db=3Fc=5Fd_=C3=BC?=");
        let long = header_value(&"ä".repeat(12));
        let word = "=C3=A4".repeat(10);
        assert_eq!(long, format!("=?utf-8?q?{word}?= =?utf-8?q?=C3=A4=C3=A4?="));
    }

    #[test]
    fn texts_are_broken_and_escaped() {
        assert_eq!(encoded("a=b\tü\nc \r\nd\t\re"), "a=3Db\t=C3=BC\r\nc=20\r\nd=09\r\ne");
        assert_eq!(encoded(&"x".repeat(75)), "x".repeat(75));
        assert_eq!(encoded(&"x".repeat(76)), format!("{}=\r\nx", "x".repeat(75)));
        assert_eq!(
            encoded(&format!("{}ü", "x".repeat(73))),
            format!("{}=\r\n=C3=BC", "x".repeat(73))
        );
        // An escaped blank needs more room than the blank had.
        assert_eq!(encoded(&format!("{} ", "x".repeat(74))), format!("{}=\r\n=20", "x".repeat(74)));
        assert_eq!(encoded(&format!("{} ", "x".repeat(72))), format!("{}=20", "x".repeat(72)));
        assert_eq!(encoded(" \n\n "), "=20\r\n\r\n=20");
    }

    #[test]
    fn dates_are_those_of_mails() {
        assert_eq!(date(Timestamp::from_parts(0, 0)), "Thu, 01 Jan 1970 00:00:00 +0000");
        assert_eq!(
            date(Timestamp::from_parts(1_709_251_201, 5)),
            "Fri, 01 Mar 2024 00:00:01 +0000"
        );
    }

    #[test]
    fn a_mail_without_parts_is_one_boundary() {
        let headers = [("A".to_string(), "b".to_string())];
        let expected = "A: b\r\nContent-Type: multipart/alternative;  boundary=B\r\n\
                        MIME-Version: 1.0\r\n\r\n\r\n--B--\r\n";
        assert_eq!(message(&headers, "B", "", ""), expected.as_bytes());
    }

    proptest! {
        #[test]
        fn quoted_printable_is_short_and_can_be_read(text in "[a-c=ü \t\n\u{0}]{0,300}") {
            let written = encoded(&text);
            let mut read: Vec<u8> = Vec::new();
            for line in written.split("\r\n") {
                prop_assert!(line.len() <= LINE_MAX, "{}", line.len());
                prop_assert!(!line.ends_with([' ', '\t']));
                let (line, is_soft) = line.strip_suffix('=').map_or((line, false), |l| (l, true));
                let mut pieces = line.split('=');
                read.extend(pieces.next().unwrap_or_default().bytes());
                for piece in pieces {
                    let byte = u8::from_str_radix(&piece[..2], 16);
                    read.push(byte.expect("two digits"));
                    read.extend(piece[2..].bytes());
                }
                if !is_soft {
                    read.push(b'\n');
                }
            }
            prop_assert_eq!(read.strip_suffix(b"\n"), Some(text.as_bytes()));
        }

        #[test]
        fn no_value_breaks_its_line(text in any::<String>()) {
            let value = header_value(&text);
            prop_assert!(value.bytes().all(|b| matches!(b, b' '..=b'~' | b'\t')));
        }
    }
}
