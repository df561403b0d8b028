//! Who may use the web side: users with passwords, and a limit on the rate of requests.
//!
//! Checking a bcrypt hash takes tens of milliseconds, so it is left to a worker ([`Proof`]), and
//! what was right once is remembered by a keyed digest. A user who does not exist costs as much as
//! one who does, and each user as much as the dearest.

use alloc::{collections::VecDeque, format, string::String, sync::Arc};
use core::iter;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};

use super::{Head, Response};
use crate::{
    config::Web,
    limits::{WEB_PROOFS_MAX, WEB_PROOFS_OPEN_MAX},
    notify::Secret,
    time::Instant,
};

/// The part of a bcrypt hash behind its cost, of a password that nobody knows: it stands for users
/// who do not exist.
const NOBODY: &str = "$Dz0kVYQvK1rq3oT8b5nJYuQ7wXh2mCfE9aLsGiR4tUyPpOlKjHgSe";

/// What is known about the web side's users, and how many requests it takes now.
#[derive(Debug)]
pub struct Guard {
    web: Arc<Web>,
    /// Makes digests worthless to anyone else.
    key: [u8; 32],
    proven: VecDeque<[u8; 32]>,
    /// Proofs that were given out and not settled.
    open: usize,
    tokens: Option<Tokens>,
}

#[derive(Debug)]
struct Tokens {
    /// In nanoseconds of the interval.
    level: u128,
    at: Instant,
}

/// What becomes of a request.
#[derive(Debug)]
pub enum Checked {
    /// It may go on.
    Pass,
    /// It gets this response.
    Refuse(Response),
    /// A password is to be checked first; see [`Guard::settle`].
    Verify(Proof),
}

/// A password to check against a hash.
#[derive(Clone, Debug)]
pub struct Proof {
    hash: Secret,
    /// The cost of the dearest hash of all users.
    cost_max: u8,
    /// The password that was given.
    pub password: Secret,
    /// Whether the user exists; otherwise no password is right.
    is_user: bool,
    digest: [u8; 32],
}

impl Proof {
    /// Returns the bcrypt hashes to check the password against. The first decides; the others only
    /// make all proofs take the same time.
    pub fn hashes(&self) -> impl Iterator<Item = Secret> {
        // Each step costs twice the one before, so these add up to what the first lacks.
        let rest = (cost(&self.hash)..self.cost_max).map(nobody);
        iter::once(self.hash.clone()).chain(rest)
    }
}

impl Guard {
    /// Makes a guard; `key` is 32 random bytes.
    pub fn new(web: Arc<Web>, key: [u8; 32]) -> Self {
        Self { web, key, proven: VecDeque::new(), open: 0, tokens: None }
    }

    /// Takes other settings. The rate limit stays as it was at the start, as upstream.
    pub fn replace(&mut self, web: Arc<Web>) {
        if *self.web != *web {
            let rate = self.web.rate;
            self.web = Arc::new(Web { rate, ..(*web).clone() });
            self.proven.clear();
        }
    }

    /// Looks at the head of a request.
    pub fn check(&mut self, now: Instant, head: &Head<'_>) -> Checked {
        if !self.take_token(now) {
            return Checked::Refuse(self.dress(Response::text(429, "Too Many Requests\n")));
        }
        if self.web.users.is_empty() {
            return Checked::Pass;
        }
        let Some((user, password)) = credentials(head) else {
            return Checked::Refuse(self.unauthorized());
        };
        let known = self.web.users.get(&user);
        let cost_max = self.web.users.values().map(cost).max().unwrap_or_default();
        let hash = known.cloned().unwrap_or_else(|| nobody(cost_max));
        let digest = self.digest(&[&user, hash.expose(), &password]);
        if known.is_some() && self.proven.contains(&digest) {
            return Checked::Pass;
        }
        let (is_user, password) = (known.is_some(), Secret::new(password));
        if self.open >= WEB_PROOFS_OPEN_MAX {
            let text = "Too many passwords to check, try again later.\n";
            return Checked::Refuse(self.dress(Response::text(503, text)));
        }
        self.open += 1;
        Checked::Verify(Proof { hash, cost_max, password, is_user, digest })
    }

