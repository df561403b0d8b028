//! The texts of `--help` and `--version`.

use alloc::{
    format,
    string::{String, ToString as _},
};

use super::{
    command::{Flag, Kind},
    flags::{FEATURES, FLAGS},
    parse::is_alertmanager,
};
use crate::metrics::Build;

/// The column where the help of a flag begins.
const COLUMN: usize = 31;
/// The longest line.
const WIDTH: usize = 90;

/// Returns the text of `--help`.
pub(super) fn help(program: &str) -> String {
    let mut out = format!("usage: {program} [<flags>]\n\n\nFlags:\n");
    entry(&mut out, "  -h, --[no-]help", "Show this help.");
    for flag in FLAGS {
        entry(&mut out, &left(flag, program), &right(flag, program));
    }
    entry(&mut out, "      --[no-]version", "Show the version.");
    out.push_str("\nFeatures of --enable-feature:\n");
    for (name, effect) in FEATURES {
        entry(&mut out, &format!("      {name}"), effect);
    }
    out.push_str("\nDurations are written like 1h30m, 5d or 1w.\n");
    out.push_str("An argument @FILE stands for the lines of that file.\n");
    out
}

fn left(flag: &Flag, program: &str) -> String {
    let default = if flag.name == "config.file" && is_alertmanager(program) {
        super::parse::CONFIG_FILE
    } else {
        flag.default
    };
    match flag.kind {
        Kind::Switch => format!("      --[no-]{}", flag.name),
        Kind::Text | Kind::File if default.is_empty() => {
            format!("      --{}={}", flag.name, flag.placeholder)
        }
        Kind::Text | Kind::File => format!("      --{}=\"{default}\"", flag.name),
        _ => format!("      --{}={default}", flag.name),
    }
}

fn right(flag: &Flag, program: &str) -> String {
    let mut help = flag.help.to_string();
    if flag.name == "config.file" && !is_alertmanager(program) {
        help.push_str(" Without this flag an embedded configuration logs every notification.");
    }
    if flag.missing.is_some() {
        help.push_str(" Not available in this version.");
    }
    help
}

/// Appends one row of two columns, the right one wrapped.
fn entry(out: &mut String, left: &str, right: &str) {
    out.push_str(left);
    let mut column = left.len();
    if column + 2 > COLUMN {
        out.push('\n');
        column = 0;
    }
    let mut fresh = true;
    for word in right.split(' ') {
        if !fresh && column + 1 + word.len() > WIDTH {
            out.push('\n');
            (column, fresh) = (0, true);
        }
        if fresh {
            out.extend(core::iter::repeat_n(' ', COLUMN - column));
            column = COLUMN;
            fresh = false;
        } else {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += word.len();
    }
    out.push('\n');
}

/// Returns the text of `--version`. A program called by the name of Alertmanager's server or tool
/// answers as that one.
pub fn version(program: &str) -> String {
    let build = Build::this();
    let is_tool = program.strip_suffix(".exe").unwrap_or(program) == "amtool";
    let mut out = if is_alertmanager(program) || is_tool {
        format!(
            "{program}, version {} (branch: {}, revision: {})\n",
            build.compatible, build.branch, build.revision
        )
    } else {
        format!(
            "{program}, version {} (branch: {}, revision: {}, compatible with Alertmanager {})\n",
            build.version, build.branch, build.revision, build.compatible
        )
    };
    for (name, value) in [
        ("build user:", build.user),
        ("build date:", build.date),
        ("go version:", build.language),
        ("platform:", &build.platform()),
        ("tags:", build.tags),
    ] {
        out.push_str(&format!("  {name:<16} {value}\n"));
    }
    out
}
