//! Real programs under test: starting, watching and ending them.

use std::{
    env,
    io::{self, BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, OnceLock},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::http;

/// How long a program may take to listen, or to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running program. Dropping it kills it.
#[derive(Debug)]
pub struct Program {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    /// Reads the log, to its end.
    reader: Option<thread::JoinHandle<()>>,
    address: SocketAddr,
}

impl Program {
    /// Starts an alert manager with a configuration file and a data directory, on a free port, and
    /// waits until it listens.
    ///
    /// # Errors
    /// Why it did not come up, with its log.
    pub fn start(
        executable: &Path,
        config: &Path,
        data: &Path,
        flags: &[String],
    ) -> Result<Self, String> {
        let mut command = Command::new(executable);
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", data.display()))
            .args(["--web.listen-address=127.0.0.1:0", "--cluster.listen-address="])
            .args(flags);
        Self::spawn(command, "msg=\"Listening on\"")
    }

    /// Starts a program and waits for the line of its log that holds a text, which ends with
    /// ` address=` and its address.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn spawn(command: Command, listening: &str) -> Result<Self, String> {
        Self::spawn_with(command, Stdio::null(), listening)
    }

    /// The same with a standard input.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn spawn_with(
        command: Command,
        standard_input: Stdio,
        listening: &str,
    ) -> Result<Self, String> {
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut program = Self::spawn_at(command, standard_input, nowhere)?;
        program.wait_listening(listening)?;
        Ok(program)
    }

    /// Starts a program that was told where to listen, and does not wait for it.
    ///
    /// # Errors
    /// That there is no such program.
    pub fn spawn_at(
        mut command: Command,
        standard_input: Stdio,
        address: SocketAddr,
    ) -> Result<Self, String> {
        let mut child = command
            .stdin(standard_input)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| format!("{command:?}: {e}"))?;
        let log = Arc::new(Mutex::new(Vec::new()));
        let stderr = child.stderr.take().expect("it is piped");
        let lines = log.clone();
        let reader = thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                lines.lock().expect("no thread panics with the lock held").push(line);
            }
        });
        Ok(Self { child, log, reader: Some(reader), address })
    }

    /// Tells whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Returns where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns its base URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the number of its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns the lines of its log so far.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().expect("no thread panics with the lock held").clone()
    }

    /// Waits until the log has a line that holds a text.
    pub fn wait_log(&self, text: &str, patience: Duration) -> bool {
        let end = Instant::now() + patience;
        while Instant::now() < end {
            if self.log().iter().any(|line| line.contains(text)) {
                return true;
            }
            thread::sleep(Duration::from_millis(20));
        }
        false
    }

    /// Makes a request.
    ///
    /// # Errors
    /// As [`http::request`].
    pub fn request(&self, method: &str, path: &str, body: &[u8]) -> io::Result<http::Answer> {
        http::request(self.address, method, path, body)
    }

    /// Returns the process's id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        // It may have ended by itself, which the caller will notice.
        let _ = kill_process(pid, signal);
    }

    /// Asks it to end and returns its exit code.
    ///
    /// # Errors
    /// That it does not end in time.
    pub fn stop(&mut self) -> Result<i32, String> {
        self.signal(Signal::TERM);
        self.wait()
    }

    /// Waits for its end and returns its exit code; -1 for a signal.
    ///
    /// # Errors
    /// That it does not end in time.
    pub fn wait(&mut self) -> Result<i32, String> {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if let Some(status) = self.child.try_wait().map_err(|e| e.to_string())? {
                return Ok(status.code().unwrap_or(-1));
            }
            thread::sleep(Duration::from_millis(5));
        }
        Err("it does not end".into())
    }

    /// Ends it without a warning.
    pub fn kill(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn wait_listening(&mut self, listening: &str) -> Result<(), String> {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            let ended = self.child.try_wait().map_err(|e| e.to_string())?;
            let log = self.log();
            let line = log.iter().find(|line| line.contains(listening));
            let address = line.and_then(|line| line.split_once(" address="));
            if let Some((_, rest)) = address {
                let text = rest.split_whitespace().next().unwrap_or_default().trim_matches('"');
                self.address = text.parse().map_err(|e| format!("{text}: {e}"))?;
                return Ok(());
            }
            if let Some(status) = ended {
                // All it said is read; what cannot be joined has been before.
                self.reader.take().map(thread::JoinHandle::join);
                return Err(format!("it ended with {status}:\n{}", self.log().join("\n")));
            }
            thread::sleep(Duration::from_millis(5));
        }
        Err(format!("it does not listen:\n{}", self.log().join("\n")))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Returns one of our own programs: from the folder that `CAMPANA_BIN` names, or built here, so
/// that no test plays on an old one.
///
/// # Panics
/// When it cannot be built.
pub fn built_program(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| match env::var_os("CAMPANA_BIN") {
        Some(folder) => folder.into(),
        None => build(),
    });
    let path = folder.join(name);
    assert!(path.is_file(), "there is no {}", path.display());
    path
}

/// Builds the programs with the profile of this test, and returns their folder.
fn build() -> PathBuf {
    let test = env::current_exe().expect("a process knows its file");
    // target/<profile>/deps/<test>, or target/<profile>/<program>
    let folder = test.parent().expect("a file lies in a folder");
    let folder = match folder.ends_with("deps") {
        true => folder.parent().expect("tests lie in target/<profile>/deps"),
        false => folder,
    };
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(["build", "--quiet"]);
    command.args(["--workspace", "--bins"]);
    if folder.ends_with("release") {
        command.arg("--release");
    }
    let status = command.status().expect("cargo runs this test, so it is there");
    assert!(status.success(), "the programs do not build");
    folder.to_owned()
}
