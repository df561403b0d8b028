//! A mail as recordings show it: the envelope, and the message without what differs from one to
//! the next.

use campana_core::notify::smtp::Session;
use serde_json::{Value as Json, json};

use super::lossy;

/// Shows what a session would hand in.
pub(super) fn show(session: &Session) -> Json {
    let mail = session.mail();
    let to: Vec<String> = mail.to.iter().map(|to| format!("TO:<{to}>")).collect();
    json!({
        "method": "SMTP",
        "hello": session.hello(),
        "mail_from": format!("FROM:<{}>", mail.from),
        "rcpt_to": to,
        "body": normalize(&mail.content),
    })
}

/// Hides boundary, id and date of a message, and sorts its headers.
fn normalize(content: &[u8]) -> String {
    let whole = lossy(content);
    let Some((head, body)) = whole.split_once("\r\n\r\n") else { return whole };
    let boundary = head.split_once("boundary=").map_or("", |(_, rest)| rest);
    let boundary = boundary.split("\r\n").next().unwrap_or_default();
    let mut lines: Vec<&str> = head
        .split("\r\n")
        .map(|line| match line.split_once(": ") {
            Some(("Date", _)) => "Date: DATE",
            Some(("Message-Id", _)) => "Message-Id: <ID>",
            _ => line,
        })
        .collect();
    lines.sort_unstable();
    let message = format!("{}\r\n\r\n{body}", lines.join("\r\n"));
    match boundary {
        "" => message,
        boundary => message.replace(boundary, "BOUNDARY"),
    }
}
