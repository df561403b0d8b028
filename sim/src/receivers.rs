//! Whom the hosts tell: servers by name that write down what they get and answer as told.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use campana_core::{
    notify::{Answer, Exchange, SendError, SendErrorKind, smtp::Session},
    time::Instant,
};

use crate::{host::HostId, mail::hand_in};

/// How a receiver treats requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Answers after a while.
    Answers {
        /// The status code.
        status: u16,
        /// Header lines; names in lower case.
        headers: Vec<(String, String)>,
        /// How long it thinks.
        after: Duration,
    },
    /// Takes requests and never answers.
    Hangs,
    /// Refuses connections: the request is not received.
    Refuses,
}

impl Behaviour {
    /// Answers with a status, at once.
    pub const fn answers(status: u16) -> Self {
        Self::Answers { status, headers: Vec::new(), after: Duration::ZERO }
    }
}

/// A request that a receiver got.
#[derive(Clone, Debug)]
pub struct Received {
    /// When.
    pub at: Instant,
    /// From whom.
    pub from: HostId,
    /// The body.
    pub body: Arc<[u8]>,
    /// The status it is answered with; 0 for none.
    pub status: u16,
}

/// What comes of a request at its receiver.
#[derive(Clone, Debug)]
pub(crate) enum Fate {
    /// This, after a while.
    After(Duration, Result<Answer, SendError>),
    /// Nothing, ever.
    Nothing,
}

/// All receivers. One that was never set answers 200 to everything.
#[derive(Clone, Debug, Default)]
pub struct Receivers {
    behaviours: BTreeMap<String, Behaviour>,
    /// Where the way from one host differs.
    ways: BTreeMap<(HostId, String), Behaviour>,
    received: BTreeMap<String, Vec<Received>>,
}

impl Receivers {
    /// Changes how the receiver of a host name treats requests that reach it from now on.
    pub fn behave(&mut self, name: &str, behaviour: Behaviour) {
        self.behaviours.insert(name.to_owned(), behaviour);
    }

    /// Changes how a receiver treats the requests of one host; `None` as everybody else's.
    pub fn behave_to(&mut self, from: HostId, name: &str, behaviour: Option<Behaviour>) {
        let key = (from, name.to_owned());
        match behaviour {
            Some(behaviour) => self.ways.insert(key, behaviour),
            None => self.ways.remove(&key),
        };
    }

    /// Returns what a receiver got, in order.
    pub fn received(&self, name: &str) -> &[Received] {
        self.received.get(name).map_or(&[], Vec::as_slice)
    }

    /// Returns the names of the receivers that got anything.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.received.keys().map(String::as_str)
    }

    pub(crate) fn take(&mut self, at: Instant, from: HostId, exchange: &Exchange) -> Fate {
        let name = host_name(exchange.url.expose());
        let (status, fate) = match self.behaviour(from, name, 200) {
            Behaviour::Refuses => return Fate::After(Duration::ZERO, Err(refused())),
            Behaviour::Hangs => (0, Fate::Nothing),
            Behaviour::Answers { status, headers, after } => {
                (status, Fate::After(after, Ok(Answer { status, headers, body: Vec::new() })))
            }
        };
        let received = Received { at, from, body: exchange.body.clone(), status };
        self.received.entry(name.to_owned()).or_default().push(received);
        fate
    }

    /// Takes a mail, as the receiver `host:port`. The status of [`Behaviour::Answers`] is the code
    /// that it answers the mail with; a status of HTTP that means success stands for 250.
    pub(crate) fn take_mail(&mut self, at: Instant, from: HostId, mut session: Session) -> Fate {
        let (host, port) = session.place();
        let name = format!("{host}:{port}");
        let (status, fate, body) = match self.behaviour(from, &name, 250) {
            Behaviour::Refuses => {
                session.broken(&refused());
                return Fate::After(Duration::ZERO, session.result());
            }
            Behaviour::Hangs => (0, Fate::Nothing, Vec::new()),
            Behaviour::Answers { status, after, .. } => {
                let code = if (200..300).contains(&status) { 250 } else { status };
                let handed_in = hand_in(&mut session, code);
                (code, Fate::After(after, handed_in.result), handed_in.content)
            }
        };
        let received = Received { at, from, body: body.into(), status };
        self.received.entry(name).or_default().push(received);
        fate
    }

    fn behaviour(&self, from: HostId, name: &str, usual: u16) -> Behaviour {
        let way = self.ways.get(&(from, name.to_owned()));
        let behaviour = way.or_else(|| self.behaviours.get(name));
        behaviour.cloned().unwrap_or(Behaviour::answers(usual))
    }
}

fn refused() -> SendError {
    let message = "connect: connection refused".to_owned();
    SendError { kind: SendErrorKind::Connection, message }
}

/// Returns the host of a URL, with its port.
fn host_name(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receivers_are_found_by_the_host_of_the_url() {
        assert_eq!(host_name("http://pager/hook?x=1"), "pager");
        assert_eq!(host_name("https://u:p@pager:8080"), "pager:8080");
    }
}
