//! Sockets that the service manager hands over. The same file in both runtimes.

use std::{env, net::TcpListener};

use campana_core::cli;
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use socket2::{SockRef, Socket, Type};

/// Takes the listeners.
pub(crate) fn listeners() -> Result<Vec<TcpListener>, String> {
    let (pid, fds) = (env::var("LISTEN_PID").ok(), env::var("LISTEN_FDS").ok());
    let this = getpid();
    let files = cli::handed_over(this.as_raw_pid(), pid.as_deref(), fds.as_deref())?;
    let this = pidfd_open(this, PidfdFlags::empty()).map_err(|e| format!("pidfd_open: {e}"))?;
    let take = |file: i32| {
        // A number alone proves nothing; the system looks whether there is such a file.
        let file = pidfd_getfd(&this, file, PidfdGetfdFlags::empty())
            .map_err(|e| format!("file {file}: {e}"))?;
        let socket = Socket::from(file);
        let seen = SockRef::from(&socket);
        let is_inet = seen.local_addr().is_ok_and(|at| at.is_ipv4() || at.is_ipv6());
        let is_stream = seen.r#type().is_ok_and(|kind| kind == Type::STREAM);
        if !is_inet || !is_stream || !seen.is_listener().unwrap_or(false) {
            return Err("what was handed over is no listening TCP socket".to_owned());
        }
        socket.set_nonblocking(false).map_err(|e| e.to_string())?;
        Ok(TcpListener::from(socket))
    };
    files.map(take).collect()
}
