//! The body of an answer: whole, or written a piece at a time.
//!
//! Pieces are written where they are sent: what one core writes another would have to fetch from
//! its cache, which costs more than doing both at once brings.

use std::{
    pin::Pin,
    sync::{Mutex, PoisonError},
    task::{Context, Poll},
    thread,
    time::Instant,
};

use campana_core::{
    api::{Response, Rest},
    limits::{ANSWER_PIECE_BYTES, ANSWER_TURN_PIECES},
};
use hyper::{
    Method,
    body::{Body, Bytes, Frame, SizeHint},
};

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

/// The part of an answer that is not written yet. The client's pace sets that of the writing: hyper
/// asks for no more while it has enough.
struct Tail {
    rest: Box<Rest>,
    /// Pieces that were written since others had their turn.
    pieces: usize,
    noted: Noted,
}

impl Answer {
    /// Makes the body of an answer that is there.
    pub(crate) fn whole(body: Vec<u8>) -> Self {
        Self { next: Some(body.into()).filter(|body: &Bytes| !body.is_empty()), tail: None }
    }

    /// Makes the body of an answer that goes on.
    pub(crate) fn long(body: Vec<u8>, rest: Rest, noted: Noted) -> Self {
        let tail = Tail { rest: Box::new(rest), pieces: 0, noted };
        Self { next: Some(body.into()), tail: Some(tail) }
    }
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
        if tail.pieces == ANSWER_TURN_PIECES {
            // hyper sends what it has, and the thread looks after its other connections.
            tail.pieces = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        tail.pieces += 1;
        // Whatever was woken meanwhile on this core would wait for milliseconds.
        thread::yield_now();
        let mut lent = Lent::new(&tail.noted.door.spare);
        match caught(|| tail.rest.write(&mut lent.bytes, ANSWER_PIECE_BYTES)) {
            Ok(true) => {}
            Ok(false) => self.tail = None,
            Err(_) => {
                // The log has the reason, and the client sees that the end is missing.
                self.tail = None;
                return Poll::Ready(Some(Err(Cut)));
            }
        }
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

impl Lent {
    fn new(spare: &'static Spare) -> Self {
        Self { bytes: spare.take(), spare }
    }
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
