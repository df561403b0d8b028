use alloc::{
    borrow::ToOwned as _,
    format,
    string::{String, ToString as _},
    vec,
    vec::Vec,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use proptest::prelude::*;

use super::*;
use crate::{limits::SMTP_REPLY_BYTES_MAX, notify::Secret};

const PASSWORD: &str = "s3cret-word";
const SECRET: &str = "sh4red-secret";

fn settings(security: Security, login: Option<Login>) -> Settings {
    Settings {
        host: "mail.example".into(),
        port: 25,
        hello: "am.example".into(),
        tls: TlsConfig::default(),
        security,
        login,
    }
}

fn login(password: &str, secret: &str) -> Login {
    Login {
        username: "user".into(),
        password: Secret::new(password),
        secret: Secret::new(secret),
        ..Login::default()
    }
}

fn mail() -> Mail {
    Mail {
        from: "a@b".into(),
        to: vec!["c@d".into(), "e@f".into()],
        content: b"Subject: x\r\n\r\n.dot\r\nend\r\n".to_vec(),
    }
}

/// Plays a session: what the server says in turn, or `TLS` where TLS is to be made. Returns what
/// the client says, and the result. Without anything more to say, the server hangs up.
fn play(mut session: Session, says: &[&str]) -> (Vec<String>, Result<Answer, SendError>) {
    let mut says = says.iter();
    let mut heard = Vec::new();
    loop {
        match session.next() {
            Want::Done(result) => return (heard, result),
            Want::Read(within) => {
                assert!(within > Duration::ZERO);
                let line = says.next().copied().unwrap_or_default();
                assert_ne!(line, "TLS", "after {heard:?}");
                session.feed(line.as_bytes());
            }
            Want::Pack(_) => panic!("mails are not packed"),
            Want::StartTls => {
                heard.push("TLS".to_string());
                assert_eq!(says.next(), Some(&"TLS"), "after {heard:?}");
            }
            Want::Write(bytes) => {
                heard.push(String::from_utf8(bytes).expect("text").trim_end().to_owned());
            }
        }
    }
}

fn plain(says: &[&str]) -> (Vec<String>, Result<Answer, SendError>) {
    play(Session::new(settings(Security::None, None), mail()), says)
}

/// The error of a session over TLS in which a login comes after the greeting.
fn log_in(login: Login, offers: &str, says: &[&str]) -> (Vec<String>, Result<Answer, SendError>) {
    let ehlo = format!("250-x\r\n250 AUTH {offers}\r\n");
    let mut all = vec!["TLS", "220 x\r\n", &ehlo];
    all.extend(says);
    let (mut heard, result) =
        play(Session::new(settings(Security::Implicit, Some(login)), mail()), &all);
    assert_eq!(heard[..2], ["TLS", "EHLO am.example"]);
    heard.drain(..2);
    (heard, result)
}

#[track_caller]
fn text(result: Result<Answer, SendError>) -> String {
    let error = result.expect_err("a failure");
    assert_eq!(error.kind, SendErrorKind::Connection);
    for secret in [PASSWORD, SECRET] {
        assert!(!error.message.contains(secret), "{}", error.message);
        assert!(!error.message.contains(&STANDARD.encode(secret)), "{}", error.message);
    }
    error.message
}

#[test]
fn a_mail_is_handed_in() {
    let (heard, result) = plain(&[
        "220 mail.example ESMTP\r\n",
        "250-mail.example\r\n250-SIZE 1000\r\n250-8bitmime\r\n250 SMTPUTF8\r\n",
        "250 2.1.0 Ok\r\n",
        "250 2.1.5 Ok\r\n",
        "251 will forward\r\n",
        "354 End data with <CR><LF>.<CR><LF>\r\n",
        "250 2.0.0 Ok: queued as 1\r\n",
        "221 Bye\r\n",
    ]);
    assert_eq!(
        heard,
        [
            "EHLO am.example",
            "MAIL FROM:<a@b> BODY=8BITMIME SMTPUTF8",
            "RCPT TO:<c@d>",
            "RCPT TO:<e@f>",
            "DATA",
            "Subject: x\r\n\r\n..dot\r\nend\r\n.",
            "QUIT",
        ]
    );
    let answer = result.expect("it was accepted");
    assert_eq!((answer.status, &*answer.body), (250, &b"2.0.0 Ok: queued as 1"[..]));
}

#[test]
fn bytes_may_come_in_any_pieces() {
    let replies = [
        "220-a\n220 b\r\n",
        "250 x\r\n",
        "250 x\r\n",
        "250 x\n",
        "250\r\n",
        "354 x\r\n",
        "250 x\r\n",
    ];
    let pieces: Vec<&str> =
        replies.iter().flat_map(|reply| (0..reply.len()).map(|at| &reply[at..=at])).collect();
    let (heard, result) = plain(&pieces);
    assert!(result.is_ok(), "{result:?}");
    assert_eq!(heard.len(), 7, "{heard:?}");
}

#[test]
fn old_servers_are_greeted_in_the_old_way() {
    let (heard, result) = plain(&["220 x\r\n", "502 what?\r\n", "250 x\r\n", "550 no\r\n"]);
    assert_eq!(heard, ["EHLO am.example", "HELO am.example", "MAIL FROM:<a@b>", "QUIT"]);
    assert_eq!(text(result), "send MAIL command: 550 no");
    let (heard, result) = plain(&["220 x\r\n", "421 later\r\n"]);
    assert_eq!(heard, ["EHLO am.example"], "one that hangs up is not asked again");
    assert_eq!(text(result), "send EHLO command: 421 later");
}

#[test]
fn every_refusal_is_an_error() {
    let start = ["220 x\r\n", "250 x\r\n"];
    let after = |says: &[&'static str]| text(plain(&[&start[..], says].concat()).1);
    assert_eq!(text(plain(&["554 no\r\n"]).1), "create SMTP client: 554 no");
    assert_eq!(
        text(plain(&["220 x\r\n", "500 a\r\n", "500-b\r\n500 c\r\n"]).1),
        "send EHLO command: 500 b; c"
    );
    assert_eq!(after(&["250 x\r\n", "550 5.1.1 who?\r\n"]), "send RCPT command: 550 5.1.1 who?");
    let two = ["250 x\r\n", "250 x\r\n", "250 x\r\n"];
    assert_eq!(after(&[&two[..], &["451 no\r\n"]].concat()), "send DATA command: 451 no");
    let data = [&two[..], &["354 x\r\n"]].concat();
    assert_eq!(after(&[&data[..], &["554 spam\r\n"]].concat()), "delivery failure: 554 spam");
    assert_eq!(
        after(&data),
        "delivery failure: EOF: the server closed the connection",
        "nobody knows whether it took the mail"
    );
    let long = format!("554 {}\r\n", "x".repeat(5000));
    assert!(text(plain(&[&long]).1).len() < 2000);
}

#[test]
fn an_accepted_mail_stays_accepted() {
    let taken = ["220 x\r\n", "250 x\r\n", "250 x\r\n", "250 x\r\n", "250 x\r\n", "354 x\r\n"];
    for rest in [&["250 x\r\n"][..], &["250 x\r\n", "garbage\r\n"], &["250 x\r\n421 bye\r\n"]] {
        let (heard, result) = plain(&[&taken[..], rest].concat());
        assert!(result.is_ok(), "{rest:?}: {result:?}");
        assert_eq!(heard.last().map(String::as_str), Some("QUIT"));
    }
    let mut session = Session::new(settings(Security::None, None), mail());
    for line in taken.iter().chain(&["250 x\r\n"]) {
        while !matches!(session.next(), Want::Read(_)) {}
        session.feed(line.as_bytes());
    }
    assert!(matches!(session.next(), Want::Write(bytes) if bytes == b"QUIT\r\n"));
    assert!(matches!(session.next(), Want::Read(within) if within == SMTP_FAREWELL_WAIT));
    let late = SendError { kind: SendErrorKind::Timeout, message: "late".into() };
    session.broken(&late);
    assert!(session.result().is_ok());
    assert!(matches!(session.next(), Want::Done(Ok(_))));
}

#[test]
fn tls_begins_when_it_has_to() {
    let offers = "250-x\r\n250 STARTTLS\r\n";
    let session = |security| Session::new(settings(security, None), mail());
    let (heard, _) = play(
        session(Security::Required),
        &["220 x\r\n", offers, "220 go\r\n", "TLS", "250-x\r\n250 8BITMIME\r\n", "550 no\r\n"],
    );
    let expected = ["EHLO am.example", "STARTTLS", "TLS", "EHLO am.example"];
    assert_eq!(heard[..4], expected);
    assert_eq!(heard[4..], ["MAIL FROM:<a@b> BODY=8BITMIME", "QUIT"]);
    let (heard, _) = play(session(Security::Implicit), &["TLS", "220 x\r\n", offers, "550 no\r\n"]);
    assert_eq!(heard, ["TLS", "EHLO am.example", "MAIL FROM:<a@b>", "QUIT"]);
    let (heard, _) = play(session(Security::None), &["220 x\r\n", offers, "550 no\r\n"]);
    assert_eq!(heard, ["EHLO am.example", "MAIL FROM:<a@b>", "QUIT"]);
    let (heard, result) = play(session(Security::Required), &["220 x\r\n", "250 x\r\n"]);
    assert_eq!(heard, ["EHLO am.example", "QUIT"]);
    assert_eq!(
        text(result),
        "'require_tls' is true (default) but \"mail.example:25\" does not advertise the STARTTLS \
         extension"
    );
    assert_eq!(session(Security::None).tls().server_name.as_deref(), Some("mail.example"));
}

#[test]
fn nothing_said_before_tls_counts_after_it() {
    let session = Session::new(settings(Security::Required, None), mail());
    let says = ["220 x\r\n", "250-x\r\n250 STARTTLS\r\n", "220 go\r\n250 injected\r\n"];
    let (_, result) = play(session, &says);
    assert_eq!(text(result), "send STARTTLS command: the server spoke out of turn");
    let (_, result) = plain(&["220 x\r\n", "250 x\r\n250 x\r\n250 x\r\n"]);
    assert_eq!(text(result), "send EHLO command: the server spoke out of turn");
}

#[test]
fn what_is_no_reply_ends_the_session() {
    let long = format!("220-{}\r\n", "x".repeat(1000)).repeat(SMTP_REPLY_BYTES_MAX / 1000 + 1);
    for (greeting, part) in [
        ("hello\r\n", "does not begin with a code"),
        ("2x0 x\r\n", "does not begin with a code"),
        ("22\r\n", "does not begin with a code"),
        ("020 x\r\n", "does not begin with a code"),
        ("220x\r\n", "does not begin with a code"),
        ("220-a\r\n250 b\r\n", "the code changes"),
        (&long, "too long"),
    ] {
        let (heard, result) = plain(&[greeting]);
        assert_eq!(heard, [""; 0]);
        let text = text(result);
        assert!(text.starts_with("create SMTP client: malformed reply: "), "{text}");
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn every_mechanism_logs_in() {
    let end = ["235 in\r\n", "550 no\r\n"];
    let (heard, _) = log_in(login(PASSWORD, ""), "PLAIN", &end);
    let blob = STANDARD.encode(format!("\0user\0{PASSWORD}"));
    assert_eq!(heard[..2], [format!("AUTH PLAIN {blob}"), "MAIL FROM:<a@b>".into()]);

    let challenges = ["334 VXNlcm5hbWU6\r\n", "334 UGFzc3dvcmQ6\r\n"];
    let (heard, _) = log_in(login(PASSWORD, ""), "LOGIN", &[&challenges[..], &end].concat());
    let expected = ["AUTH LOGIN", "dXNlcg==", &STANDARD.encode(PASSWORD), "MAIL FROM:<a@b>"];
    assert_eq!(heard[..4], expected);

    let challenges = ["334 VXNlciBOYW1lAA==\r\n", "334 UGFzc3dvcmQA\r\n"];
    let (heard, _) = log_in(login(PASSWORD, ""), "LOGIN", &[&challenges[..], &end].concat());
    assert_eq!(heard[..4], expected);

    // The example of RFC 2195.
    let known = Login { username: "tim".into(), ..login("", "tanstaaftanstaaf") };
    let challenge = STANDARD.encode("<1896.697170952@postoffice.reston.mci.net>");
    let says = [&*format!("334 {challenge}\r\n"), "235 in\r\n", "550 no\r\n"];
    let (heard, _) = log_in(known, "CRAM-MD5", &says);
    let response = STANDARD.encode("tim b913a602c7eda7a495b4e6e7334d3890");
    assert_eq!(heard[..3], ["AUTH CRAM-MD5", &*response, "MAIL FROM:<a@b>"]);

    let token = Login { only: Some(Mechanism::Xoauth2), ..login(PASSWORD, "") };
    let (heard, _) = log_in(token.clone(), "PLAIN XOAUTH2", &end);
    let blob = STANDARD.encode(format!("user=user\x01auth=Bearer {PASSWORD}\x01\x01"));
    assert_eq!(heard[..2], [format!("AUTH XOAUTH2 {blob}"), "MAIL FROM:<a@b>".into()]);
    let says = ["334 eyJzdGF0dXMiOiI0MDAifQ==\r\n", "535 5.7.8 bad token\r\n"];
    let (heard, result) = log_in(token, "XOAUTH2", &says);
    assert_eq!(heard[1..], ["", "QUIT"]);
    assert_eq!(text(result), "XOAUTH2 auth: 535 5.7.8 bad token");
}

#[test]
fn long_keys_are_hashed_first() {
    // The sixth example of RFC 2202.
    let code =
        auth::hmac_md5(&[0xaa; 80], b"Test Using Larger Than Block-Size Key - Hash Key First");
    let hex: String = code.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd");
}

#[test]
fn the_servers_order_chooses_what_is_usable() {
    let first = |login, offers| log_in(login, offers, &["235 in\r\n"]).0[0].clone();
    assert!(
        first(login(PASSWORD, SECRET), "XOAUTH2 login PLAIN CRAM-MD5").starts_with("AUTH LOGIN")
    );
    assert!(first(login(PASSWORD, SECRET), "CRAM-MD5 PLAIN").starts_with("AUTH CRAM-MD5"));
    assert!(first(login(PASSWORD, ""), "CRAM-MD5 PLAIN").starts_with("AUTH PLAIN"));
    let only = |only| Login { only: Some(only), ..login(PASSWORD, SECRET) };
    assert!(first(only(Mechanism::CramMd5), "PLAIN CRAM-MD5").starts_with("AUTH CRAM-MD5"));
    let error = |login, offers| text(log_in(login, offers, &[]).1);
    assert_eq!(
        error(login("", ""), "CRAM-MD5 GSSAPI LOGIN"),
        "find auth mechanism: missing secret for CRAM-MD5 auth mechanism; unknown auth mechanism: \
         GSSAPI; missing password for LOGIN auth mechanism"
    );
    assert_eq!(
        error(only(Mechanism::Xoauth2), "PLAIN LOGIN"),
        "find auth mechanism: auth_mechanism is XOAUTH2, but the server offers only: PLAIN LOGIN"
    );
    assert_eq!(
        error(login(PASSWORD, ""), ""),
        "find auth mechanism: the server offers no auth mechanism"
    );
}

#[test]
fn no_account_or_no_offer_needs_no_login() {
    let offers = "250-x\r\n250 AUTH PLAIN\r\n";
    let (heard, _) = plain(&["220 x\r\n", offers, "550 no\r\n"]);
    assert_eq!(heard[1], "MAIL FROM:<a@b>");
    let session = Session::new(settings(Security::None, Some(login(PASSWORD, ""))), mail());
    let (heard, _) = play(session, &["220 x\r\n", "250 x\r\n", "550 no\r\n"]);
    assert_eq!(heard[1], "MAIL FROM:<a@b>");
}

#[test]
fn passwords_are_not_sent_where_they_can_be_overheard() {
    let says = ["220 x\r\n", "250-x\r\n250 AUTH PLAIN LOGIN\r\n", "235 in\r\n"];
    let open = |host: &str| {
        let settings =
            Settings { host: host.into(), ..settings(Security::None, Some(login(PASSWORD, ""))) };
        play(Session::new(settings, mail()), &says)
    };
    let (heard, result) = open("mail.example");
    assert_eq!(heard, ["EHLO am.example", "QUIT"]);
    assert_eq!(text(result), "PLAIN auth: unencrypted connection");
    assert!(open("127.0.0.1").0[1].starts_with("AUTH PLAIN "));
}

#[test]
fn odd_challenges_and_refusals_end_the_session() {
    for (offers, says, expected) in [
        ("LOGIN", &["334 SGVsbG8=\r\n"][..], "LOGIN auth: unexpected server challenge"),
        ("LOGIN", &["334 ?\r\n"], "LOGIN auth: a challenge that is not base64"),
        ("PLAIN", &["334 \r\n"], "PLAIN auth: unexpected server challenge"),
        (
            "CRAM-MD5",
            &["334 eA==\r\n", "334 eA==\r\n"],
            "CRAM-MD5 auth: unexpected server challenge",
        ),
        ("PLAIN", &["535 5.7.8 no\r\n"], "PLAIN auth: 535 5.7.8 no"),
        ("PLAIN", &[], "PLAIN auth: EOF: the server closed the connection"),
    ] {
        let (_, result) = log_in(login(PASSWORD, SECRET), offers, says);
        assert_eq!(text(result), expected);
    }
}

#[test]
fn servers_that_repeat_credentials_are_not_quoted() {
    let blob = STANDARD.encode(format!("\0user\0{PASSWORD}"));
    let says = format!("535 {PASSWORD} {} {blob}\r\n", STANDARD.encode(PASSWORD));
    let (_, result) = log_in(login(PASSWORD, SECRET), "PLAIN", &[&says]);
    assert_eq!(text(result), "PLAIN auth: 535 <redacted> <redacted> <redacted>");
}

#[test]
fn odd_addresses_need_a_server_that_takes_them() {
    let session = || {
        let mail = Mail { from: "jörg@b".into(), ..mail() };
        Session::new(settings(Security::None, None), mail)
    };
    let (heard, result) = play(session(), &["220 x\r\n", "250 x\r\n"]);
    assert_eq!(heard, ["EHLO am.example", "QUIT"]);
    assert!(text(result).contains("needs the extension SMTPUTF8"));
    let (heard, _) = play(session(), &["220 x\r\n", "250-x\r\n250 SMTPUTF8\r\n", "550 no\r\n"]);
    assert_eq!(heard[1], "MAIL FROM:<jörg@b> SMTPUTF8");
}

#[test]
fn what_cannot_be_done_is_told_with_what_it_was() {
    let error =
        |message: &str| SendError { kind: SendErrorKind::Connection, message: message.into() };
    let mut session = Session::new(settings(Security::None, None), mail());
    session.broken(&error("connect: connection refused"));
    assert!(matches!(session.next(), Want::Done(Err(_))));
    assert_eq!(
        text(session.result()),
        "establish connection to server: connect: connection refused"
    );
    let mut session = Session::new(settings(Security::Implicit, None), mail());
    assert!(matches!(session.next(), Want::StartTls));
    session.broken(&error("tls: no"));
    assert_eq!(text(session.result()), "establish TLS connection to server: tls: no");
}

#[test]
fn nothing_shown_holds_a_credential() {
    let mut session =
        Session::new(settings(Security::Implicit, Some(login(PASSWORD, SECRET))), mail());
    let mut says = ["220 x\r\n", "250-x\r\n250 AUTH PLAIN\r\n"].iter();
    loop {
        let want = session.next();
        for shown in [format!("{want:?}"), format!("{session:?}")] {
            assert!(!shown.contains(PASSWORD) && !shown.contains("AUTH"), "{shown}");
        }
        if let Want::Read(_) = want {
            match says.next() {
                Some(line) => session.feed(line.as_bytes()),
                None => break,
            }
        }
    }
}

#[test]
fn mails_end_with_one_dot() {
    assert_eq!(stuffed(b""), b"\r\n.\r\n");
    assert_eq!(stuffed(b"a"), b"a\r\n.\r\n");
    assert_eq!(stuffed(b".\r\n..\r\na.\r\n"), b"..\r\n...\r\na.\r\n.\r\n");
}

/// Bytes as a server might send them: replies mostly right, with odd things between.
fn says() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let word = prop_oneof![
        Just("220"),
        Just("250"),
        Just("250-"),
        Just("235"),
        Just("334"),
        Just("354"),
        Just("421"),
        Just("550"),
        Just(" "),
        Just("\r\n"),
        Just("\r\n"),
        Just("STARTTLS"),
        Just("AUTH PLAIN LOGIN"),
        Just("AUTH CRAM-MD5"),
        Just("VXNlcm5hbWU6"),
        Just("UGFzc3dvcmQ6"),
        Just("x"),
        Just(PASSWORD),
        Just(SECRET),
    ];
    let line = prop_oneof![
        6 => prop::collection::vec(word, 1..6).prop_map(|words| words.concat().into_bytes()),
        6 => prop_oneof![
            Just("220 x\r\n"), Just("250 x\r\n"), Just("250-x\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n"),
            Just("250-x\r\n250 AUTH CRAM-MD5 LOGIN\r\n"), Just("235 in\r\n"), Just("354 x\r\n"),
            Just("334 VXNlcm5hbWU6\r\n"), Just("334 UGFzc3dvcmQ6\r\n"),
        ].prop_map(|line| line.as_bytes().to_vec()),
        1 => any::<Vec<u8>>(),
    ];
    prop::collection::vec(line, 0..20)
}

proptest! {
    #[test]
    fn no_server_makes_it_panic_or_leak(
        says in says(),
        security in prop_oneof![
            Just(Security::None), Just(Security::Required), Just(Security::Implicit)
        ],
        is_local in any::<bool>(),
    ) {
        let mut settings = settings(security, Some(login(PASSWORD, SECRET)));
        if is_local {
            settings.host = "localhost".into();
        }
        let mut session = Session::new(settings, mail());
        let mut says = says.into_iter();
        let mut accepted = false;
        for _ in 0..1000 {
            match session.next() {
                Want::Done(result) => {
                    prop_assert_eq!(result.is_ok(), accepted);
                    if let Err(error) = result {
                        let coded = STANDARD.encode(PASSWORD);
                        for secret in [PASSWORD, SECRET, &coded] {
                            prop_assert!(!error.message.contains(secret), "{}", error.message);
                        }
                    }
                    return Ok(());
                }
                Want::Read(_) => session.feed(&says.next().unwrap_or_default()),
                Want::Pack(_) => panic!("mails are not packed"),
                Want::StartTls => {}
                // It ends well exactly when QUIT is said with the mail accepted.
                Want::Write(bytes) => accepted = bytes == b"QUIT\r\n" && session.result().is_ok(),
            }
        }
        prop_assert!(false, "it does not end");
    }
}
