//! TCP under ureq at the least cost.
//!
//! ureq's own socket writes a request's head and body one after the other, sets its timeouts anew
//! for each, and finds out with three calls whether a kept connection is still open. Here what is
//! written waits until an answer is wanted, timeouts stay as long as they are not too long, and one
//! call looks at the connection.

use std::{
    io::{self, Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use rustix::net::{RecvFlags, recv};
use ureq::{
    Error, Timeout,
    unversioned::{
        resolver::ResolvedSocketAddrs,
        transport::{Buffers, ConnectionDetails, LazyBuffers, NextTimeout, Transport},
    },
};

/// As much waits to be written before it goes out without being asked for.
const WAITING_BYTES_MAX: usize = 16 << 10;

/// The least time that each of several addresses gets.
const CONNECT_WAIT_MIN: Duration = Duration::from_millis(10);

/// A connected socket.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: TcpStream,
    buffers: LazyBuffers,
    waiting: Vec<u8>,
    /// The timeouts that the system knows.
    read: Option<Duration>,
    write: Option<Duration>,
}

impl Socket {
    /// Connects to the first address that answers. Each gets half of the time that is left, the
    /// last all of it.
    pub(crate) fn connect(details: &ConnectionDetails<'_>) -> Result<Self, Error> {
        let stream = connect(&details.addrs, span(details.timeout))?;
        stream.set_nodelay(true)?;
        let config = details.config;
        let buffers = LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size());
        Ok(Self { stream, buffers, waiting: Vec::new(), read: None, write: None })
    }

    /// Writes what waits.
    fn flush(&mut self, timeout: NextTimeout) -> Result<(), Error> {
        let (wanted, began) = (span(timeout), Instant::now());
        let mut done = 0;
        while done < self.waiting.len() {
            let left = left(wanted, began).ok_or(Error::Timeout(timeout.reason))?;
            fit(&mut self.write, left, |timeout| self.stream.set_write_timeout(timeout))?;
            match self.stream.write(&self.waiting[done..]) {
                Ok(0) => return Err(io::Error::from(io::ErrorKind::WriteZero).into()),
                Ok(n) => done += n,
                Err(e) if is_early(&e) => {}
                Err(e) => return Err(e.into()),
            }
        }
        self.waiting.clear();
        Ok(())
    }
}

/// Returns how long something may take; `None` is for ever.
fn span(timeout: NextTimeout) -> Option<Duration> {
    timeout.not_zero().map(|span| *span)
}

/// Returns what is left of a span; the outer `None` says that nothing is.
fn left(wanted: Option<Duration>, began: Instant) -> Option<Option<Duration>> {
    let Some(wanted) = wanted else { return Some(None) };
    wanted.checked_sub(began.elapsed()).filter(|left| !left.is_zero()).map(Some)
}

/// Sets a timeout for a span, unless the one that is known to be set serves.
fn fit(
    known: &mut Option<Duration>,
    wanted: Option<Duration>,
    set: impl FnOnce(Option<Duration>) -> io::Result<()>,
) -> io::Result<()> {
    if !holds(*known, wanted) {
        let timeout = shorter(wanted);
        set(timeout)?;
        *known = timeout;
    }
    Ok(())
}

/// Tells whether a timeout that is set serves for a span: it may be shorter, since whoever waits
/// looks at the clock and goes on, but not by much, and never longer.
fn holds(set: Option<Duration>, wanted: Option<Duration>) -> bool {
    match (set, wanted) {
        (None, None) => true,
        (Some(set), Some(wanted)) => set <= wanted && wanted / 2 <= set,
        _ => false,
    }
}

/// Returns a timeout that will serve for later, somewhat shorter spans too.
fn shorter(wanted: Option<Duration>) -> Option<Duration> {
    wanted.map(|wanted| (wanted / 4 * 3).max(Duration::from_millis(1)))
}

/// Tells whether a call ended before there was anything to say.
fn is_early(e: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(e.kind(), Interrupted | TimedOut | WouldBlock)
}

fn connect(addresses: &ResolvedSocketAddrs, within: Option<Duration>) -> Result<TcpStream, Error> {
    let began = Instant::now();
    let mut last = Error::HostNotFound;
    for (place, address) in addresses.iter().enumerate() {
        let Some(left) = left(within, began) else { break };
        let share = if place + 1 == addresses.len() { 1 } else { 2 };
        let tried = match left {
            None => TcpStream::connect(address),
            Some(left) => TcpStream::connect_timeout(address, (left / share).max(CONNECT_WAIT_MIN)),
        };
        match tried {
            Ok(stream) => return Ok(stream),
            Err(e) if is_early(&e) => last = Error::Timeout(Timeout::Connect),
            Err(e) => last = e.into(),
        }
    }
    Err(last)
}

impl Transport for Socket {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.waiting.extend_from_slice(&self.buffers.output()[..amount]);
        if self.waiting.len() < WAITING_BYTES_MAX { Ok(()) } else { self.flush(timeout) }
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.flush(timeout)?;
        let (wanted, began) = (span(timeout), Instant::now());
        loop {
            let left = left(wanted, began).ok_or(Error::Timeout(timeout.reason))?;
            fit(&mut self.read, left, |timeout| self.stream.set_read_timeout(timeout))?;
            match self.stream.read(self.buffers.input_append_buf()) {
                Ok(amount) => {
                    self.buffers.input_appended(amount);
                    return Ok(amount > 0);
                }
                Err(e) if is_early(&e) => {}
                Err(e) => return Err(e.into()),
            }
        }
    }

    fn is_open(&mut self) -> bool {
        // Nothing is to come between two answers, and not the end either.
        let look = recv(&self.stream, &mut [0; 1], RecvFlags::PEEK | RecvFlags::DONTWAIT);
        matches!(look, Err(rustix::io::Errno::AGAIN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_that_are_set_serve_as_long_as_they_are_not_too_long() {
        let seconds = |n| Some(Duration::from_secs(n));
        assert!(
            holds(None, None) && holds(seconds(8), seconds(10)) && holds(seconds(5), seconds(10))
        );
        assert!(!holds(None, seconds(1)) && !holds(seconds(1), None));
        assert!(!holds(seconds(10), seconds(8)) && !holds(seconds(2), seconds(10)));
        assert!(
            holds(shorter(seconds(10)), seconds(10)) && holds(shorter(seconds(10)), seconds(9))
        );
        assert!(!holds(Some(Duration::MAX), seconds(10)));
    }
}
