//! What mail servers say, of any bytes in any pieces: a session ends, and asks for no end of reads.
#![no_main]

use campana_core::notify::{
    Secret,
    smtp::{Login, Mail, Security, Session, Settings, Want},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, Vec<&[u8]>)| {
    let (kind, pieces) = input;
    let security = [Security::None, Security::Required, Security::Implicit];
    let login = Login {
        username: "user".into(),
        identity: String::new(),
        password: Secret::new("SECRET"),
        secret: Secret::new("SECRET"),
        only: None,
    };
    let is_known = kind & 4 == 0;
    let settings = Settings {
        host: "127.0.0.1".into(),
        port: 25,
        hello: "localhost".into(),
        tls: Default::default(),
        security: security[usize::from(kind) % 3],
        login: is_known.then_some(login),
    };
    let mail = Mail {
        from: "a@x".into(),
        to: vec!["b@x".into(), "ü@x".into()],
        content: b"Subject: x\r\n\r\n.\r\n".to_vec(),
    };
    let mut session = Session::new(settings, mail);
    let mut pieces = pieces.into_iter();
    for _ in 0..100_000 {
        match session.next() {
            Want::Done(result) => {
                let error = result.err().filter(|_| is_known);
                return assert!(!error.is_some_and(|it| it.message.contains("SECRET")));
            }
            // The end of the pieces is the end of the connection.
            Want::Read(_) => session.feed(pieces.next().unwrap_or_default()),
            Want::Pack(_) => unreachable!("mails are not packed"),
            Want::StartTls => {}
            Want::Write(bytes) => assert!(!bytes.is_empty()),
        }
    }
    panic!("the session does not end");
});
