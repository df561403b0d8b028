//! A mail server as a receiver: it greets, takes what it is told, and says how it likes it.

use campana_core::notify::{
    Answer, SendError,
    smtp::{Session, Want},
};

/// What a mail server got, and what its client made of the answer.
pub(crate) struct HandedIn {
    /// The mail as it came: dots doubled where lines begin with one.
    pub(crate) content: Vec<u8>,
    pub(crate) result: Result<Answer, SendError>,
}

/// Lets a session hand in its mail to a server that answers the mail with a code of SMTP. TLS is
/// only pretended.
pub(crate) fn hand_in(session: &mut Session, code: u16) -> HandedIn {
    let mut server = Server { code, says: "220 mail.sim\r\n".into(), ..Server::default() };
    loop {
        match session.next() {
            Want::Done(result) => return HandedIn { content: server.content, result },
            // Without anything to say it hangs up.
            Want::Pack(bytes) => session.feed(&bytes),
            Want::Read(_) => session.feed(std::mem::take(&mut server.says).as_bytes()),
            Want::StartTls => server.is_secured = true,
            Want::Write(bytes) => server.hear(&bytes),
        }
    }
}

#[derive(Default)]
struct Server {
    code: u16,
    says: String,
    is_secured: bool,
    is_in_mail: bool,
    content: Vec<u8>,
}

impl Server {
    fn hear(&mut self, bytes: &[u8]) {
        if self.is_in_mail {
            self.content = bytes.strip_suffix(b".\r\n").unwrap_or(bytes).to_vec();
            self.is_in_mail = false;
            self.says = format!("{} so be it\r\n", self.code);
            return;
        }
        let line = String::from_utf8_lossy(bytes);
        self.says = match line.trim_end().split(' ').next().unwrap_or_default() {
            "EHLO" if self.is_secured => "250-mail.sim\r\n250 8BITMIME\r\n",
            "EHLO" => "250-mail.sim\r\n250-STARTTLS\r\n250 8BITMIME\r\n",
            "STARTTLS" => "220 go on\r\n",
            "MAIL" | "RCPT" => "250 fine\r\n",
            "DATA" => {
                self.is_in_mail = true;
                "354 go on\r\n"
            }
            "QUIT" => "221 bye\r\n",
            _ => "500 what\r\n",
        }
        .into();
    }
}
