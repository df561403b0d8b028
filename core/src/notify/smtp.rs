//! SMTP, the client's side, as a machine without I/O: bytes of the server in, bytes for it out.
//!
//! A [`Session`] hands in one mail. The runtime connects, then does what [`Session::next`] asks for
//! until that is [`Want::Done`]; what goes wrong on the way it reports with [`Session::broken`].
//! From the server's word that it has the mail on, nothing can make it a failure any more.
//!
//! One command at a time: bytes that come before they are asked for could be taken for the answer
//! to what follows, so they end the session. That also covers what somebody between client and
//! server puts in front of the encrypted part.

mod auth;
mod reply;
#[cfg(test)]
mod tests;

use alloc::{
    format,
    string::{String, ToString as _},
    vec::Vec,
};
use core::{fmt, mem, time::Duration};

pub use self::auth::{Login, Mechanism};
use self::{
    auth::Exchange,
    reply::{Buffer, Reply},
};
pub use super::dialogue::Want;
use super::{
    Answer, SendError, SendErrorKind,
    dialogue::Dialogue,
    http::TlsConfig,
    request::{Hidden, shorten},
};
use crate::limits::{
    ERROR_DETAIL_BYTES_MAX, SMTP_ACCEPT_WAIT, SMTP_FAREWELL_WAIT, SMTP_REPLY_WAIT,
};

/// What a session needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The server's name or address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// What the server is greeted with.
    pub hello: String,
    /// How TLS is made.
    pub tls: TlsConfig,
    /// When TLS is made.
    pub security: Security,
    /// Who the client is, unless it has no account.
    pub login: Option<Login>,
}

/// When TLS begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// With the connection.
    Implicit,
    /// By STARTTLS, which the server has to offer.
    Required,
    /// Never.
    None,
}

/// What a session hands in.
#[derive(Clone, Default)]
pub struct Mail {
    /// The sender's address.
    pub from: String,
    /// The recipients' addresses.
    pub to: Vec<String>,
    /// Headers and body, lines ending with CR LF.
    pub content: Vec<u8>,
}

/// One mail on its way to a server.
pub struct Session {
    settings: Settings,
    mail: Mail,
    state: State,
    buffer: Buffer,
    offers: Offers,
    is_secured: bool,
    hidden: Hidden,
    result: Option<Result<Answer, SendError>>,
}

/// Where a session stands.
enum State {
    /// The connection is not there yet.
    Dialing,
    /// TLS is to be made next.
    Upgrading,
    /// TLS is being made.
    Securing,
    /// There is something to write, whose answer is awaited then.
    Speaking(Vec<u8>, Stage),
    /// An answer is awaited.
    Listening(Stage),
    Over,
}

/// What the server's next answer is about.
#[derive(Clone, Debug)]
enum Stage {
    Greeting,
    Ehlo,
    Helo,
    StartTls,
    Auth(Exchange),
    Mail,
    /// The recipient of this number.
    Rcpt(usize),
    Data,
    Content,
    Quit,
}

impl Stage {
    /// What error texts begin with.
    fn doing(&self) -> String {
        match self {
            Self::Greeting => "create SMTP client",
            Self::Ehlo | Self::Helo => "send EHLO command",
            Self::StartTls => "send STARTTLS command",
            Self::Auth(exchange) => return format!("{} auth", exchange.mechanism.as_str()),
            Self::Mail => "send MAIL command",
            Self::Rcpt(_) => "send RCPT command",
            Self::Data => "send DATA command",
            Self::Content => "delivery failure",
            Self::Quit => "send QUIT command",
        }
        .to_string()
    }

    /// How long the server may think.
    const fn patience(&self) -> Duration {
        match self {
            Self::Content => SMTP_ACCEPT_WAIT,
            Self::Quit => SMTP_FAREWELL_WAIT,
            _ => SMTP_REPLY_WAIT,
        }
    }
}

/// What the server says it can do.
#[derive(Clone, Debug, Default)]
struct Offers {
    start_tls: bool,
    eight_bit: bool,
    utf8: bool,
    /// The mechanisms in the server's order; `None` without AUTH.
    auth: Option<Vec<String>>,
}

