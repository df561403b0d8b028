//! Files: whole ones in, and replaced ones out. Blocking; meant for threads that may wait.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use campana_core::{
    config::{TemplateFile, glob},
    limits::FILE_BYTES_MAX,
};

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

/// Reads all files that patterns match: in the order of the patterns, by name within each. What no
/// file matches is no error.
pub(crate) fn glob(patterns: &[String]) -> Result<Vec<TemplateFile>, String> {
    let mut files = Vec::new();
    for pattern in patterns {
        for path in paths(pattern).map_err(|e| format!("templates: {pattern}: {e}"))? {
            let text = read(&path)?;
            files.push(TemplateFile { path, text });
        }
    }
    Ok(files)
}

/// Returns the paths that a pattern matches. Folders that cannot be read hold nothing.
fn paths(pattern: &str) -> Result<Vec<String>, glob::BadPattern> {
    if !glob::is_pattern(pattern) {
        let is_there = fs::symlink_metadata(pattern).is_ok();
        return Ok(is_there.then(|| pattern.to_owned()).into_iter().collect());
    }
    let (folder, last) = pattern.rsplit_once('/').unwrap_or(("", pattern));
    glob::matches(last, "")?;
    let folders = match folder {
        "" => vec![if pattern.starts_with('/') { "/".to_owned() } else { String::new() }],
        folder => paths(folder)?,
    };
    let mut found = Vec::new();
    for folder in folders {
        let start = if folder.is_empty() { "." } else { &folder };
        let Ok(entries) = fs::read_dir(start) else { continue };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut names: Vec<String> =
            names.filter(|name| glob::matches(last, name) == Ok(true)).collect();
        names.sort();
        found.extend(names.into_iter().map(|name| match &*folder {
            "" => name,
            "/" => format!("/{name}"),
            folder => format!("{folder}/{name}"),
        }));
    }
    Ok(found)
}

/// Appends to a file, which is made if it is not there, or to the standard output. What could be
/// written of it only in part is taken back.
pub(crate) fn record(path: Option<&str>, bytes: &[u8]) -> Result<(), String> {
    let Some(path) = path else {
        let mut out = io::stdout().lock();
        return out.write_all(bytes).and_then(|()| out.flush()).map_err(|e| format!("write: {e}"));
    };
    let mut options = OpenOptions::new();
    let mut file = options
        .append(true)
        .create(true)
        .mode(0o644)
        .open(path)
        .map_err(|e| format!("open {path}: {e}"))?;
    let length = file.metadata().map(|it| it.len());
    file.write_all(bytes).map_err(|e| {
        length.and_then(|length| file.set_len(length)).ok();
        format!("write {path}: {e}")
    })
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
    fn patterns_find_files_in_order() {
        let folder = tempfile_folder("glob");
        for name in ["b.tmpl", "a.tmpl", "c.txt", "sub/z.tmpl"] {
            fs::create_dir_all(folder.join("sub")).expect("a directory");
            fs::write(folder.join(name), name).expect("written");
        }
        let root = folder.to_str().expect("a plain path");
        let names = |patterns: &[&str]| -> Result<Vec<String>, String> {
            let patterns: Vec<String> = patterns.iter().map(|p| format!("{root}/{p}")).collect();
            let files = glob(&patterns)?;
            Ok(files.iter().map(|file| String::from_utf8_lossy(&file.text).into_owned()).collect())
        };
        assert_eq!(names(&["*.tmpl"]), Ok(vec!["a.tmpl".into(), "b.tmpl".into()]));
        assert_eq!(names(&["s*/*.tmpl", "c.txt"]), Ok(vec!["sub/z.tmpl".into(), "c.txt".into()]));
        assert_eq!(names(&["none*", "none"]), Ok(vec![]));
        assert!(names(&["["]).expect_err("malformed").contains("syntax error in pattern"));
        fs::remove_dir_all(folder).expect("removed");
    }

    fn tempfile_folder(name: &str) -> std::path::PathBuf {
        let folder = std::env::temp_dir().join(format!("campana-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a directory");
        folder
    }

    #[test]
    fn a_file_is_replaced_or_left() {
        let directory = tempfile_folder("files");
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
