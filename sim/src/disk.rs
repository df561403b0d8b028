//! A host's files.

use std::{collections::BTreeMap, time::Duration};

use campana_core::{
    config::{TemplateFile, glob},
    persist::Found,
};

use crate::chance::Chance;

/// Whole files by path. What was synced outlives a power loss; of what was only written, nobody
/// knows.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    files: BTreeMap<String, File>,
    /// How long a read, a save or an append takes.
    pub delay: Duration,
    /// Why saves and appends fail, while they do: a full disk, for one.
    pub save_error: Option<String>,
}

#[derive(Clone, Debug, Default)]
struct File {
    bytes: Vec<u8>,
    /// How many of them are safe.
    synced: usize,
}

impl Disk {
    /// Returns a file.
    ///
    /// # Errors
    /// That there is none.
    pub fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        let file = self
            .files
            .get(path)
            .ok_or_else(|| format!("open {path}: no such file or directory"))?;
        Ok(file.bytes.clone())
    }

    /// Returns all files.
    pub fn all(&self) -> Vec<Found> {
        let found = |(name, file): (&String, &File)| Found {
            name: name.clone(),
            bytes: file.bytes.clone(),
        };
        self.files.iter().map(found).collect()
    }

    /// Returns the files whose paths match patterns part by part.
    ///
    /// # Errors
    /// A pattern is malformed.
    pub fn glob(&self, patterns: &[String]) -> Result<Vec<TemplateFile>, String> {
        let mut found = Vec::new();
        for pattern in patterns {
            for (path, file) in &self.files {
                let (parts, names) = (pattern.split('/'), path.split('/'));
                if parts.clone().count() != names.clone().count() {
                    continue;
                }
                let mut is_match = true;
                for (part, name) in parts.zip(names) {
                    is_match &= glob::matches(part, name).map_err(|e| format!("{pattern}: {e}"))?;
                }
                if is_match {
                    found.push(TemplateFile { path: path.clone(), text: file.bytes.clone() });
                }
            }
        }
        Ok(found)
    }

    /// Replaces a file, as an atomic rename does.
    pub fn write(&mut self, path: &str, content: &[u8]) {
        let file = File { bytes: content.to_vec(), synced: content.len() };
        self.files.insert(path.to_owned(), file);
    }

    /// Replaces a file on behalf of a node.
    ///
    /// # Errors
    /// [`Self::save_error`]; the old file stays.
    pub fn save(&mut self, path: &str, content: &[u8]) -> Result<(), String> {
        match &self.save_error {
            Some(error) => Err(error.clone()),
            None => {
                self.write(path, content);
                Ok(())
            }
        }
    }

    /// Writes bytes at a place of a file, and does not sync them. A disk that fails takes half of
    /// them.
    ///
    /// # Errors
    /// [`Self::save_error`], or that the file is not as long as the caller believes.
    pub fn append(&mut self, path: &str, offset: u64, bytes: &[u8]) -> Result<(), String> {
        let offset = usize::try_from(offset).map_err(|e| e.to_string())?;
        if offset > 0 && self.files.get(path).is_none_or(|file| file.bytes.len() != offset) {
            return Err(format!("{path} does not end at {offset}"));
        }
        let file = self.files.entry(path.to_owned()).or_default();
        if offset == 0 {
            *file = File::default();
        }
        let taken = if self.save_error.is_some() { bytes.len() / 2 } else { bytes.len() };
        file.bytes.extend_from_slice(&bytes[..taken]);
        self.save_error.clone().map_or(Ok(()), Err)
    }

    /// Makes everything in a file safe, up to a length.
    pub fn sync(&mut self, path: &str, length: u64) {
        if let Some(file) = self.files.get_mut(path) {
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            file.synced = file.synced.max(length.min(file.bytes.len()));
        }
    }

    /// Takes the power away: what was not synced is lost, or torn, or has holes.
    pub(crate) fn lose_power(&mut self, chance: &mut Chance) {
        for file in self.files.values_mut() {
            let loose = (file.bytes.len() - file.synced) as u64;
            if loose == 0 {
                continue;
            }
            let kept = file.synced + chance.below(loose + 1) as usize;
            match chance.below(3) {
                0 => file.bytes.truncate(file.synced),
                1 => file.bytes.truncate(kept),
                _ => {
                    // A page that did not make it, before others that did.
                    let hole = (kept - file.synced).min(512);
                    file.bytes[kept - hole..kept].fill(0);
                }
            }
            file.synced = file.bytes.len();
        }
    }

    /// Removes a file, if it is there.
    pub fn remove(&mut self, path: &str) {
        self.files.remove(path);
    }
}
