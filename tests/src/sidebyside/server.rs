//! A server under measurement, and what the kernel says about it.

use std::{
    fmt, fs,
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use nix::{
    time::{clock_getcpuclockid, clock_gettime},
    unistd::Pid,
};
use tempfile::TempDir;

use super::client::Client;
use crate::drivers::Program;

/// How long a server may take from its start until it is ready.
const PATIENCE: Duration = Duration::from_secs(120);

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Which {
    /// The original.
    Alertmanager,
    /// campana on smol.
    Campana,
    /// campana on threads.
    CampanaStd,
}

impl Which {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Alertmanager, Self::Campana, Self::CampanaStd];

    /// Returns the name of the program.
    pub fn name(self) -> &'static str {
        match self {
            Self::Alertmanager => "alertmanager",
            Self::Campana => "campana",
            Self::CampanaStd => "campana-std",
        }
    }

    /// Returns who has a name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|which| which.name() == name)
    }
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A running server with its files.
#[derive(Debug)]
pub struct Server {
    /// Who it is.
    pub which: Which,
    /// The process.
    pub program: Program,
    /// From the start of the process until it said that it is ready.
    pub ready_after: Duration,
    folder: TempDir,
    path: std::path::PathBuf,
    flags: Vec<String>,
}

impl Server {
    /// Starts a server without a cluster and waits until it is ready.
    ///
    /// # Errors
    /// Why it did not come up.
    pub fn start(which: Which, path: &Path, config: &str, flags: &[&str]) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
        fs::write(folder.path().join("config.yml"), config).map_err(|e| e.to_string())?;
        let mut flags: Vec<String> = flags.iter().map(|&flag| flag.to_owned()).collect();
        if !flags.iter().any(|flag| flag.starts_with("--cluster.listen-address")) {
            flags.push("--cluster.listen-address=".into());
        }
        if which != Which::Alertmanager {
            // Nobody waits for known senders: the original does not, either.
            flags.push("--dispatch.warm-up=0s".into());
        }
        let (program, ready_after) = spawn(path, folder.path(), &flags)?;
        Ok(Self { which, program, ready_after, folder, path: path.to_owned(), flags })
    }

    /// Ends the server, with or without a warning, and starts it again on its files.
    ///
    /// # Errors
    /// As [`Self::start`], or that it does not end.
    pub fn restart(&mut self, is_clean: bool) -> Result<(), String> {
        match is_clean {
            true => drop(self.program.stop()?),
            false => self.program.kill(),
        }
        (self.program, self.ready_after) = spawn(&self.path, self.folder.path(), &self.flags)?;
        Ok(())
    }

    /// Returns where it listens.
    pub fn address(&self) -> SocketAddr {
        self.program.address()
    }

    /// Opens a connection to it.
    ///
    /// # Errors
    /// That it does not take one.
    pub fn connect(&self) -> Result<Client, String> {
        Client::connect(self.address()).map_err(|e| e.to_string())
    }

    /// Returns the CPU time that the process used so far, in seconds.
    ///
    /// # Errors
    /// That the process has ended.
    pub fn cpu(&self) -> Result<f64, String> {
        // The clock of another process counts nanoseconds; /proc has hundredths of a second.
        let used = clock_getcpuclockid(Pid::from_raw(self.program.id() as i32))
            .and_then(clock_gettime)
            .map_err(|error| format!("the CPU time of {}: {error}", self.which))?;
        Ok(Duration::from(used).as_secs_f64())
    }

    /// Returns the memory that it occupies now, in bytes.
    ///
    /// # Errors
    /// As [`Self::cpu`].
    pub fn resident(&self) -> Result<f64, String> {
        self.status("VmRSS:")
    }

    /// Returns the most memory that it ever occupied, in bytes.
    ///
    /// # Errors
    /// As [`Self::cpu`].
    pub fn peak(&self) -> Result<f64, String> {
        self.status("VmHWM:")
    }

    /// Returns the size of the program's file, in bytes.
    ///
    /// # Errors
    /// As [`Self::cpu`].
    pub fn size(&self) -> Result<f64, String> {
        let path = format!("/proc/{}/exe", self.program.id());
        Ok(fs::metadata(path).map_err(|e| e.to_string())?.len() as f64)
    }

    /// Waits until the server is at rest: it uses less than a twentieth of a CPU.
    ///
    /// # Errors
    /// As [`Self::cpu`].
    pub fn rest(&self) -> Result<(), String> {
        let end = Instant::now() + PATIENCE;
        let mut before = self.cpu()?;
        while Instant::now() < end {
            thread::sleep(Duration::from_millis(400));
            let now = self.cpu()?;
            if now - before < 0.02 {
                break;
            }
            before = now;
        }
        Ok(())
    }

    fn status(&self, key: &str) -> Result<f64, String> {
        let status = self.proc("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix(key)).ok_or("no such line")?;
        let kib: f64 = line.trim().trim_end_matches(" kB").parse().map_err(|_| "no number")?;
        Ok(kib * 1024.0)
    }

    fn proc(&self, file: &str) -> Result<String, String> {
        let path = format!("/proc/{}/{file}", self.program.id());
        fs::read_to_string(&path).map_err(|e| format!("{path}: {e}"))
    }
}

fn spawn(path: &Path, folder: &Path, flags: &[String]) -> Result<(Program, Duration), String> {
    let address = crate::cluster::free_address();
    let mut command = Command::new(path);
    command
        .arg(format!("--config.file={}", folder.join("config.yml").display()))
        .arg(format!("--storage.path={}", folder.join("data").display()))
        .arg(format!("--web.listen-address={address}"))
        .arg("--log.level=warn")
        .args(flags);
    let began = Instant::now();
    let mut program = Program::spawn_at(command, Stdio::null(), address)?;
    loop {
        let is_ready = Client::connect(address)
            .and_then(|mut client| client.get("/-/ready"))
            .is_ok_and(|answer| answer.status == 200);
        if is_ready {
            return Ok((program, began.elapsed()));
        }
        if began.elapsed() > PATIENCE || program.has_ended() {
            return Err(format!("it is not ready:\n{}", program.log().join("\n")));
        }
        thread::sleep(Duration::from_micros(500));
    }
}
