//! The data directory: what the last run left there, and the thread that writes the journal.
//! Nothing is decided here; what to do stands in the steps and outputs of the core.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::Duration,
};

use campana_core::{
    cli::Options,
    event::{Event, Part},
    node::Input,
    persist::{self, Append, Found, Recovery, Saved, Step},
};

use crate::{files, log::Log};

/// The stack of the thread that writes the journal.
const WRITER_STACK: usize = 128 << 10;

/// How long the end waits for files to be removed that nobody needs any more.
const FINISH_WAIT: Duration = Duration::from_secs(1);

/// Keeps other processes out of the data directory while it lives.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: Option<File>,
}

/// Makes the data directory, and reads what the last run left there.
pub(crate) fn open(log: &Log, options: &Options) -> Result<(Saved, Lock), Event> {
    let folder = options.storage_path.trim_end_matches('/');
    fs::create_dir_all(folder).map_err(|e| failed(format!("create {folder}: {e}")))?;
    let lock = lock(Path::new(folder)).map_err(failed)?;
    let Recovery { saved, events, steps } = recover(options)?;
    events.iter().for_each(|event| log.write(event));
    for step in steps {
        take(Path::new(folder), &step).map_err(failed)?;
    }
    Ok((saved, lock))
}

/// Writes the state in Alertmanager's format, where the flags ask for that. Tells whether they do.
pub(crate) fn export(log: &Log, options: &Options) -> Result<bool, Event> {
    let Some(to) = &options.storage_export else { return Ok(false) };
    let Recovery { saved, events, .. } = recover(options)?;
    events.iter().for_each(|event| log.write(event));
    fs::create_dir_all(to).map_err(|e| failed(format!("create {to}: {e}")))?;
    for (part, name, entries, bytes) in persist::export(&saved, options.data_retention) {
        files::save(to, name, &bytes).map_err(failed)?;
        log.write(&Event::Exported { part, file: format!("{to}/{name}"), entries });
    }
    Ok(true)
}

fn failed(err: String) -> Event {
    Event::RestoreFailed { part: Part::Journal, err }
}

fn lock(folder: &Path) -> Result<Lock, String> {
    let file = File::open(folder).map_err(|e| format!("open {}: {e}", folder.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(Lock { _file: Some(file) }),
        Err(TryLockError::WouldBlock) => {
            Err(format!("{}: another process uses this data directory", folder.display()))
        }
        // Some file systems have no locks.
        Err(TryLockError::Error(_)) => Ok(Lock { _file: None }),
    }
}

fn recover(options: &Options) -> Result<Recovery, Event> {
    let folder = options.storage_path.trim_end_matches('/');
    let found = read_all(Path::new(folder)).map_err(failed)?;
    persist::recover(found, options.storage_repair)
        .map_err(|text| failed(format!("{folder}/{text}")))
}

fn read_all(folder: &Path) -> Result<Vec<Found>, String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))? {
        let entry = entry.map_err(|e| format!("{}: {e}", folder.display()))?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if persist::is_state(&name) {
            let path = entry.path();
            let bytes = fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))?;
            found.push(Found { name, bytes });
        }
    }
    Ok(found)
}

fn take(folder: &Path, step: &Step) -> Result<(), String> {
    let save = |name: &str, bytes: &[u8]| files::save(&folder.to_string_lossy(), name, bytes);
    match step {
        Step::Copy { from, to } => {
            let bytes = fs::read(folder.join(from)).map_err(|e| format!("{from}: {e}"))?;
            save(to, &bytes)
        }
        Step::Write(file) => save(&file.name, &file.bytes),
        Step::Remove(name) => remove(folder, name).map_err(|e| format!("remove {name}: {e}")),
    }
}

fn remove(folder: &Path, name: &str) -> io::Result<()> {
    match fs::remove_file(folder.join(name)) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// The thread that writes the journal, in the order of what it is told.
pub(crate) struct Writer(Sender<Job>);

enum Job {
    Append(Append),
    Remove(String),
    /// Answer when everything before is done.
    Finish(Sender<()>),
}

impl Writer {
    /// Starts the thread. `done` takes its answers.
    pub(crate) fn start(folder: &str, done: impl Fn(Input) + Send + 'static) -> io::Result<Self> {
        let (sender, jobs) = channel();
        let desk = Desk { folder: PathBuf::from(folder), open: None };
        let builder = thread::Builder::new().name("campana-journal".into());
        builder.stack_size(WRITER_STACK).spawn(move || desk.work(&jobs, done))?;
        Ok(Self(sender))
    }

    /// Has bytes appended.
    pub(crate) fn append(&self, append: Append) {
        self.put(Job::Append(append));
    }

    /// Has a file removed.
    pub(crate) fn remove(&self, name: String) {
        self.put(Job::Remove(name));
    }

    /// Waits until everything it was told is done, unless the disk hangs.
    pub(crate) fn finish(&self) {
        let (sender, done) = channel();
        self.put(Job::Finish(sender));
        done.recv_timeout(FINISH_WAIT).ok();
    }

    fn put(&self, job: Job) {
        // The thread ends with the process; one that is gone has panicked, and the node notices
        // that no answer comes.
        self.0.send(job).ok();
    }
}

struct Desk {
    folder: PathBuf,
    open: Option<(String, File)>,
}

impl Desk {
    fn work(mut self, jobs: &Receiver<Job>, done: impl Fn(Input)) {
        for job in jobs {
            match job {
                Job::Append(append) => {
                    let result = self.append(&append);
                    if result.is_err() {
                        self.open = None;
                    }
                    let result = result.map_err(|e| format!("write {}: {e}", append.file));
                    done(Input::Appended(append.id, result));
                }
                Job::Finish(sender) => drop(sender.send(())),
                // One that stays is removed at the next start.
                Job::Remove(name) => drop(remove(&self.folder, &name)),
            }
        }
    }

    fn append(&mut self, append: &Append) -> io::Result<()> {
        let is_new = append.offset == 0;
        if is_new || self.open.as_ref().is_none_or(|(name, _)| *name != append.file) {
            let path = self.folder.join(&append.file);
            let mut options = OpenOptions::new();
            let file = options.write(true).create(is_new).truncate(is_new).open(path)?;
            if is_new {
                File::open(&self.folder)?.sync_all()?;
            }
            self.open = Some((append.file.clone(), file));
        }
        let Some((_, file)) = &self.open else { return Ok(()) };
        file.write_all_at(&append.bytes, append.offset)?;
        if append.sync { file.sync_data() } else { Ok(()) }
    }
}
