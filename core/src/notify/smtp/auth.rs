//! Who the client is: the mechanisms of AUTH.

use alloc::{
    format,
    string::{String, ToString as _},
    vec::Vec,
};
use core::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use md5::{Digest as _, Md5};

use crate::notify::{Secret, request::Hidden};

/// An account at a mail server.
#[derive(Clone, Debug, Default)]
pub struct Login {
    /// The user.
    pub username: String,
    /// Who to act as, for PLAIN; mostly empty.
    pub identity: String,
    /// The password for PLAIN and LOGIN, and the access token for XOAUTH2.
    pub password: Secret,
    /// The shared secret for CRAM-MD5.
    pub secret: Secret,
    /// The only mechanism to use; `None` takes the first usable one of the server's list.
    pub only: Option<Mechanism>,
}

/// A way to prove who the client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// `CRAM-MD5`: proves to know a secret without telling it.
    CramMd5,
    /// `LOGIN`: user and password, one after the other.
    Login,
    /// `PLAIN`: user and password at once.
    Plain,
    /// `XOAUTH2`: an access token.
    Xoauth2,
}

impl Mechanism {
    /// Reads a mechanism as servers and the configuration name it.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "CRAM-MD5" => Self::CramMd5,
            "LOGIN" => Self::Login,
            "PLAIN" => Self::Plain,
            "XOAUTH2" => Self::Xoauth2,
            _ => return None,
        })
    }

    /// Returns the mechanism as servers name it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CramMd5 => "CRAM-MD5",
            Self::Login => "LOGIN",
            Self::Plain => "PLAIN",
            Self::Xoauth2 => "XOAUTH2",
        }
    }
}

impl Login {
    /// Adds what error texts must not show.
    pub(super) fn hide(&self, hidden: &mut Hidden) {
        for secret in [&self.password, &self.secret] {
            hidden.add(secret.expose());
            hidden.add(&STANDARD.encode(secret.expose()));
        }
    }

    /// Chooses a mechanism of those that the server offers, in its order.
    pub(super) fn choose(&self, offered: &[String]) -> Result<Mechanism, String> {
        if let Some(only) = self.only {
            return if offered.iter().any(|word| word == only.as_str()) {
                self.check(only).map(|()| only)
            } else {
                let (only, offered) = (only.as_str(), offered.join(" "));
                Err(format!("auth_mechanism is {only}, but the server offers only: {offered}"))
            };
        }
        let mut reasons: Vec<String> = Vec::new();
        for word in offered {
            match Mechanism::parse(word) {
                // An access token looks like a password; only the operator knows which one it is.
                None | Some(Mechanism::Xoauth2) => {
                    reasons.push(format!("unknown auth mechanism: {word}"));
                }
                Some(mechanism) => match self.check(mechanism) {
                    Ok(()) => return Ok(mechanism),
                    Err(reason) => reasons.push(reason),
                },
            }
        }
        match reasons.is_empty() {
            true => Err("the server offers no auth mechanism".to_string()),
            false => Err(reasons.join("; ")),
        }
    }

    fn check(&self, mechanism: Mechanism) -> Result<(), String> {
        let (what, secret) = match mechanism {
            Mechanism::CramMd5 => ("secret", &self.secret),
            Mechanism::Login | Mechanism::Plain => ("password", &self.password),
            Mechanism::Xoauth2 => ("password (the access token)", &self.password),
        };
        match secret.is_empty() {
            true => Err(format!("missing {what} for {} auth mechanism", mechanism.as_str())),
            false => Ok(()),
        }
    }
}

/// A mechanism at work.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    pub(super) mechanism: Mechanism,
    /// How many challenges were answered.
    answered: usize,
}

impl Exchange {
    /// Returns the command that begins it.
    pub(super) fn begin(
        mechanism: Mechanism,
        login: &Login,
        is_private: bool,
    ) -> Result<(Self, String), &'static str> {
        let name = mechanism.as_str();
        let user = &login.username;
        let command = match mechanism {
            Mechanism::Plain | Mechanism::Xoauth2 if !is_private => {
                return Err("unencrypted connection");
            }
            Mechanism::CramMd5 | Mechanism::Login => format!("AUTH {name}"),
            Mechanism::Plain => {
                let (identity, password) = (&login.identity, login.password.expose());
                let blob = STANDARD.encode(format!("{identity}\0{user}\0{password}"));
                format!("AUTH {name} {blob}")
            }
            Mechanism::Xoauth2 => {
                let token = login.password.expose();
                let blob = format!("user={user}\x01auth=Bearer {token}\x01\x01");
                format!("AUTH {name} {}", STANDARD.encode(blob))
            }
        };
        Ok((Self { mechanism, answered: 0 }, command))
    }

    /// Answers a challenge, both in base64.
    pub(super) fn respond(
        &mut self,
        challenge: &str,
        login: &Login,
    ) -> Result<String, &'static str> {
        const UNEXPECTED: &str = "unexpected server challenge";
        let challenge =
            STANDARD.decode(challenge.trim()).map_err(|_| "a challenge that is not base64")?;
        self.answered += 1;
        match (self.mechanism, self.answered) {
            (Mechanism::CramMd5, 1) => {
                let code = hmac_md5(login.secret.expose().as_bytes(), &challenge);
                let mut response = format!("{} ", login.username);
                for byte in code {
                    write!(response, "{byte:02x}").expect("a String takes every write");
                }
                Ok(STANDARD.encode(response))
            }
            // Most servers ask in these words, and some in those of the draft that never was a
            // standard: `User Name` and `Password`, with a zero byte at the end.
            (Mechanism::Login, 1 | 2) => match challenge.to_ascii_lowercase().trim_ascii_end() {
                b"username:" | b"user name\0" => Ok(STANDARD.encode(&login.username)),
                b"password:" | b"password\0" => Ok(STANDARD.encode(login.password.expose())),
                _ => Err(UNEXPECTED),
            },
            // The challenge says why the token is refused; an empty answer gets the real one.
            (Mechanism::Xoauth2, 1) => Ok(String::new()),
            _ => Err(UNEXPECTED),
        }
    }
}

/// The keyed hash of RFC 2104 over MD5, as RFC 2195 wants it.
pub(super) fn hmac_md5(key: &[u8], message: &[u8]) -> [u8; 16] {
    let mut block = [0_u8; 64];
    if key.len() > block.len() {
        block[..16].copy_from_slice(&Md5::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let pad = |with: u8| block.map(|byte| byte ^ with);
    let inner = Md5::new().chain_update(pad(0x36)).chain_update(message).finalize();
    Md5::new().chain_update(pad(0x5c)).chain_update(inner).finalize().into()
}
