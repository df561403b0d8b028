//! Signals: SIGTERM and SIGINT end the process, SIGHUP reloads.

use std::{io, process, thread};

use campana_core::{
    event::{self, Event},
    node::Input,
};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};

use crate::{log::Log, node::Mailbox};

/// Takes over the signals; from here on none of them ends the process by itself.
pub(crate) fn take() -> io::Result<Signals> {
    Signals::new([SIGTERM, SIGINT, SIGHUP])
}

/// Starts passing signals on. `stop` ends accepting and asks connections to finish.
pub(crate) fn pass(
    mut signals: Signals,
    mailbox: Mailbox,
    log: Log,
    stop: impl FnOnce() + Send + 'static,
) -> io::Result<()> {
    let mut stop = Some(stop);
    let pass = move || {
        for signal in signals.forever() {
            if signal == SIGHUP {
                mailbox.push(Input::Hangup);
                continue;
            }
            let signal = match signal {
                SIGINT => event::Signal::Interrupt,
                _ => event::Signal::Terminate,
            };
            log.write(&Event::SignalReceived { signal });
            match stop.take() {
                Some(stop) => {
                    stop();
                    mailbox.push(Input::Shutdown);
                }
                // Whoever asks twice does not want to wait.
                None => process::exit(1),
            }
        }
    };
    thread::Builder::new().name("signals".into()).stack_size(64 << 10).spawn(pass).map(drop)
}
