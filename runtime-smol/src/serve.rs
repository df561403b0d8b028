//! Requests: from hyper to the site and back.

use std::{
    convert::Infallible,
    future::Future,
    io::Write as _,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use async_io::Timer;
use campana_core::{
    api::{Action, Handled, Head, Query, Response, Site},
    limits::{BODY_WAIT, LARGE_BODIES_MAX, LARGE_BODY_BYTES, REFUSED_BODY_WAIT},
    metrics::Traffic,
};
use flate2::{Compression, write::GzEncoder};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    HeaderMap, Request, StatusCode,
    body::{Body as _, Bytes, Incoming},
    header::{self, HeaderName, HeaderValue},
};
use smol::{Executor, future, lock::Semaphore};

use crate::{
    clock::Clock,
    log::Log,
    node::{Mailbox, caught},
    pace::Phase,
    process,
};

/// Who answers requests.
pub(crate) struct Door {
    pub(crate) site: Site,
    pub(crate) mailbox: &'static Mailbox,
    /// Runs what mostly waits.
    pub(crate) executor: &'static Executor<'static>,
    /// Runs what computes.
    pub(crate) compute: &'static Executor<'static>,
    pub(crate) clock: Clock,
    pub(crate) log: Log,
    pub(crate) traffic: Mutex<Traffic>,
    /// The longest a request may take.
    pub(crate) timeout: Option<Duration>,
    pub(crate) large_bodies: Semaphore,
}

/// Why a request is not answered at all: its connection is closed instead.
#[derive(Debug)]
pub(crate) struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the request's body did not arrive")
    }
}

impl std::error::Error for Cut {}

/// A request's head that can move between threads.
struct OwnedHead {
    method: hyper::Method,
    target: String,
    headers: HeaderMap,
}
