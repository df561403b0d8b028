//! Conversations over a connection of their own, as machines that runtimes carry out: a mail that
//! is handed in, a gRPC call.

use core::{fmt, time::Duration};

use alloc::vec::Vec;

use super::{Answer, SendError, http::TlsConfig};

/// What a conversation wants done.
pub enum Want {
    /// It is over. Close the connection.
    Done(Result<Answer, SendError>),
    /// Compress this with gzip, and [`feed`](Dialogue::feed) it.
    Pack(Vec<u8>),
    /// Wait that long for at least one byte, and [`feed`](Dialogue::feed) it.
    Read(Duration),
    /// Make TLS with the server as [`Dialogue::tls`] says.
    StartTls,
    /// Write all of it.
    Write(Vec<u8>),
}

impl fmt::Debug for Want {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done(result) => f.debug_tuple("Done").field(result).finish(),
            Self::Pack(bytes) => f.debug_tuple("Pack").field(&bytes.len()).finish(),
            Self::Read(within) => f.debug_tuple("Read").field(within).finish(),
            Self::StartTls => f.write_str("StartTls"),
            Self::Write(bytes) => f.debug_tuple("Write").field(&bytes.len()).finish(),
        }
    }
}

/// A conversation. The runtime connects to [`place`](Self::place), and then does what
/// [`next`](Self::next) asks for until that is [`Want::Done`]; what goes wrong on the way it
/// reports with [`broken`](Self::broken).
pub trait Dialogue: Send {
    /// Returns the server's name or address, and its port.
    fn place(&self) -> (&str, u16);

    /// Returns how TLS is to be made. It always names the server.
    fn tls(&self) -> TlsConfig;

    /// Returns the protocol that the server has to know where TLS is made (ALPN), if any.
    fn protocol(&self) -> Option<&'static [u8]>;

    /// Returns what to do next, the last thing having been done. The first call says that the
    /// connection is there.
    fn next(&mut self) -> Want;

    /// Takes bytes of the server; none means that it closed the connection.
    fn feed(&mut self, bytes: &[u8]);

    /// Takes the news that the last thing asked for cannot be done. The error's text must not hold
    /// a credential.
    fn broken(&mut self, error: &SendError);

    /// Returns how it ended, once it is done or broken.
    ///
    /// # Errors
    /// Why it did not do what it was for, or why nobody knows.
    fn result(&self) -> Result<Answer, SendError>;
}