impl Offers {
    /// Reads the answer to EHLO. Its first line is the server's name.
    fn read(reply: &Reply) -> Self {
        let mut offers = Self::default();
        for line in reply.lines.iter().skip(1) {
            let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
            match &*name.to_ascii_uppercase() {
                "STARTTLS" => offers.start_tls = true,
                "8BITMIME" => offers.eight_bit = true,
                "SMTPUTF8" => offers.utf8 = true,
                "AUTH" => {
                    let words = rest.split_ascii_whitespace().map(str::to_ascii_uppercase);
                    offers.auth = Some(words.collect());
                }
                _ => {}
            }
        }
        offers
    }
}

impl Session {
    /// Makes a session of which nothing has happened yet.
    pub fn new(settings: Settings, mail: Mail) -> Self {
        let mut hidden = Hidden::default();
        if let Some(login) = &settings.login {
            login.hide(&mut hidden);
        }
        Self {
            settings,
            mail,
            state: State::Dialing,
            buffer: Buffer::default(),
            offers: Offers::default(),
            is_secured: false,
            hidden,
            result: None,
        }
    }

    /// Returns the server's name or address, and its port.
    pub fn place(&self) -> (&str, u16) {
        (&self.settings.host, self.settings.port)
    }

    /// Returns what the server is greeted with.
    pub fn hello(&self) -> &str {
        &self.settings.hello
    }

    /// Returns how TLS is to be made. It always names the server.
    pub fn tls(&self) -> TlsConfig {
        let mut tls = self.settings.tls.clone();
        if tls.server_name.as_deref().is_none_or(str::is_empty) {
            tls.server_name = Some(self.settings.host.as_str().into());
        }
        tls
    }

    /// Returns what is handed in.
    pub const fn mail(&self) -> &Mail {
        &self.mail
    }

    /// Returns what to do next, the last thing having been done. The first call says that the
    /// connection is there.
    #[allow(clippy::should_implement_trait, reason = "it never ends with `None`")]
    pub fn next(&mut self) -> Want {
        loop {
            match mem::replace(&mut self.state, State::Over) {
                State::Dialing if self.settings.security == Security::Implicit => {
                    self.state = State::Upgrading;
                }
                State::Dialing => self.state = State::Listening(Stage::Greeting),
                State::Upgrading => {
                    self.state = State::Securing;
                    return Want::StartTls;
                }
                State::Securing => {
                    self.is_secured = true;
                    match self.settings.security {
                        Security::Implicit => self.state = State::Listening(Stage::Greeting),
                        Security::Required | Security::None => self.greet(),
                    }
                }
                State::Speaking(bytes, stage) => {
                    self.state = match stage {
                        // Whoever failed does not wait for the server's goodbye.
                        Stage::Quit if !matches!(self.result, Some(Ok(_))) => State::Over,
                        stage => State::Listening(stage),
                    };
                    return Want::Write(bytes);
                }
                State::Listening(stage) => match self.buffer.take() {
                    Ok(None) => {
                        let patience = stage.patience();
                        self.state = State::Listening(stage);
                        return Want::Read(patience);
                    }
                    Ok(Some(reply)) => self.hear(stage, &reply),
                    Err(fault) => self.end(&stage, &fault),
                },
                State::Over => return Want::Done(self.result()),
            }
        }
    }

