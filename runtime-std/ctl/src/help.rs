//! Help, from the table.

use campana_core::cli::{Command, Flag, Kind, Scanned};

use crate::table::PROGRAM;

/// The longest line.
const WIDTH: usize = 90;
/// The column where explanations begin.
const COLUMN: usize = 30;

/// Returns the help of the command that a line means, or of the program.
pub(crate) fn help(program: &str, line: &Scanned) -> String {
    let command = line.command(&PROGRAM);
    let words: Vec<&str> = line.commands.iter().map(|command| command.name).collect();
    let mut out = format!("usage: {}\n\n", usage(program, &words, command));
    out.push_str(&format!("{}\n", command.help));
    for paragraph in command.more.split("\n\n").filter(|text| !text.is_empty()) {
        out.push('\n');
        wrap(&mut out, 0, paragraph);
    }
    examples(&mut out, program, command);
    let own: Vec<&Flag> = line.commands.iter().flat_map(|command| command.flags).collect();
    if !own.is_empty() {
        out.push_str("\nFlags:\n");
        own.iter().filter(|flag| !flag.hidden).for_each(|flag| flag_row(&mut out, flag));
    }
    if let Some(values) = &command.values {
        out.push_str("\nArguments:\n");
        row(&mut out, &format!("  [<{}>]", values.name), values.help);
    }
    if !command.commands.is_empty() {
        out.push_str("\nCommands:\n");
        commands(&mut out, 2, command);
    }
    out.push_str(if line.commands.is_empty() {
        "\nFlags:\n"
    } else {
        "\nFlags of all commands:\n"
    });
    row(&mut out, "  -h, --help", "Show this help.");
    row(&mut out, "      --version", "Show the version.");
    PROGRAM.flags.iter().filter(|flag| !flag.hidden).for_each(|flag| flag_row(&mut out, flag));
    out
}

/// Returns the help of all commands.
pub(crate) fn long(program: &str) -> String {
    let mut out = help(program, &Scanned::default());
    each(&PROGRAM, &mut Vec::new(), &mut |words, command| {
        out.push_str(&format!("\n\n{}\n\n", usage(program, words, command)));
        wrap(&mut out, 2, command.help);
        for flag in command.flags.iter().filter(|flag| !flag.hidden) {
            flag_row(&mut out, flag);
        }
    });
    out
}

/// Calls `visit` for every command with the words that lead to it.
pub(crate) fn each<'a>(
    command: &'a Command,
    words: &mut Vec<&'a str>,
    visit: &mut impl FnMut(&[&str], &Command),
) {
    for below in command.commands {
        words.push(below.name);
        visit(words, below);
        each(below, words, visit);
        words.pop();
    }
}

/// How a command is written.
pub(crate) fn usage(program: &str, words: &[&str], command: &Command) -> String {
    let mut out = program.to_owned();
    for word in words {
        out.push_str(&format!(" {word}"));
    }
    for flag in command.flags.iter().filter(|flag| flag.required) {
        out.push_str(&format!(" --{}={}", flag.name, flag.placeholder));
    }
    if words.is_empty() || command.flags.iter().any(|flag| !flag.required && !flag.hidden) {
        out.push_str(" [<flags>]");
    }
    match &command.values {
        Some(values) if values.single => out.push_str(&format!(" [<{}>]", values.name)),
        Some(values) => out.push_str(&format!(" [<{}>...]", values.name)),
        None if command.commands.is_empty() => {}
        None => out.push_str(" <command> [<args> ...]"),
    }
    out
}

fn commands(out: &mut String, indent: usize, command: &Command) {
    for below in command.commands {
        let mark = if command.default == Some(below.name) { "*" } else { "" };
        row(out, &format!("{}{}{mark}", " ".repeat(indent), below.name), below.help);
        commands(out, indent + 2, below);
    }
}

fn examples(out: &mut String, program: &str, command: &Command) {
    if command.examples.is_empty() {
        return;
    }
    out.push_str("\nExamples:\n");
    for (line, what) in command.examples {
        out.push_str(&format!("  # {what}\n  {program} {}\n", line.replace("campanactl", program)));
    }
}

/// How a flag is written in front of its explanation.
pub(crate) fn flag_usage(flag: &Flag) -> String {
    let value = match flag.kind {
        Kind::Switch if flag.default == "true" => return format!("--no-{}", flag.name),
        Kind::Switch => return format!("--{}", flag.name),
        _ if flag.default.is_empty() => flag.placeholder.to_owned(),
        Kind::Text if flag.default.contains(' ') => format!("\"{}\"", flag.default),
        _ => flag.default.to_owned(),
    };
    format!("--{}={value}", flag.name)
}

fn flag_row(out: &mut String, flag: &Flag) {
    let short = flag.short.map_or("    ".to_owned(), |letter| format!("-{letter}, "));
    row(out, &format!("  {short}{}", flag_usage(flag)), &flag_help(flag));
}

/// What a flag does as it is written.
pub(crate) fn flag_help(flag: &Flag) -> String {
    match (flag.kind, flag.default) {
        (Kind::Switch, "true") => format!("Do not {}", lower(flag.help)),
        _ => flag.help.to_owned(),
    }
}

/// A sentence that stands inside another one.
pub(crate) fn lower(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |c| c.to_ascii_lowercase().to_string() + chars.as_str())
}

/// Appends one row of two columns, the right one wrapped.
fn row(out: &mut String, left: &str, right: &str) {
    out.push_str(left);
    let mut column = left.chars().count();
    if column + 2 > COLUMN {
        out.push('\n');
        column = 0;
    }
    out.push_str(&" ".repeat(COLUMN - column));
    let mut wrapped = String::new();
    wrap(&mut wrapped, COLUMN, right);
    out.push_str(wrapped.trim_start());
}

/// Appends a paragraph in lines of bounded length.
fn wrap(out: &mut String, indent: usize, text: &str) {
    let mut column = 0;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let width = word.chars().count();
        if column > 0 && column + 1 + width > WIDTH {
            out.push('\n');
            column = 0;
        }
        if column == 0 {
            out.push_str(&" ".repeat(indent));
            column = indent;
        } else {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += width;
    }
    out.push('\n');
}
