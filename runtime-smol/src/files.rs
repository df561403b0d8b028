//! Files: whole ones in, and replaced ones out. Blocking; meant for threads that may wait.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::Path,
};

use campana_core::limits::FILE_BYTES_MAX;

/// Reads a whole file of at most [`FILE_BYTES_MAX`] bytes.
pub(crate) fn read(path: &str) -> Result<Vec<u8>, String> {
    read_at_most(path.as_ref(), FILE_BYTES_MAX as u64).map_err(|e| format!("open {path}: {e}"))
}

fn read_at_most(path: &Path, max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // One byte more shows that there is more; a pipe or a device has no length to ask for.
    File::open(path)?.take(max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max {
        return Err(io::Error::other(format!("larger than {max} bytes")));
    }
    Ok(bytes)
}

/// Replaces a file so that after a crash either the old or the new content is there, whole.
pub(crate) fn save(directory: &str, name: &str, bytes: &[u8]) -> Result<(), String> {
    let directory = Path::new(directory);
    let temporary = directory.join(format!("{name}.tmp"));
    let result = replace(directory, &temporary, &directory.join(name), bytes);
    if result.is_err() {
        // Nothing more can be done about a file that cannot even be removed.
        fs::remove_file(&temporary).ok();
    }
    result.map_err(|e| format!("write {}: {e}", directory.join(name).display()))
}

fn replace(directory: &Path, temporary: &Path, name: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    drop(file);
    fs::rename(temporary, name)?;
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_or_left() {
        let directory = std::env::temp_dir().join(format!("campana-files-{}", std::process::id()));
        fs::create_dir_all(&directory).expect("a directory");
        let text = directory.to_str().expect("a plain path");
        save(text, "a", b"one").expect("written");
        save(text, "a", b"two").expect("written");
        let path = directory.join("a");
        assert_eq!(read(path.to_str().expect("plain")).expect("there"), b"two");
        assert!(read_at_most(&path, 2).is_err() && read_at_most(&path, 3).is_ok());
        fs::create_dir(directory.join("b")).expect("a directory");
        assert!(save(text, "b", b"x").is_err(), "a directory is in the way");
        assert!(!directory.join("b.tmp").exists());
        fs::remove_dir_all(&directory).expect("removed");
    }
}
