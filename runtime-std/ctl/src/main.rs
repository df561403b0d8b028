//! campanactl: asks and changes a running alert manager, and checks configurations offline with the
//! server's own code. It has the commands, flags, files, output and exit status of Alertmanager's
//! amtool, and speaks with that name when it is called by it.

mod address;
mod alert;
mod check;
mod client;
mod complete;
mod date;
#[path = "../../../runtime-smol/src/files.rs"]
#[allow(dead_code, reason = "the tool only reads; the servers use the rest")]
mod files;
mod format;
mod help;
mod import;
mod manual;
mod model;
mod render;
mod routes;
mod server;
mod session;
mod silence;
mod source;
mod table;
mod tabs;
mod timeline;
// Connections are made as to receivers, and so the source is the same.
#[path = "../../src/socket.rs"]
mod socket;
#[path = "../../../runtime-smol/src/trust.rs"]
#[allow(dead_code, reason = "the tool is a client only; the servers use the rest")]
mod trust;
#[path = "../../src/wire.rs"]
#[allow(dead_code, reason = "the tool has words of its own")]
mod wire;
mod words;

use std::{
    env, fs,
    io::{self, Write as _},
    process::ExitCode,
};

use campana_core::cli::{Scanned, scan, version};

use crate::{
    session::{Failure, Session, print},
    table::PROGRAM,
};

fn main() -> ExitCode {
    let argv: Vec<String> =
        env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect();
    let path = argv.first().map_or(PROGRAM.name, String::as_str);
    let program = path.rsplit(['/', '\\']).next().unwrap_or(path);
    match run(program, argv.get(1..).unwrap_or_default()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            // Nobody is left to tell when this fails.
            writeln!(io::stderr(), "{program}: error: {text}").ok();
            ExitCode::FAILURE
        }
    }
}

fn run(program: &str, words: &[String]) -> Result<(), Failure> {
    if let Some((first, rest)) = words.split_first()
        && first == complete::ASK
    {
        return print(&complete::candidates(rest));
    }
    let mut line = Scanned::default();
    let read_file = &mut |path: &str| fs::read_to_string(path).map_err(|e| e.to_string());
    let scanned = scan(&PROGRAM, words, read_file, &mut line);
    // Help is given for a line that goes on wrong, too.
    if line.help || words.is_empty() {
        return print(&help::help(program, &line));
    }
    scanned?;
    let asks = |flag: &str| {
        line.given.get(flag).is_some_and(|values| values.ends_with(&["true".to_owned()]))
    };
    if line.version {
        return print(&version(program));
    } else if asks("help-long") {
        return print(&help::long(program));
    } else if asks("help-man") {
        return print(&manual::page(program));
    } else if asks("completion-script-bash") {
        return completion("bash", program);
    } else if asks("completion-script-zsh") {
        return completion("zsh", program);
    }
    let session = Session::new(program, line, session::read_defaults()?)?;
    dispatch(&session)
}

fn dispatch(session: &Session) -> Result<(), Failure> {
    let words: Vec<&str> = session.line.commands.iter().map(|command| command.name).collect();
    match *words {
        ["alert", "query"] => alert::query(session),
        ["alert", "add"] => alert::add(session),
        ["silence", "add"] => silence::add(session),
        ["silence", "expire"] => silence::expire(session),
        ["silence", "import"] => import::import(session),
        ["silence", "query"] => silence::query(session),
        ["silence", "update"] => silence::update(session),
        ["check-config"] => check::check(session),
        ["cluster", "show"] => server::cluster(session),
        ["config", "show"] => server::config(session),
        ["config", "routes", "show"] => routes::show(session),
        ["config", "routes", "test"] => routes::test(session),
        ["template", "render"] => render::render(session),
        ["timeline"] => timeline::timeline(session),
        ["completion"] => {
            let shell = session.values().first().map(String::as_str).unwrap_or_default();
            completion(shell, &session.program)
        }
        ["manual"] => print(&manual::page(&session.program)),
        ["help"] => {
            let mut line = Scanned::default();
            let read_file = &mut |_: &str| Err("not a command".to_owned());
            line.help = true;
            scan(&PROGRAM, session.values(), read_file, &mut line)?;
            print(&help::help(&session.program, &line))
        }
        _ => Err(match words.last() {
            Some(name) => format!("must select a subcommand of '{name}'"),
            None => "must select a command".to_owned(),
        }),
    }
}

fn completion(shell: &str, program: &str) -> Result<(), Failure> {
    let script = complete::script(shell, program);
    print(
        &script
            .ok_or_else(|| format!("no completion for {shell:?}; there is bash, zsh and fish"))?,
    )
}
