//! A host's files.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use campana_core::config::{TemplateFile, glob};

/// Whole files by path. What was saved completely outlives a crash; nothing else does.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    files: BTreeMap<String, Arc<[u8]>>,
    /// How long a read or a save takes.
    pub delay: Duration,
    /// Why saves fail, while they do: a full disk, for one.
    pub save_error: Option<String>,
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
        Ok(file.to_vec())
    }

    /// Returns the files whose paths match patterns part by part.
    ///
    /// # Errors
    /// A pattern is malformed.
    pub fn glob(&self, patterns: &[String]) -> Result<Vec<TemplateFile>, String> {
        let mut found = Vec::new();
        for pattern in patterns {
            for (path, text) in &self.files {
                let (parts, names) = (pattern.split('/'), path.split('/'));
                if parts.clone().count() != names.clone().count() {
                    continue;
                }
                let mut is_match = true;
                for (part, name) in parts.zip(names) {
                    is_match &= glob::matches(part, name).map_err(|e| format!("{pattern}: {e}"))?;
                }
                if is_match {
                    found.push(TemplateFile { path: path.clone(), text: text.to_vec() });
                }
            }
        }
        Ok(found)
    }

    /// Replaces a file, as an atomic rename does.
    pub fn write(&mut self, path: &str, content: &[u8]) {
        self.files.insert(path.to_owned(), content.into());
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

    /// Removes a file, if it is there.
    pub fn remove(&mut self, path: &str) {
        self.files.remove(path);
    }
}
