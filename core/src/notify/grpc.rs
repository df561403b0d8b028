//! One gRPC call, the client's side, as a machine without I/O: bytes of the server in, bytes for it
//! out, over a connection of its own.
//!
//! A [`Dialogue`] that the runtime carries out. The call ends with the server's word for
//! how it went (`grpc-status`); what it answers besides does not matter and is passed over.

#[cfg(test)]
mod tests;

use alloc::{
    borrow::ToOwned as _,
    format,
    string::{String, ToString as _},
    sync::Arc,
    vec::Vec,
};
use core::mem;

use super::{
    Answer, Secret, SendError, SendErrorKind,
    dialogue::{Dialogue, Want},
    http::TlsConfig,
    request::shorten,
};
use crate::{
    limits::{ERROR_DETAIL_BYTES_MAX, GRPC_ANSWER_MAX, GRPC_HEADERS_MAX, GRPC_WAIT},
    wire::http2::{self, Frame, PAYLOAD_MAX, WINDOW, WINDOW_MAX, flag, hpack, kind},
};

/// The stream of the call.
const STREAM: u32 = 1;

/// What a call needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The server's name or address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Host and port as configured.
    pub authority: String,
    /// How TLS is made; `None` speaks without.
    pub tls: Option<TlsConfig>,
    /// The method: `/package.Service/Method`.
    pub path: &'static str,
    /// Whether the message is compressed.
    pub gzip: bool,
    /// Header lines besides those of gRPC itself; names in lower case.
    pub headers: Vec<(Arc<str>, Secret)>,
}

/// A call on its way.
pub struct Call {
    settings: Settings,
    state: State,
    /// What the server said and nobody has read.
    heard: Vec<u8>,
    /// How much it said.
    heard_bytes: usize,
    /// What it is to be told.
    out: Vec<u8>,
    /// The message, and before it is begun, without its head.
    message: Vec<u8>,
    sent: usize,
    /// What may be sent on the connection, and on the stream.
    windows: [i64; 2],
    /// The window of a new stream, by the server's settings.
    window: i64,
    payload_max: usize,
    decoder: hpack::Decoder,
    /// A header block that goes on in the next frame, and whether it ends the stream.
    block: Option<(Vec<u8>, bool)>,
    has_settings: bool,
    status: Option<u16>,
    grpc_status: Option<u32>,
    grpc_message: String,
    result: Option<Result<Answer, SendError>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The connection is not there yet.
    Dialing,
    /// TLS is being made.
    Securing,
    /// The message is being compressed.
    Packing,
    Talking,
    Over,
}

impl Call {
    /// Makes a call of which nothing has happened yet.
    pub fn new(settings: Settings, message: Vec<u8>) -> Self {
        Self {
            settings,
            state: State::Dialing,
            heard: Vec::new(),
            heard_bytes: 0,
            out: Vec::new(),
            message,
            sent: 0,
            windows: [WINDOW; 2],
            window: WINDOW,
            payload_max: PAYLOAD_MAX,
            decoder: hpack::Decoder::default(),
            block: None,
            has_settings: false,
            status: None,
            grpc_status: None,
            grpc_message: String::new(),
            result: None,
        }
    }

    /// Returns the message, for whoever looks at what is sent.
    pub fn message(&self) -> &[u8] {
        &self.message
    }

