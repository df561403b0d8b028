//! The command `check-config`.

use std::io::{self, IsTerminal as _, Read as _};

use campana_core::config::yaml::{self, Value};

use crate::{
    render,
    session::{Failure, Session, print},
    source,
};

/// What standard input is called.
const STDIN: &str = "/dev/stdin";

/// Checks files, or standard input.
pub(crate) fn check(session: &Session) -> Result<(), Failure> {
    let mut files = session.values().to_vec();
    files.iter().try_for_each(|file| source::check(file))?;
    if files.is_empty() {
        if io::stdin().is_terminal() {
            return Err("no file given, and standard input is a terminal".to_owned());
        }
        files.push(STDIN.to_owned());
    }
    let mut failed = 0;
    for file in &files {
        failed += check_one(session, file)?;
    }
    if failed > 0 { Err(format!("failed to validate {failed} file(s)")) } else { Ok(()) }
}

/// Checks a file and returns how much of it is wrong: the file itself, its templates.
fn check_one(session: &Session, file: &str) -> Result<u32, Failure> {
    let mut out = format!("Checking '{file}'");
    let mut failed = 0;
    let text = if file == STDIN { stdin() } else { source::read(file) };
    let loaded = text.and_then(|text| Ok((source::parse(session, file, &text)?, text)));
    match loaded {
        Err(error) => {
            failed += 1;
            out.push_str(&format!("  FAILED: {error}\n"));
        }
        Ok((config, text)) => {
            let templates = templates(&text, file);
            out.push_str(&format!(
                "  SUCCESS\nFound:\n - global config\n - route\n - {} inhibit rules\n - {} \
                 receivers\n - {} templates\n",
                config.inhibit_rules.len(),
                config.receivers.len(),
                templates.len(),
            ));
            if !templates.is_empty() {
                match render::load(&templates) {
                    Ok(_) => out.push_str("  SUCCESS\n"),
                    Err(error) => {
                        failed += 1;
                        out.push_str(&format!("  FAILED: {error}\n"));
                    }
                }
            }
            for warning in &config.warnings {
                session.warn(format_args!("{file}:{warning}"));
            }
        }
    }
    out.push('\n');
    print(&out)?;
    Ok(failed)
}

fn stdin() -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    io::stdin().read_to_end(&mut text).map_err(|e| format!("read {STDIN}: {e}"))?;
    Ok(text)
}

/// The patterns of `templates`, seen from the file's folder.
fn templates(text: &[u8], file: &str) -> Vec<String> {
    let directory = file.rsplit_once('/').map_or("", |(folder, _)| folder);
    let text = String::from_utf8_lossy(text);
    let Ok(Some(root)) = yaml::load(text.trim_start_matches('\u{feff}')) else { return Vec::new() };
    let Value::Map(entries) = root.value else { return Vec::new() };
    let found = entries.into_iter().filter(|(key, _)| key.text() == Some("templates"));
    let lists = found.filter_map(|(_, value)| match value.value {
        Value::List(items) => Some(items),
        _ => None,
    });
    let texts = lists.flatten().filter_map(|item| item.text().map(str::to_owned));
    texts.map(|path| campana_core::config::raw::join(directory, &path)).collect()
}