    /// Takes bytes of the server; none means that it closed the connection.
    pub fn feed(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            let message = String::from("EOF: the server closed the connection");
            self.broken(&SendError { kind: SendErrorKind::Connection, message });
        } else {
            self.buffer.put(bytes);
        }
    }

    /// Takes the news that the last thing asked for cannot be done. The error's text must not hold
    /// a credential.
    pub fn broken(&mut self, error: &SendError) {
        let doing = match mem::replace(&mut self.state, State::Over) {
            State::Dialing => String::from("establish connection to server"),
            State::Upgrading | State::Securing if self.settings.security == Security::Implicit => {
                String::from("establish TLS connection to server")
            }
            State::Upgrading | State::Securing => Stage::StartTls.doing(),
            State::Speaking(_, stage) | State::Listening(stage) => stage.doing(),
            State::Over => return,
        };
        if self.result.is_none() {
            let message = format!("{doing}: {}", error.message);
            self.result = Some(Err(SendError { kind: error.kind, message }));
        }
    }

    /// Returns how the session ended, once it is done or broken.
    ///
    /// # Errors
    /// Why the mail is not there, or why nobody knows whether it is.
    pub fn result(&self) -> Result<Answer, SendError> {
        self.result.clone().unwrap_or_else(|| {
            let message = String::from("internal error: the session ended without a result");
            Err(SendError { kind: SendErrorKind::Connection, message })
        })
    }

    /// Goes on after an answer.
    fn hear(&mut self, stage: Stage, reply: &Reply) {
        // After these, what comes next matters no more.
        let is_last = matches!(stage, Stage::Content | Stage::Quit);
        if !self.buffer.is_empty() && !is_last {
            return self.end(&stage, "the server spoke out of turn");
        }
        let code = reply.code;
        match stage {
            Stage::Greeting if code == 220 => self.greet(),
            Stage::Ehlo if code == 250 => {
                self.offers = Offers::read(reply);
                self.secure();
            }
            Stage::Ehlo if code != 421 && !self.is_secured => {
                let hello = self.settings.hello.clone();
                self.say(&format!("HELO {hello}"), Stage::Helo);
            }
            Stage::Helo if code == 250 => self.secure(),
            Stage::StartTls if code == 220 => self.state = State::Upgrading,
            Stage::Auth(exchange) => self.hear_auth(exchange, reply),
            Stage::Mail if code == 250 => self.say_recipient(0),
            Stage::Rcpt(number) if code / 10 == 25 => self.say_recipient(number + 1),
            Stage::Data if code == 354 => {
                let content = stuffed(&mem::take(&mut self.mail.content));
                self.state = State::Speaking(content, Stage::Content);
            }
            Stage::Content if code == 250 => {
                let body = reply.text().into_bytes();
                self.result = Some(Ok(Answer { status: code, headers: Vec::new(), body }));
                self.say("QUIT", Stage::Quit);
            }
            // Whatever it says, the mail is there.
            Stage::Quit => {}
            stage => self.refuse(&stage, reply),
        }
    }

    fn greet(&mut self) {
        let hello = self.settings.hello.clone();
        self.say(&format!("EHLO {hello}"), Stage::Ehlo);
    }

    /// Makes the connection secure, if it has to be, and goes on.
    fn secure(&mut self) {
        if self.settings.security != Security::Required || self.is_secured {
            return self.log_in();
        }
        if self.offers.start_tls {
            return self.say("STARTTLS", Stage::StartTls);
        }
        let (host, port) = self.place();
        let error = format!(
            "'require_tls' is true (default) but \"{host}:{port}\" does not advertise the \
             STARTTLS extension"
        );
        self.fail(error);
    }

    fn log_in(&mut self) {
        let (Some(login), Some(offered)) = (&self.settings.login, &self.offers.auth) else {
            return self.say_sender();
        };
        let mechanism = match login.choose(offered) {
            Ok(mechanism) => mechanism,
            Err(error) => return self.fail(format!("find auth mechanism: {error}")),
        };
        let is_private = self.is_secured || is_local(&self.settings.host);
        let begun = Exchange::begin(mechanism, login, is_private);
        match begun {
            Ok((exchange, command)) => self.say_secret(&command, exchange),
            Err(error) => self.fail(format!("{} auth: {error}", mechanism.as_str())),
        }
    }

    fn hear_auth(&mut self, mut exchange: Exchange, reply: &Reply) {
        match (reply.code, &self.settings.login) {
            (235, _) => self.say_sender(),
            (334, Some(login)) => match exchange.respond(&reply.text(), login) {
                Ok(response) => self.say_secret(&response, exchange),
                Err(error) => self.end(&Stage::Auth(exchange), error),
            },
            _ => self.refuse(&Stage::Auth(exchange), reply),
        }
    }

    fn say_sender(&mut self) {
        let mail = &self.mail;
        let odd = [&mail.from].into_iter().chain(&mail.to).find(|address| !address.is_ascii());
        if let (false, Some(address)) = (self.offers.utf8, odd) {
            let error = format!(
                "send MAIL command: the address {address:?} needs the extension SMTPUTF8, which \
                 the server does not advertise"
            );
            return self.fail(error);
        }
        let eight_bit = if self.offers.eight_bit { " BODY=8BITMIME" } else { "" };
        let utf8 = if self.offers.utf8 { " SMTPUTF8" } else { "" };
        let line = format!("MAIL FROM:<{}>{eight_bit}{utf8}", self.mail.from);
        self.say(&line, Stage::Mail);
    }

    fn say_recipient(&mut self, number: usize) {
        match self.mail.to.get(number) {
            Some(to) => self.say(&format!("RCPT TO:<{to}>"), Stage::Rcpt(number)),
            None => self.say("DATA", Stage::Data),
        }
    }

    fn say(&mut self, line: &str, stage: Stage) {
        if line.contains(['\r', '\n', '\0']) {
            return self.fail(format!("{}: a line break in a command", stage.doing()));
        }
        self.state = State::Speaking(format!("{line}\r\n").into_bytes(), stage);
    }

    /// Says something that no error text may show, even if the server repeats it.
    fn say_secret(&mut self, line: &str, exchange: Exchange) {
        let secret = match line.strip_prefix("AUTH ") {
            Some(rest) => rest.split_once(' ').map_or("", |(_, initial)| initial),
            None => line,
        };
        self.hidden.add(secret);
        self.say(line, Stage::Auth(exchange));
    }

    /// Ends the session because of an answer.
    fn refuse(&mut self, stage: &Stage, reply: &Reply) {
        let text = format!("{} {}", reply.code, reply.text());
        self.result = Some(Err(self.error(&stage.doing(), &text)));
        // One that has said 421 listens no more, and one in the middle of AUTH takes only answers.
        if reply.code != 421 {
            self.say("QUIT", Stage::Quit);
        }
    }

    /// Ends the session because the server does not follow the protocol.
    fn end(&mut self, stage: &Stage, error: &str) {
        if self.result.is_none() {
            self.result = Some(Err(self.error(&stage.doing(), error)));
        }
    }

    /// Ends the session of its own accord.
    fn fail(&mut self, message: String) {
        self.result = Some(Err(SendError { kind: SendErrorKind::Connection, message }));
        self.say("QUIT", Stage::Quit);
    }

    /// Makes an error of a text that may come from the server.
    fn error(&self, doing: &str, text: &str) -> SendError {
        let text = shorten(self.hidden.hide(text), ERROR_DETAIL_BYTES_MAX);
        SendError { kind: SendErrorKind::Connection, message: format!("{doing}: {text}") }
    }
}