    /// Returns what the call is made with.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    fn fail(&mut self, message: String) {
        let message = shorten(message, ERROR_DETAIL_BYTES_MAX);
        self.broken(&SendError { kind: SendErrorKind::Connection, message });
    }

    /// Says what comes before the message, and as much of that as may be said.
    fn begin(&mut self, packed: u8) {
        self.state = State::Talking;
        let length = (self.message.len() as u32).to_be_bytes();
        self.message.splice(..0, [packed].into_iter().chain(length));
        self.out.extend_from_slice(http2::PREFACE);
        // Nothing is to be pushed, and header lists are to be short.
        let mut settings = Vec::new();
        for (id, value) in [(2_u16, 0), (6, GRPC_HEADERS_MAX as u32)] {
            settings.extend_from_slice(&id.to_be_bytes());
            settings.extend_from_slice(&value.to_be_bytes());
        }
        http2::write(&mut self.out, kind::SETTINGS, 0, 0, &settings);
        let block = self.head();
        let mut pieces = block.chunks(PAYLOAD_MAX).peekable();
        let mut kind = kind::HEADERS;
        while let Some(piece) = pieces.next() {
            let flags = if pieces.peek().is_none() { flag::END_HEADERS } else { 0 };
            http2::write(&mut self.out, kind, flags, STREAM, piece);
            kind = kind::CONTINUATION;
        }
        self.send_message();
    }

    /// Returns the block of header lines.
    fn head(&self) -> Vec<u8> {
        let settings = &self.settings;
        let mut block = Vec::new();
        let scheme = if settings.tls.is_some() { "https" } else { "http" };
        for (name, value) in [
            (":method", "POST"),
            (":scheme", scheme),
            (":path", settings.path),
            (":authority", &settings.authority),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
            ("user-agent", concat!("campana/", env!("CARGO_PKG_VERSION"))),
        ] {
            hpack::encode(&mut block, name, value);
        }
        if settings.gzip {
            hpack::encode(&mut block, "grpc-encoding", "gzip");
        }
        for (name, value) in &settings.headers {
            hpack::encode(&mut block, name, value.expose());
        }
        block
    }

    /// Says as much of the message as the windows leave room for.
    fn send_message(&mut self) {
        while self.state == State::Talking && self.sent < self.message.len() {
            let [connection, stream] = self.windows;
            let room = usize::try_from(connection.min(stream)).unwrap_or(0);
            let count = (self.message.len() - self.sent).min(room).min(self.payload_max);
            if count == 0 {
                return;
            }
            let piece = &self.message[self.sent..self.sent + count];
            self.sent += count;
            let is_last = self.sent == self.message.len();
            let flags = if is_last { flag::END_STREAM } else { 0 };
            http2::write(&mut self.out, kind::DATA, flags, STREAM, piece);
            self.windows = self.windows.map(|window| window - count as i64);
        }
    }

    /// Takes a frame.
    fn hear(&mut self, frame: &Frame) -> Result<(), &'static str> {
        if !self.has_settings && (frame.kind != kind::SETTINGS || frame.has(flag::ACK)) {
            return Err("the settings do not come first");
        }
        if self.block.is_some() && (frame.kind, frame.stream) != (kind::CONTINUATION, STREAM) {
            return Err("a header block breaks off");
        }
        let is_ours = frame.stream == STREAM;
        match frame.kind {
            kind::SETTINGS if frame.stream == 0 => self.hear_settings(frame),
            kind::PING if frame.stream == 0 && frame.payload.len() == 8 => {
                if !frame.has(flag::ACK) {
                    http2::write(&mut self.out, kind::PING, flag::ACK, 0, &frame.payload);
                }
                Ok(())
            }
            kind::WINDOW_UPDATE if frame.stream == 0 || is_ours => self.hear_window(frame),
            kind::DATA if is_ours => self.hear_data(frame),
            kind::HEADERS if is_ours => {
                let content = frame.content().ok_or("too much padding")?;
                self.hear_block(content.to_vec(), frame.has(flag::END_STREAM), frame)
            }
            kind::CONTINUATION => {
                let (mut block, is_last) = self.block.take().ok_or("a block without a head")?;
                block.extend_from_slice(&frame.payload);
                self.hear_block(block, is_last, frame)
            }
            kind::RST_STREAM if is_ours => {
                let code = frame.number().ok_or("a frame is too short")?;
                self.fail(format!("the server reset the stream (error {code})"));
                Ok(())
            }
            kind::GOAWAY if frame.stream == 0 => {
                let last = frame.number().ok_or("a frame is too short")? & 0x7fff_ffff;
                if last < STREAM {
                    self.fail("the server goes away".to_owned());
                }
                Ok(())
            }
            kind::SETTINGS
            | kind::PING
            | kind::WINDOW_UPDATE
            | kind::DATA
            | kind::HEADERS
            | kind::RST_STREAM
            | kind::GOAWAY
            | kind::PUSH_PROMISE => Err("a frame out of place"),
            _ => Ok(()),
        }
    }

    fn hear_settings(&mut self, frame: &Frame) -> Result<(), &'static str> {
        if frame.has(flag::ACK) {
            return if frame.payload.is_empty() { Ok(()) } else { Err("a wrong confirmation") };
        }
        self.has_settings = true;
        let (settings, []) = frame.payload.as_chunks::<6>() else {
            return Err("settings of a wrong length");
        };
        for &[a, b, c, d, e, f] in settings {
            let value = u32::from_be_bytes([c, d, e, f]);
            match u16::from_be_bytes([a, b]) {
                4 => {
                    let window = i64::from(value);
                    if window > WINDOW_MAX {
                        return Err("a window that is too large");
                    }
                    self.windows[1] += window - self.window;
                    self.window = window;
                }
                5 if !(16_384..1 << 24).contains(&value) => return Err("a wrong frame size"),
                // Longer frames would gain nothing.
                _ => {}
            }
        }
        http2::write(&mut self.out, kind::SETTINGS, flag::ACK, 0, &[]);
        Ok(())
    }

    fn hear_window(&mut self, frame: &Frame) -> Result<(), &'static str> {
        let more = frame.number().ok_or("a frame is too short")? & 0x7fff_ffff;
        let window = &mut self.windows[usize::from(frame.stream == STREAM)];
        *window += i64::from(more);
        match more > 0 && *window <= WINDOW_MAX {
            true => Ok(()),
            false => Err("a wrong change of the window"),
        }
    }

    /// Passes over data of the answer, and makes room for more.
    fn hear_data(&mut self, frame: &Frame) -> Result<(), &'static str> {
        frame.content().ok_or("too much padding")?;
        if self.status.is_none() {
            return Err("data before the headers");
        }
        if frame.has(flag::END_STREAM) {
            self.end();
        } else if let Ok(count @ 1..) = u32::try_from(frame.payload.len()) {
            for stream in [0, STREAM] {
                let count = count.to_be_bytes();
                http2::write(&mut self.out, kind::WINDOW_UPDATE, 0, stream, &count);
            }
        }
        Ok(())
    }

    fn hear_block(
        &mut self,
        block: Vec<u8>,
        is_last: bool,
        frame: &Frame,
    ) -> Result<(), &'static str> {
        if block.len() > GRPC_HEADERS_MAX {
            return Err("headers that are too long");
        }
        if !frame.has(flag::END_HEADERS) {
            self.block = Some((block, is_last));
            return Ok(());
        }
        let fields = self.decoder.decode(&block, GRPC_HEADERS_MAX).ok_or("broken headers")?;
        let is_first = self.status.is_none();
        for (name, value) in &fields {
            let text = core::str::from_utf8(value).unwrap_or_default();
            match &**name {
                b":status" if is_first => self.status = text.parse().ok(),
                b"grpc-status" => self.grpc_status = text.parse().ok(),
                b"grpc-message" => self.grpc_message = percent_decoded(value),
                _ => {}
            }
        }
        match self.status {
            None => return Err("headers without a status"),
            // The answer is still to come.
            Some(100..200) => self.status = None,
            Some(_) => {}
        }
        if is_last {
            self.end();
        }
        Ok(())
    }

    /// Ends the call with what the server said.
    fn end(&mut self) {
        let status = self.status.unwrap_or_default();
        let error = match self.grpc_status {
            _ if status != 200 => format!("unexpected status code {status}"),
            Some(0) => {
                self.result = Some(Ok(Answer { status, ..Answer::default() }));
                self.state = State::Over;
                return;
            }
            None => "the server does not say how the call went".to_owned(),
            Some(code) => {
                let name = usize::try_from(code).ok().and_then(|code| CODES.get(code));
                let name = name.map_or_else(|| code.to_string(), |name| (*name).to_owned());
                format!("rpc error: code = {name} desc = {}", self.grpc_message)
            }
        };
        self.fail(error);
    }
}

