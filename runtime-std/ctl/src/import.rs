//! The command `silence import`: many silences, several at once.

use std::{
    fmt,
    fs::File,
    io::{self, BufReader, IsTerminal as _, Read, Write as _},
    sync::{
        Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use serde::de::{Deserializer as _, SeqAccess, Visitor};

use crate::{
    client::Client,
    model::NewSilence,
    server::connect,
    session::{Failure, Session, print},
    silence::bring,
    source,
};

/// The most silences that are sent at once, whatever the flag says.
const WORKERS_MAX: i64 = 256;

/// How often the progress is shown anew.
const PROGRESS_PAUSE: Duration = Duration::from_millis(100);

/// Adds the silences of a file.
pub(crate) fn import(session: &Session) -> Result<(), Failure> {
    let workers = session.text("worker").parse::<i64>().unwrap_or(1);
    if workers < 1 {
        return Err("--worker must be at least 1".to_owned());
    }
    let input: Box<dyn Read> = match session.values().first().map(String::as_str) {
        None | Some("-") => Box::new(io::stdin()),
        Some(path) => {
            source::check(path)?;
            Box::new(File::open(path).map_err(|e| format!("open {path}: {e}"))?)
        }
    };
    let client = connect(session)?;
    let progress = Progress::new();
    let (sender, receiver) = sync_channel(usize::try_from(workers).unwrap_or(1));
    let receiver = Mutex::new(receiver);
    let read = thread::scope(|scope| {
        for _ in 0..workers.min(WORKERS_MAX) {
            scope.spawn(|| work(&client, &receiver, &progress));
        }
        read(input, session.switch("force"), sender)
    });
    let tally = progress.finish();
    read.map_err(|e| format!("couldn't unmarshal input data, is it JSON?: {e}"))?;
    match tally {
        Tally { failed: 0, .. } => Ok(()),
        Tally { failed, done } => Err(format!("couldn't import {failed} out of {done} silences")),
    }
}

/// Reads an array and hands its elements on as they come.
fn read(input: impl Read, force: bool, sender: SyncSender<NewSilence>) -> serde_json::Result<()> {
    struct Elements(bool, SyncSender<NewSilence>);
    impl<'de> Visitor<'de> for Elements {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an array of silences, as `silence query -o json` prints it")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
            while let Some(mut silence) = seq.next_element::<NewSilence>()? {
                if self.0 {
                    silence.id.clear();
                }
                if self.1.send(silence).is_err() {
                    break;
                }
            }
            Ok(())
        }
    }
    let mut deserializer = serde_json::Deserializer::from_reader(BufReader::new(input));
    deserializer.deserialize_seq(Elements(force, sender))?;
    deserializer.end()
}

fn work(client: &Client, silences: &Mutex<Receiver<NewSilence>>, progress: &Progress) {
    loop {
        let next = silences.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(mut silence) = next else { return };
        let id = silence.id.clone();
        progress.add(&id, bring(client, &mut silence));
    }
}

/// How far the import is; shown on a terminal.
struct Progress {
    tally: Mutex<(Tally, Instant)>,
    shown: bool,
}

#[derive(Clone, Copy, Default)]
struct Tally {
    done: u64,
    failed: u64,
}

impl Progress {
    fn new() -> Self {
        // Ids that go to the same terminal show the progress well enough.
        let shown = io::stderr().is_terminal() && !io::stdout().is_terminal();
        Self { tally: Mutex::new((Tally::default(), Instant::now())), shown }
    }

    fn add(&self, id: &str, result: Result<String, Failure>) {
        // Held while writing, so that lines stay whole.
        let mut guard = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        let (tally, last) = &mut *guard;
        tally.done += 1;
        match result {
            Ok(id) => drop(print(&format!("{id}\n"))),
            Err(e) => {
                tally.failed += 1;
                self.clear();
                writeln!(io::stderr(), "Error adding silence id='{id}': {e}").ok();
            }
        }
        if self.shown && last.elapsed() >= PROGRESS_PAUSE {
            *last = Instant::now();
            write!(io::stderr(), "\r{} silences, {} failed", tally.done, tally.failed).ok();
        }
    }

    /// Removes the line of the progress.
    fn clear(&self) {
        if self.shown {
            write!(io::stderr(), "\r\x1b[K").ok();
        }
    }

    fn finish(&self) -> Tally {
        self.clear();
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn count(text: &str) -> Option<usize> {
        let (sender, receiver) = sync_channel(100);
        let done = read(text.as_bytes(), false, sender);
        done.is_ok().then(|| receiver.iter().count())
    }

    const ONE: &str = r#"{"id":"a","matchers":[{"name":"a","value":"b","isRegex":false}],
        "startsAt":"2026-01-01T00:00:00Z","endsAt":"2026-01-01T01:00:00Z","createdBy":"c",
        "comment":"d","status":{"state":"active"},"updatedAt":"2026-01-01T00:00:00Z"}"#;

    #[test]
    fn arrays_are_read_to_their_end() {
        assert_eq!(count("[]"), Some(0));
        assert_eq!(count(&format!("[{ONE},{ONE}]")), Some(2));
        for bad in ["", "{}", "[", "garbage", "[] x", "[{}]", "null"] {
            assert_eq!(count(bad), None, "{bad}");
        }
        assert_eq!(count(&format!("[{ONE}] garbage")), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,40}|[\\[\\]{}\",:a0]{0,40}") {
            count(&text);
        }
    }
}