    /// Takes the result of a proof: whether the password belongs to the first hash. Every proof is
    /// to be settled.
    ///
    /// # Errors
    /// The response, when the request may not go on.
    pub fn settle(&mut self, proof: &Proof, is_right: bool) -> Result<(), Response> {
        self.open = self.open.saturating_sub(1);
        if !is_right || !proof.is_user {
            return Err(self.unauthorized());
        }
        if self.proven.len() >= WEB_PROOFS_MAX {
            self.proven.pop_front();
        }
        self.proven.push_back(proof.digest);
        Ok(())
    }

    /// Puts the configured headers on a response, in place of its own.
    #[must_use]
    pub fn dress(&self, mut response: Response) -> Response {
        for (name, value) in &self.web.headers {
            response.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
            response.headers.push((name, String::from(&**value).into()));
        }
        response
    }

    fn take_token(&mut self, now: Instant) -> bool {
        let Some(rate) = self.web.rate else { return true };
        let (interval, full) = (rate.interval.as_nanos(), u128::from(rate.burst));
        let full = full.saturating_mul(interval);
        let tokens = self.tokens.get_or_insert(Tokens { level: full, at: now });
        let gained = now.since(tokens.at).as_nanos();
        tokens.level = tokens.level.saturating_add(gained).min(full);
        tokens.at = now;
        if tokens.level < interval {
            return false;
        }
        tokens.level -= interval;
        true
    }

    fn unauthorized(&self) -> Response {
        let response = Response::text(401, "Unauthorized\n");
        self.dress(response.header("WWW-Authenticate", "Basic"))
    }

