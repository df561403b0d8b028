//! From the files of the data directory to the state that the last run left.
//!
//! The checkpoint is read first, then the journal files it does not cover, in their order. What a
//! crash leaves behind is put right without a question: a torn end, files that a newer checkpoint
//! covers. What no crash leaves behind is damage, and is refused until the operator says
//! `--storage.repair`: then the damaged file is kept under another name, and the node begins with
//! everything that can be read.

use alloc::{collections::BTreeMap, format, string::String, vec::Vec};

use super::{
    CHECKPOINT_FILE, Saved,
    block::{self, HEADER, Header, HeaderError},
    decode, encode, import,
    journal::{file_name, generation_of},
    record::Record,
    replay::Replay,
};
use crate::{
    event::{Event, Part},
    hash::xxh64,
};

/// A file of the data directory, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its name, without the directory.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// What is to be done to the data directory before the node begins, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Copy a file to another name of the directory, and sync it.
    Copy {
        /// The file.
        from: String,
        /// The copy's name.
        to: String,
    },
    /// Replace a file: write beside it, sync, rename, sync the directory.
    Write(Found),
    /// Remove a file, if it is there.
    Remove(String),
}

/// The state that was found, and what there is to say and to do about it.
#[derive(Clone, Debug, Default)]
pub struct Recovery {
    /// The state.
    pub saved: Saved,
    /// For the log.
    pub events: Vec<Event>,
    /// For the data directory.
    pub steps: Vec<Step>,
}

/// Tells whether a file of the data directory is wanted by [`recover`].
pub fn is_state(name: &str) -> bool {
    name == CHECKPOINT_FILE || import::is_foreign(name) || generation_of(name).is_some()
}

/// Reads the state.
///
/// # Errors
/// Damage, in words, with the file and the place, and what can be done about it.
pub fn recover(found: Vec<Found>, repair: bool) -> Result<Recovery, String> {
    let mut reading = Reading { repair, ..Reading::default() };
    let mut checkpoint = None;
    let mut journals = BTreeMap::new();
    let mut foreign = Vec::new();
    for file in found {
        if file.name == CHECKPOINT_FILE {
            checkpoint = Some(file);
        } else if let Some(generation) = generation_of(&file.name) {
            journals.insert(generation, file);
        } else if import::is_foreign(&file.name) {
            foreign.push(file);
        }
    }
    if checkpoint.is_none() && journals.is_empty() {
        return import::import(&foreign, repair);
    }
    let saved = match checkpoint {
        Some(file) => reading.checkpoint(file)?,
        None => Saved::default(),
    };
    reading.journals(saved, journals)
}

#[derive(Default)]
struct Reading {
    repair: bool,
    events: Vec<Event>,
    /// Copies of damaged files.
    kept: Vec<Step>,
    stale: Vec<Step>,
    /// Whether a damaged checkpoint was passed over, so that nobody knows which journal is first.
    lost_checkpoint: bool,
}

impl Reading {
    fn checkpoint(&mut self, file: Found) -> Result<Saved, String> {
        match decode(&file.bytes) {
            Ok(saved) => Ok(saved),
            Err(error) => {
                self.refuse(&file, &format!("{}: {error}", file.name))?;
                self.lost_checkpoint = true;
                Ok(Saved::default())
            }
        }
    }

    fn journals(
        mut self,
        saved: Saved,
        mut journals: BTreeMap<u64, Found>,
    ) -> Result<Recovery, String> {
        let first = saved.journal;
        let wanted = journals.split_off(&first);
        self.stale.extend(journals.into_values().map(|file| Step::Remove(file.name)));
        let (oldest, last) = match (wanted.keys().next(), wanted.keys().next_back()) {
            (Some(&oldest), Some(&last)) => (oldest, last),
            _ => (first, first.saturating_sub(1)),
        };
        let is_journal = !wanted.is_empty();
        let mut saved = if is_journal { self.replay(saved, first, wanted)? } else { saved };
        saved.journal = last + 1;
        saved.follows = last;
        saved.oldest = oldest;
        saved.is_replayed = is_journal;
        let mut steps = self.kept;
        if !steps.is_empty() {
            // What could be read is written before anything else may happen to it.
            let bytes = encode(&saved);
            steps.push(Step::Write(Found { name: CHECKPOINT_FILE.into(), bytes }));
            steps.extend((oldest..=last).map(|it| Step::Remove(file_name(it))));
            saved.oldest = saved.journal;
        }
        steps.extend(self.stale);
        Ok(Recovery { saved, events: self.events, steps })
    }