/// Returns a mail's content as it follows DATA: lines that begin with a dot get another one, and a
/// line with one dot ends it.
fn stuffed(content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len() + content.len() / 64 + 5);
    for line in content.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(b".") {
            out.push(b'.');
        }
        out.extend_from_slice(line);
    }
    if !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
    out
}

/// Tells whether what is said to a host cannot be overheard on the way.
fn is_local(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1" | "::1")
}

/// Mails are long and commands may hold credentials, so neither is shown.
impl Dialogue for Session {
    fn place(&self) -> (&str, u16) {
        self.place()
    }

    fn tls(&self) -> TlsConfig {
        self.tls()
    }

    fn protocol(&self) -> Option<&'static [u8]> {
        None
    }

    fn next(&mut self) -> Want {
        self.next()
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.feed(bytes);
    }

    fn broken(&mut self, error: &SendError) {
        self.broken(error);
    }

    fn result(&self) -> Result<Answer, SendError> {
        self.result()
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (host, port) = self.place();
        f.debug_struct("Session")
            .field("host", &host)
            .field("port", &port)
            .field("mail", &self.mail)
            .field("result", &self.result)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mail")
            .field("from", &self.from)
            .field("to", &self.to)
            .field("bytes", &self.content.len())
            .finish()
    }
}
