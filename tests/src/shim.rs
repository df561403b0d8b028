//! A host that misbehaves, for real programs: a small library in front of the C library moves the
//! wall clock and lets the disk fail, as a test orders while the program runs.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use tempfile::TempDir;

/// What a program's host does to it.
#[derive(Debug)]
pub struct Shim {
    orders: File,
    folder: TempDir,
}

impl Shim {
    /// Makes a host that does nothing yet. `None`, with a notice, where no C compiler is.
    ///
    /// # Errors
    /// The folder or the orders cannot be written.
    pub fn new() -> io::Result<Option<Self>> {
        if library().is_none() {
            return Ok(None);
        }
        let folder = tempfile::tempdir()?;
        let mut orders = File::create(folder.path().join("orders"))?;
        orders.write_all(&[0; 24])?;
        Ok(Some(Self { orders, folder }))
    }

    /// Puts the shim in front of a program; its disk is a folder.
    ///
    /// # Panics
    /// Without a C compiler, where there is no shim.
    pub fn apply(&self, command: &mut Command, disk: &Path) {
        command
            .env("LD_PRELOAD", library().expect("it was built before"))
            .env("SHIM_ORDERS", self.folder.path().join("orders"))
            .env("SHIM_FOLDER", disk);
    }

    /// Sets the wall clock that many seconds ahead of the real one, from now on.
    pub fn step_clock(&self, seconds: i64) {
        self.order(0, seconds);
    }

    /// Lets writes and syncs fail with these errors of the system, from now on; 0 is none.
    pub fn fail(&self, writes: i32, syncs: i32) {
        self.order(8, writes.into());
        self.order(16, syncs.into());
    }

    fn order(&self, at: u64, number: i64) {
        self.orders.write_all_at(&number.to_ne_bytes(), at).expect("the folder is ours");
    }
}

/// Builds the library once.
#[allow(clippy::print_stderr, reason = "a test that cannot be set up here says so")]
fn library() -> Option<&'static Path> {
    static LIBRARY: OnceLock<Option<(TempDir, PathBuf)>> = OnceLock::new();
    let built = LIBRARY.get_or_init(|| {
        let folder = tempfile::tempdir().ok()?;
        let source = folder.path().join("shim.c");
        fs::write(&source, include_str!("../testdata/shim.c")).ok()?;
        let to = folder.path().join("shim.so");
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&to).arg(&source).arg("-ldl");
        match cc.output() {
            Err(error) => {
                eprintln!("skipped: there is no C compiler here: {error}");
                None
            }
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr);
                assert!(output.status.success(), "the shim does not build: {said}");
                Some((folder, to))
            }
        }
    });
    built.as_ref().map(|(_, path)| &**path)
}
