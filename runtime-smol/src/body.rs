//! The body of an answer: whole, or written a piece at a time while the one before is sent.

use std::{
    future::Future as _,
    pin::Pin,
    sync::{Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::Instant,
};

use campana_core::{
    api::{Response, Rest},
    limits::ANSWER_PIECE_BYTES,
};
use hyper::{
    Method,
    body::{Body, Bytes, Frame, SizeHint},
};
use smol::Task;

use crate::{
    caught::caught,
    serve::{Cut, Door},
};

/// Buffers that are kept for the next piece: those of one answer on its way.
const SPARE_MAX: usize = 8;

/// Room for the alert that ends a piece.
const SLACK_BYTES: usize = 8 << 10;

/// What hyper sends.
pub(crate) struct Answer {
    next: Option<Bytes>,
    tail: Option<Tail>,
}

/// The part of an answer that is not written yet. The client's pace sets that of the writing: one
/// piece waits while hyper has enough.
struct Tail {
    writing: Task<Result<Written, String>>,
    noted: Noted,
}

/// What is left, a piece, and whether something is left.
type Written = (Box<Rest>, Vec<u8>, bool);

impl Answer {
    /// Makes the body of an answer that is there.
    pub(crate) fn whole(body: Vec<u8>) -> Self {
        Self { next: Some(body.into()).filter(|body: &Bytes| !body.is_empty()), tail: None }
    }

    /// Makes the body of an answer that goes on.
    pub(crate) fn long(body: Vec<u8>, rest: Rest, noted: Noted) -> Self {
        let writing = write(noted.door, Box::new(rest));
        Self { next: Some(body.into()), tail: Some(Tail { writing, noted }) }
    }
}

fn write(door: &'static Door, mut rest: Box<Rest>) -> Task<Result<Written, String>> {
    let work = move || {
        let mut piece = door.spare.take();
        let goes_on = rest.write(&mut piece, ANSWER_PIECE_BYTES);
        (rest, piece, goes_on)
    };
    door.compute.spawn(async move { caught(work) })
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        if let Some(next) = self.next.take() {
            return Poll::Ready(Some(Ok(Frame::data(next))));
        }
        let Some(tail) = &mut self.tail else { return Poll::Ready(None) };
        let written = ready!(Pin::new(&mut tail.writing).poll(cx));
        let door = tail.noted.door;
        let Ok((rest, bytes, goes_on)) = written else {
            // The log has the reason, and the client sees that the end is missing.
            self.tail = None;
            return Poll::Ready(Some(Err(Cut)));
        };
        if goes_on {
            tail.writing = write(door, rest);
        } else {
            self.tail = None;
        }
        let lent = Lent { bytes, spare: &door.spare };
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_owner(lent)))))
    }

    fn is_end_stream(&self) -> bool {
        self.next.is_none() && self.tail.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let length = self.next.as_ref().map_or(0, Bytes::len) as u64;
        if self.tail.is_none() { SizeHint::with_exact(length) } else { SizeHint::default() }
    }
}

/// Buffers of pieces between two uses.
#[derive(Debug, Default)]
pub(crate) struct Spare(Mutex<Vec<Vec<u8>>>);

impl Spare {
    fn take(&self) -> Vec<u8> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        kept.unwrap_or_else(|| Vec::with_capacity(ANSWER_PIECE_BYTES + SLACK_BYTES))
    }

    fn give_back(&self, mut bytes: Vec<u8>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A buffer that a huge alert has made large is not worth its memory.
        if kept.len() < SPARE_MAX && bytes.capacity() <= 2 * ANSWER_PIECE_BYTES {
            bytes.clear();
            kept.push(bytes);
        }
    }
}

/// A piece on its way, whose buffer comes back.
struct Lent {
    bytes: Vec<u8>,
    spare: &'static Spare,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.spare.give_back(std::mem::take(&mut self.bytes));
    }
}

/// Counts an answer when it is dropped: when the last of it was written, or nobody wants it.
pub(crate) struct Noted {
    door: &'static Door,
    handler: std::borrow::Cow<'static, str>,
    method: Method,
    status: u16,
    bytes: u64,
    begun: Instant,
}

impl Noted {
    /// Takes note of an answer to a request.
    pub(crate) fn new(
        door: &'static Door,
        method: Method,
        response: &Response,
        begun: Instant,
    ) -> Self {
        let (handler, bytes) = (response.handler.clone(), response.body.len() as u64);
        Self { door, handler, method, status: response.status, bytes, begun }
    }
}

impl Drop for Noted {
    fn drop(&mut self) {
        let (method, seconds) = (self.method.as_str(), self.begun.elapsed().as_secs_f64());
        self.door.traffic().record(&self.handler, method, self.status, seconds, self.bytes);
    }
}