    /// Puts what the files say on top of the checkpoint.
    fn replay(
        &mut self,
        saved: Saved,
        first: u64,
        files: BTreeMap<u64, Found>,
    ) -> Result<Saved, String> {
        let mut replay = Replay::new(saved);
        let mut before = None;
        for (generation, file) in files {
            self.journal(&mut replay, (first, generation), before, &file)?;
            before = Some(generation);
        }
        Ok(replay.finish())
    }

    /// Replays one file. `first` is the first that the checkpoint does not cover.
    fn journal(
        &mut self,
        replay: &mut Replay,
        (first, generation): (u64, u64),
        before: Option<u64>,
        file: &Found,
    ) -> Result<(), String> {
        let name = &file.name;
        let mut at = match Header::decode(&file.bytes) {
            Ok(header) if header.generation != generation => {
                let own = header.generation;
                self.refuse(file, &format!("{name}: it is number {own} under another name"))?;
                return Ok(());
            }
            Ok(header) => {
                let missing = header.follows >= first.max(1) && before != Some(header.follows);
                if missing && !self.lost_checkpoint {
                    let lost = file_name(header.follows);
                    self.refuse(file, &format!("{lost}: it is missing, and {name} follows it"))?;
                }
                HEADER
            }
            Err(HeaderError::Version(version)) => {
                return Err(format!(
                    "{name}: its format is version {version}, which this program does not know; \
                     a newer one wrote it"
                ));
            }
            Err(HeaderError::Short | HeaderError::Damaged) => 0,
        };
        while at < file.bytes.len() {
            let good = if at == 0 { None } else { block::read(&file.bytes, generation, at) };
            let Some(block) = good else {
                let Some(next) = self.gap(file, generation, at)? else { break };
                at = next;
                continue;
            };
            match Record::decode_all(block.records) {
                Ok(records) => records.into_iter().for_each(|record| replay.apply(record)),
                Err(error) => {
                    let text = format!("{name}: offset {at}: records do not decode: {error}");
                    self.refuse(file, &text)?;
                }
            }
            at = block.end;
        }
        Ok(())
    }

    /// Judges bytes that are no block: the end of the file, or damage. After damage that may be
    /// passed over, returns where to go on.
    fn gap(&mut self, file: &Found, generation: u64, at: usize) -> Result<Option<usize>, String> {
        let name = &file.name;
        let next = block::search(&file.bytes, generation, at.max(HEADER));
        // Of the good blocks after the bad bytes the last one knows most about what was synced.
        let mut is_damage = next.is_err();
        let mut look = next.unwrap_or(None);
        while let Some(block) = look.and_then(|at| block::read(&file.bytes, generation, at)) {
            is_damage |= block.synced > at as u64;
            look = Some(block.end).filter(|end| *end < file.bytes.len());
        }
        if is_damage {
            let what = if at == 0 { "its header is damaged" } else { "a bad checksum" };
            let text = format!("{name}: offset {at}: {what}, followed by good data");
            self.refuse(file, &text)?;
            return Ok(next.unwrap_or(None));
        }
        let bytes = (file.bytes.len() - at) as u64;
        self.events.push(Event::TailDropped {
            part: Part::Journal,
            file: name.clone(),
            offset: at as u64,
            bytes,
        });
        Ok(None)
    }

    /// Refuses a damaged file, or keeps it under another name where the operator wants that.
    fn refuse(&mut self, file: &Found, text: &str) -> Result<(), String> {
        if !self.repair {
            return Err(format!(
                "{text}. This is damage that no crash of this program leaves behind. Put back a \
                 copy of the file, or start once with --storage.repair, which keeps it under \
                 another name and goes on with what can be read"
            ));
        }
        let to = format!("{}.damaged-{:016x}", file.name, xxh64(&file.bytes));
        let step = Step::Copy { from: file.name.clone(), to: to.clone() };
        if !self.kept.contains(&step) {
            self.kept.push(step);
        }
        let event =
            Event::FileSetAside { file: file.name.clone(), kept_as: to, err: String::from(text) };
        self.events.push(event);
        Ok(())
    }
}
