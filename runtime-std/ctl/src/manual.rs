//! The manual page, from the table.

use campana_core::{
    cli::{Command, Flag},
    metrics::Build,
};

use crate::{
    help::{each, flag_help, flag_usage, lower, usage},
    table::PROGRAM,
};

/// Returns the page in the language of `man`.
pub(crate) fn page(program: &str) -> String {
    let mut out = format!(
        ".TH {} 1 \"\" \"campana {}\" \"User Commands\"\n.SH NAME\n{program} \\- {}\n",
        program.to_uppercase(),
        Build::this().version,
        escape(&lower(PROGRAM.help.trim_end_matches('.'))),
    );
    out.push_str(&format!(".SH SYNOPSIS\n.B {}\n", escape(&usage(program, &[], &PROGRAM))));
    out.push_str(".SH DESCRIPTION\n");
    paragraphs(&mut out, PROGRAM.more);
    out.push_str(".SH OPTIONS\nThese go with every command.\n");
    out.push_str(".TP\n.B \\-h, \\-\\-help\nShow the help of a command.\n");
    out.push_str(".TP\n.B \\-\\-version\nShow the version.\n");
    flags(&mut out, PROGRAM.flags);
    out.push_str(".SH COMMANDS\n");
    each(&PROGRAM, &mut Vec::new(), &mut |words, command| {
        section(&mut out, program, words, command);
    });
    out.push_str(
        ".SH EXIT STATUS\n0 when all went well, also when nothing was found; 1 otherwise.\n\
         .SH SEE ALSO\n.BR campana (1)\n",
    );
    out
}

fn section(out: &mut String, program: &str, words: &[&str], command: &Command) {
    out.push_str(&format!(".SS {}\n", escape(&usage(program, words, command))));
    out.push_str(&format!("{}\n", escape(command.help)));
    if !command.more.is_empty() {
        out.push_str(".PP\n");
    }
    paragraphs(out, command.more);
    flags(out, command.flags);
    for (line, what) in command.examples {
        let line = line.replace("campanactl", program);
        out.push_str(&format!(
            ".PP\nExample: {}\n.PP\n.nf\n.RS\n{program} {}\n.RE\n.fi\n",
            escape(what),
            escape(&line)
        ));
    }
}

fn paragraphs(out: &mut String, text: &str) {
    let texts: Vec<String> =
        text.split("\n\n").filter(|text| !text.is_empty()).map(escape).collect();
    if !texts.is_empty() {
        out.push_str(&texts.join("\n.PP\n"));
        out.push('\n');
    }
}

fn flags(out: &mut String, flags: &[Flag]) {
    for flag in flags.iter().filter(|flag| !flag.hidden) {
        let short = flag.short.map_or(String::new(), |letter| format!("-{letter}, "));
        let usage = escape(&format!("{short}{}", flag_usage(flag)));
        out.push_str(&format!(".TP\n.B {usage}\n{}\n", escape(&flag_help(flag))));
    }
}

/// Escapes what the language of manuals would obey.
fn escape(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-").replace('`', "\"");
    match text.starts_with(['.', '\'']) {
        true => format!("\\&{text}"),
        false => text,
    }
}
