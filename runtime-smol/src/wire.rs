//! Sockets as hyper wants them, at the least cost.
//!
//! hyper asks a socket whether something came several times a request. A [`Socket`] remembers that
//! it was emptied and asks the system only after the system said that there is more. A [`Wire`]
//! hands hyper what was read without clearing hyper's buffer, which can be large, before each try.

use std::{
    cell::RefCell,
    io::{self, IoSlice},
    net::TcpStream,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
};

use async_io::Async;
use hyper::rt::{Read, ReadBufCursor, Write};
use smol::io::{AsyncRead, AsyncWrite};

/// What a thread reads into before hyper gets it: as much as a large post brings at once.
const BUFFER_BYTES: usize = 64 << 10;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; BUFFER_BYTES]);
}

/// A TCP socket that knows when it was emptied.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: Async<TcpStream>,
    /// Whether the last read took all there was.
    is_empty: bool,
    look: Look,
}

/// Makes a socket ask the system at its next read, whatever it remembers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Look(Arc<AtomicBool>);

impl Look {
    /// Asks for it.
    pub(crate) fn ask(&self) {
        self.0.store(true, Relaxed);
    }
}

impl Socket {
    /// Takes over a socket.
    pub(crate) fn new(stream: Async<TcpStream>) -> Self {
        Self { stream, is_empty: false, look: Look::default() }
    }

    /// Returns what makes it ask the system.
    pub(crate) fn look(&self) -> Look {
        self.look.clone()
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if self.look.0.load(Relaxed) {
            self.look.0.store(false, Relaxed);
            self.is_empty = false;
        }
        loop {
            if self.is_empty {
                ready!(self.stream.poll_readable(cx))?;
            }
            match io::Read::read(&mut self.stream.get_ref(), buf) {
                // Asked again once the system has something new.
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => self.is_empty = true,
                Ok(n) => {
                    // The end (0) stays the end, and a full buffer says nothing.
                    self.is_empty = 0 < n && n < buf.len();
                    return Poll::Ready(Ok(n));
                }
                Err(e) => {
                    self.is_empty = false;
                    return Poll::Ready(Err(e));
                }
            }
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }
}

/// A stream for hyper.
#[derive(Debug)]
pub(crate) struct Wire<S> {
    stream: S,
    /// Whether several buffers are written at once. If not, hyper copies what it sends together.
    is_vectored: bool,
}

impl<S> Wire<S> {
    /// Wraps a stream that writes several buffers as well as one: large bodies are not copied.
    pub(crate) fn vectored(stream: S) -> Self {
        Self { stream, is_vectored: true }
    }

    /// Wraps any stream.
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, is_vectored: false }
    }
}

impl<S: AsyncRead + Unpin> Read for Wire<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut to: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        BUFFER.with_borrow_mut(|buffer| {
            let room = to.remaining().min(buffer.len());
            let n = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer[..room]))?;
            to.put_slice(&buffer[..n]);
            Poll::Ready(Ok(()))
        })
    }
}

impl<S: AsyncWrite + Unpin> Write for Wire<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.is_vectored
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, io::Write as _, net::TcpListener};

    use smol::io::AsyncReadExt as _;

    use super::*;

    #[test]
    fn what_comes_after_a_short_read_is_read_and_so_is_the_end() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let mut other = TcpStream::connect(listener.local_addr().expect("bound")).expect("open");
        let (stream, _) = listener.accept().expect("it connected");
        let mut socket = Socket::new(Async::new(stream).expect("a socket"));
        let mut buffer = [0; 16];
        smol::block_on(async {
            for word in ["one", "two"] {
                other.write_all(word.as_bytes()).expect("written");
                let n = socket.read(&mut buffer).await.expect("read");
                assert_eq!(&buffer[..n], word.as_bytes());
                assert!(socket.is_empty);
            }
            drop(other);
            assert_eq!(socket.read(&mut buffer).await.expect("read"), 0);
            assert_eq!(socket.read(&mut buffer).await.expect("read"), 0);
        });
    }

    #[test]
    fn a_closed_connection_is_seen_at_once_when_asked_for() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let other = TcpStream::connect(listener.local_addr().expect("bound")).expect("open");
        let (stream, _) = listener.accept().expect("it connected");
        let mut socket = Socket::new(Async::new(stream).expect("a socket"));
        socket.is_empty = true;
        drop(other);
        socket.look().ask();
        let mut buffer = [0; 16];
        let read = smol::block_on(poll_fn(|cx| {
            Poll::Ready(Pin::new(&mut socket).poll_read(cx, &mut buffer).map(Result::ok))
        }));
        assert_eq!(read, Poll::Ready(Some(0)));
    }
}
