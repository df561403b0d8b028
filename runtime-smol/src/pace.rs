//! A client's socket that gives up on clients who are too slow.
//!
//! Timers are set only while the client makes us wait, so a request that arrives in one piece
//! costs none.

use std::{
    io,
    net::TcpStream,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Instant,
};

use async_io::{Async, Timer};
use campana_core::limits::{HEADER_WAIT, IDLE_WAIT, WRITE_WAIT};
use smol::io::{AsyncRead, AsyncWrite};
use std::future::Future as _;

use crate::wire::Socket;

/// What a connection is doing, set by whoever serves its requests.
#[derive(Clone, Debug)]
pub(crate) struct Phase(Arc<State>);

#[derive(Debug)]
struct State {
    phase: AtomicU8,
    /// Requests that are being served: more than one only with HTTP/2.
    served: AtomicUsize,
    /// Whether requests share the connection, so that what arrives need not begin one.
    is_shared: AtomicBool,
}

/// A request's head is on its way.
const HEAD: u8 = 0;
/// A request is being served; its own limits hold.
const BUSY: u8 = 1;
/// The response is made; the time until the next request has not begun to count.
const DONE: u8 = 2;
/// Between two requests.
const IDLE: u8 = 3;

impl Phase {
    /// A new connection: the head of its first request is awaited.
    pub(crate) fn new() -> Self {
        let (phase, served) = (AtomicU8::new(HEAD), AtomicUsize::new(0));
        Self(Arc::new(State { phase, served, is_shared: AtomicBool::new(false) }))
    }

    /// From now on the connection carries several requests at once.
    pub(crate) fn share(&self) {
        self.0.is_shared.store(true, Relaxed);
    }

    /// The head of a request was read. It is served until what is returned is dropped.
    pub(crate) fn begin(&self) -> Serving {
        self.0.served.fetch_add(1, Relaxed);
        self.0.phase.store(BUSY, Relaxed);
        Serving(self.clone())
    }

    fn is(&self, phase: u8) -> bool {
        self.0.phase.load(Relaxed) == phase
    }

    fn set(&self, phase: u8) {
        self.0.phase.store(phase, Relaxed);
    }
}

/// A request that is being served.
#[derive(Debug)]
pub(crate) struct Serving(Phase);

impl Drop for Serving {
    fn drop(&mut self) {
        if self.0.0.served.fetch_sub(1, Relaxed) == 1 {
            self.0.set(DONE);
        }
    }
}

/// The socket.
#[derive(Debug)]
pub(crate) struct Paced {
    stream: Socket,
    phase: Phase,
    read: Limit,
    write: Limit,
}

impl Paced {
    /// Watches over a socket.
    pub(crate) fn new(stream: Async<TcpStream>, phase: Phase) -> Self {
        let (mut read, write) = (Limit::default(), Limit::default());
        read.due = Instant::now().checked_add(HEADER_WAIT);
        Self { stream: Socket::new(stream), phase, read, write }
    }

    fn wait_to_write<T>(
        &mut self,
        cx: &mut Context<'_>,
        result: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.write.due = None;
            return result;
        }
        if self.write.due.is_none() {
            self.write.due = Instant::now().checked_add(WRITE_WAIT);
        }
        ready!(self.write.poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Paced {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_read(cx, buf);
        if result.is_ready() {
            let begins = self.phase.is(IDLE) || self.phase.is(DONE);
            if begins && !self.phase.0.is_shared.load(Relaxed) {
                self.phase.set(HEAD);
                self.read.due = Instant::now().checked_add(HEADER_WAIT);
            }
            return result;
        }
        if self.phase.is(BUSY) {
            return Poll::Pending;
        }
        if self.phase.is(DONE) {
            self.phase.set(IDLE);
            self.read.due = Instant::now().checked_add(IDLE_WAIT);
        }
        ready!(self.read.poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncWrite for Paced {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.wait_to_write(cx, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.wait_to_write(cx, result)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }
}

/// A point in time that may move. Its timer is left alone when the point moves further away.
#[derive(Debug, Default)]
struct Limit {
    due: Option<Instant>,
    timer: Option<(Instant, Timer)>,
}

impl Limit {
    /// Is ready once the point has passed.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(due) = self.due else { return Poll::Pending };
        loop {
            let (at, timer) = self.timer.get_or_insert_with(|| (due, Timer::at(due)));
            if *at > due {
                (*at, *timer) = (due, Timer::at(due));
            }
            ready!(Pin::new(timer).poll(cx));
            if Instant::now() >= due {
                return Poll::Ready(());
            }
            self.timer = None;
        }
    }
}
