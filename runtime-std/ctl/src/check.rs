//! The command `check-config`.

use std::io::{self, IsTerminal as _, Read as _};

use crate::{
    files,
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
            let globs = config.template_globs.clone();
            out.push_str(&format!(
                "  SUCCESS\nFound:\n - global config\n - route\n - {} inhibit rules\n - {} \
                 receivers\n - {} templates\n",
                config.inhibit_rules.len(),
                config.receivers.len(),
                globs.len(),
            ));
            let complete = files::glob(&globs)
                .and_then(|files| config.complete(&files).map_err(|e| e.to_string()));
            match complete {
                Ok(config) => {
                    if !globs.is_empty() {
                        out.push_str("  SUCCESS\n");
                    }
                    let advice = campana_core::config::advise(&config, &text);
                    for warning in config.warnings.iter().chain(&advice) {
                        session.warn(format_args!("{file}:{warning}"));
                    }
                }
                Err(error) => {
                    failed += 1;
                    out.push_str(&format!("  FAILED: {error}\n"));
                }
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
