//! Signals: SIGTERM and SIGINT end the process, SIGHUP reloads.

use std::{io, process};

use async_signal::{Signal, Signals};
use campana_core::{
    event::{self, Event},
    node::Input,
};
use smol::stream::StreamExt as _;

use crate::{log::Log, node::Mailbox};

/// Takes over the signals; from here on none of them ends the process by itself.
pub(crate) fn take() -> io::Result<Signals> {
    Signals::new([Signal::Term, Signal::Int, Signal::Hup])
}

/// Passes signals on. `stop` ends accepting and asks connections to finish.
pub(crate) async fn pass(mut signals: Signals, mailbox: &Mailbox, log: &Log, stop: impl FnOnce()) {
    let mut stop = Some(stop);
    while let Some(signal) = signals.next().await {
        let signal = match signal {
            Ok(Signal::Hup) => {
                mailbox.push(Input::Hangup);
                continue;
            }
            Ok(Signal::Int) => event::Signal::Interrupt,
            Ok(_) => event::Signal::Terminate,
            Err(_) => continue,
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
}