impl Dialogue for Call {
    fn place(&self) -> (&str, u16) {
        (&self.settings.host, self.settings.port)
    }

    fn tls(&self) -> TlsConfig {
        let mut tls = self.settings.tls.clone().unwrap_or_default();
        if tls.server_name.as_deref().is_none_or(str::is_empty) {
            tls.server_name = Some(self.settings.host.as_str().into());
        }
        tls
    }

    fn protocol(&self) -> Option<&'static [u8]> {
        Some(b"h2")
    }

    fn next(&mut self) -> Want {
        match self.state {
            State::Dialing if self.settings.tls.is_some() => {
                self.state = State::Securing;
                return Want::StartTls;
            }
            State::Dialing | State::Securing if self.settings.gzip => {
                self.state = State::Packing;
                return Want::Pack(mem::take(&mut self.message));
            }
            State::Dialing | State::Securing => self.begin(0),
            State::Packing | State::Talking => {}
            State::Over => return Want::Done(self.result()),
        }
        match self.out.is_empty() {
            true => Want::Read(GRPC_WAIT),
            false => Want::Write(mem::take(&mut self.out)),
        }
    }

    fn feed(&mut self, bytes: &[u8]) {
        match self.state {
            State::Packing => {
                self.message = bytes.to_vec();
                return self.begin(1);
            }
            State::Talking => {}
            State::Dialing | State::Securing | State::Over => return,
        }
        if bytes.is_empty() {
            return self.fail("EOF: the server closed the connection".to_owned());
        }
        self.heard_bytes += bytes.len();
        if self.heard_bytes > GRPC_ANSWER_MAX {
            return self.fail("the server says too much".to_owned());
        }
        self.heard.extend_from_slice(bytes);
        while self.state == State::Talking {
            let heard = match Frame::take(&mut self.heard) {
                Ok(None) => break,
                Ok(Some(frame)) => self.hear(&frame),
                Err(error) => Err(error),
            };
            if let Err(error) = heard {
                self.fail(match self.has_settings {
                    true => format!("http2: {error}"),
                    false => "the server does not speak HTTP/2".to_owned(),
                });
            }
        }
        self.send_message();
    }

    fn broken(&mut self, error: &SendError) {
        self.state = State::Over;
        self.result.get_or_insert_with(|| Err(error.clone()));
    }

    fn result(&self) -> Result<Answer, SendError> {
        self.result.clone().unwrap_or_else(|| {
            let message = "internal error: the call ended without a result".to_owned();
            Err(SendError { kind: SendErrorKind::Connection, message })
        })
    }
}

/// The words for `grpc-status`.
const CODES: [&str; 17] = [
    "OK",
    "Canceled",
    "Unknown",
    "InvalidArgument",
    "DeadlineExceeded",
    "NotFound",
    "AlreadyExists",
    "PermissionDenied",
    "ResourceExhausted",
    "FailedPrecondition",
    "Aborted",
    "OutOfRange",
    "Unimplemented",
    "Internal",
    "Unavailable",
    "DataLoss",
    "Unauthenticated",
];

/// Reads a text of which some bytes are written as `%` and two digits.
fn percent_decoded(bytes: &[u8]) -> String {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let mut out = Vec::new();
    let mut rest = bytes;
    while let [first, after @ ..] = rest {
        rest = after;
        if let (b'%', [a, b, after @ ..]) = (first, after)
            && let (Some(a), Some(b)) = (digit(a), digit(b))
        {
            out.push((a * 16 + b) as u8);
            rest = after;
        } else {
            out.push(*first);
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

impl core::fmt::Debug for Call {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Call")
            .field("settings", &self.settings)
            .field("state", &self.state)
            .finish()
    }
}