    /// Every part is preceded by its length, so that no two lists of parts give the same bytes.
    fn digest(&self, parts: &[&str]) -> [u8; 32] {
        let mut hasher = Sha256::new();
        hasher.update(self.key);
        for part in parts {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        hasher.finalize().into()
    }
}

/// Returns the cost in a hash, which has the form of one.
fn cost(hash: &Secret) -> u8 {
    hash.expose().get(4..6).and_then(|digits| digits.parse().ok()).unwrap_or_default()
}

/// Makes a hash of a cost that no password belongs to.
fn nobody(cost: u8) -> Secret {
    Secret::new(format!("$2b${cost:02}{NOBODY}"))
}

/// Reads user and password of `Authorization: Basic`.
fn credentials(head: &Head<'_>) -> Option<(String, String)> {
    let is_it = |(name, _): &&(&str, &str)| name.eq_ignore_ascii_case("authorization");
    let (_, value) = head.headers.iter().find(is_it)?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = STANDARD.decode(encoded.trim()).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.into(), password.into()))
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;
    use core::time::Duration;

    use super::*;
    use crate::config::{Origin, Rate, web};

    fn guard(text: &str) -> Guard {
        let origin = Origin { file: "web.yml", directory: "" };
        Guard::new(Arc::new(web(text.as_bytes(), &origin).expect("valid")), [7; 32])
    }

    const USERS: &str = "basic_auth_users:\n  \
        ann: $2y$05$abcdefghijklmnopqrstuuwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ2\n  \
        bob: $2y$08$abcdefghijklmnopqrstuuwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ2\n\
        http_server_config: {headers: {X-Frame-Options: deny}}\n";

    fn check(guard: &mut Guard, authorization: Option<&str>) -> Checked {
        let headers: &[(&str, &str)] = match authorization {
            Some(value) => &[("authorization", value)],
            None => &[],
        };
        let head = Head { method: "GET", target: "/metrics", headers };
        guard.check(Instant::from_nanos(0), &head)
    }

    fn status(checked: Checked) -> u16 {
        match checked {
            Checked::Refuse(response) => response.status,
            _ => 0,
        }
    }

    #[test]
    fn a_password_is_proven_once() {
        let mut guard = guard(USERS);
        let value = format!("Basic {}", STANDARD.encode("ann:pass:word"));
        let Checked::Verify(proof) = check(&mut guard, Some(&value)) else { panic!("unproven") };
        assert_eq!(proof.password.expose(), "pass:word");
        assert!(guard.settle(&proof, false).is_err());
        assert!(matches!(check(&mut guard, Some(&value)), Checked::Verify(_)));
        assert!(guard.settle(&proof, true).is_ok());
        assert!(matches!(check(&mut guard, Some(&value)), Checked::Pass));
        let other = format!("basic {}", STANDARD.encode("ann:other"));
        assert!(matches!(check(&mut guard, Some(&other)), Checked::Verify(_)));
    }

    #[test]
    fn nobody_costs_as_much_as_somebody_and_never_passes() {
        let mut guard = guard(USERS);
        let value = format!("Basic {}", STANDARD.encode("eve:x"));
        let Checked::Verify(proof) = check(&mut guard, Some(&value)) else { panic!("unproven") };
        let costs = |proof: &Proof| proof.hashes().map(|hash| cost(&hash)).collect::<Vec<_>>();
        assert_eq!(costs(&proof), [8]);
        assert!(proof.hashes().all(|hash| hash.expose().len() == 60));
        let value = format!("Basic {}", STANDARD.encode("ann:x"));
        let Checked::Verify(cheap) = check(&mut guard, Some(&value)) else { panic!("unproven") };
        assert_eq!(costs(&cheap), [5, 5, 6, 7], "together as dear as 8");
        let refused = guard.settle(&proof, true).expect_err("there is no eve");
        assert_eq!(refused.status, 401);
        assert!(refused.headers.iter().any(|(name, _)| *name == "WWW-Authenticate"));
        assert!(refused.headers.iter().any(|(name, _)| *name == "X-Frame-Options"));
    }

    #[test]
    fn proofs_are_bounded() {
        let mut guard = guard(USERS);
        let value = format!("Basic {}", STANDARD.encode("eve:x"));
        let proofs: Vec<_> = (0..WEB_PROOFS_OPEN_MAX)
            .map(|_| match check(&mut guard, Some(&value)) {
                Checked::Verify(proof) => proof,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(status(check(&mut guard, Some(&value))), 503);
        assert!(guard.settle(&proofs[0], false).is_err());
        assert!(matches!(check(&mut guard, Some(&value)), Checked::Verify(_)));
    }

    #[test]
    fn configured_headers_replace_others() {
        let guard = guard(USERS);
        let response = Response::empty(200).header("x-frame-options", "sameorigin");
        let dressed = guard.dress(response);
        assert_eq!(dressed.headers, [("X-Frame-Options", "deny".into())]);
    }

    #[test]
    fn what_is_no_password_is_refused() {
        let mut guard = guard(USERS);
        for value in [None, Some("Basic"), Some("Basic !"), Some("Bearer YTpi"), Some("Basic YQ==")]
        {
            assert_eq!(status(check(&mut guard, value)), 401, "{value:?}");
        }
        assert!(guard.dress(Response::empty(200)).headers.len() == 1);
    }

    #[test]
    fn a_bucket_fills_with_time() {
        let mut guard = guard("");
        let rate = Rate { interval: Duration::from_secs(1), burst: 2 };
        guard.web = Arc::new(Web { rate: Some(rate), ..Web::default() });
        let mut at = |ms: u64| {
            let head = Head { method: "GET", target: "/", headers: &[] };
            status(guard.check(Instant::from_nanos(ms * 1_000_000), &head))
        };
        assert_eq!([at(0), at(0), at(0), at(999), at(1000), at(1001)], [0, 0, 429, 429, 0, 429]);
        assert_eq!([at(60_000), at(60_000), at(60_000)], [0, 0, 429]);
    }
}
