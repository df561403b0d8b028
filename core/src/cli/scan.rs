//! From words to flags, commands and values, in the dialect of Alertmanager's flag library
//! (kingpin).

use alloc::{
    borrow::ToOwned as _,
    collections::{BTreeMap, VecDeque},
    format,
    string::{String, ToString as _},
    vec::Vec,
};

use super::command::{Command, Flag, Kind};
use crate::limits::CLI_ARGUMENTS_MAX;

/// The flags that were given, by long name, with their values as written; a switch has `true` or
/// `false`.
pub type Given = BTreeMap<&'static str, Vec<String>>;

/// What a command line says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scanned {
    /// The commands from the outermost to the one that is meant.
    pub commands: Vec<&'static Command>,
    /// The flags.
    pub given: Given,
    /// The values.
    pub values: Vec<String>,
    /// Whether help is asked for.
    pub help: bool,
    /// Whether the version is asked for.
    pub version: bool,
}

impl Scanned {
    /// Returns the table of the command that is meant.
    pub fn command<'a>(&self, program: &'a Command) -> &'a Command {
        self.commands.last().copied().unwrap_or(program)
    }

    /// Returns a flag of the program or of the commands that are meant, with its table entry.
    pub fn find(&self, program: &Command, name: &str) -> Option<&'static Flag> {
        self.flags(program).find(|flag| flag.name == name)
    }

    /// Returns the program's flags and those of the commands that are meant.
    pub fn flags(&self, program: &Command) -> impl Iterator<Item = &'static Flag> {
        let below = self.commands.iter().flat_map(|command| command.flags);
        program.flags.iter().chain(below)
    }
}

/// Returns the text of a file, for arguments of the form `@file`.
pub type ReadFile<'a> = &'a mut dyn FnMut(&str) -> Result<String, String>;

/// Reads the words after the program's name.
///
/// What was read up to a mistake stays in `scanned`, since help is given also for a line that goes
/// on wrong.
///
/// # Errors
/// The words do not fit the table; said as the library says it.
pub fn scan(
    program: &Command,
    words: &[String],
    read_file: ReadFile<'_>,
    scanned: &mut Scanned,
) -> Result<(), String> {
    let mut line = Line {
        program,
        arguments: words.iter().cloned().collect(),
        read: 0,
        only_values: false,
        scanned,
    };
    line.scan(read_file)
}

/// A command line on its way from words to what they say.
struct Line<'a> {
    program: &'a Command,
    arguments: VecDeque<String>,
    /// Words read so far, those of files included.
    read: usize,
    /// Whether `--` has been read.
    only_values: bool,
    scanned: &'a mut Scanned,
}

/// One word.
enum Word {
    Flag(String, Option<String>),
    /// A letter after one dash, and what follows it in the same word.
    Short(char, String),
    Value(String),
}

impl Line<'_> {
    fn scan(&mut self, read_file: ReadFile<'_>) -> Result<(), String> {
        while let Some(word) = self.next(read_file)? {
            match word {
                Word::Flag(name, value) => self.flag(&name, value, read_file)?,
                Word::Short(letter, rest) => self.short(letter, rest, read_file)?,
                Word::Value(text) => self.value(text)?,
            }
        }
        if !self.scanned.help {
            while self.enter_default() {}
        }
        Ok(())
    }

    /// The command read last.
    fn command(&self) -> &Command {
        self.scanned.command(self.program)
    }

    /// Goes on to the command that is meant when none is named.
    fn enter_default(&mut self) -> bool {
        let command = self.command();
        let below = command.default.and_then(|name| command.command(name));
        self.scanned.commands.extend(below);
        below.is_some()
    }

    /// Finds a flag, in the default commands below as well, which it enters then.
    fn find(&mut self, of: impl Fn(&Flag) -> bool) -> Option<&'static Flag> {
        loop {
            if let Some(flag) = self.scanned.flags(self.program).find(|flag| of(flag)) {
                return Some(flag);
            }
            if !self.enter_default() {
                return None;
            }
        }
    }

    /// Takes a word that is no flag: a command or a value.
    fn value(&mut self, text: String) -> Result<(), String> {
        loop {
            let command = self.command();
            if command.commands.is_empty() {
                let full = command
                    .values
                    .is_none_or(|values| values.single && !self.scanned.values.is_empty());
                if full {
                    return Err(format!("unexpected {text}"));
                }
                self.scanned.values.push(text);
                return Ok(());
            }
            if let Some(named) = command.command(&text) {
                self.scanned.commands.push(named);
                return Ok(());
            }
            if !self.enter_default() {
                return Err(format!("expected command but got {text:?}"));
            }
        }
    }

    /// Takes the next word, after putting the lines of an `@file` in its place.
    fn next(&mut self, read_file: ReadFile<'_>) -> Result<Option<Word>, String> {
        while let Some(argument) = self.arguments.pop_front() {
            self.read += 1;
            if self.read > CLI_ARGUMENTS_MAX {
                return Err(format!("more than {CLI_ARGUMENTS_MAX} arguments"));
            }
            if self.only_values {
                return Ok(Some(Word::Value(argument)));
            }
            if let Some(path) = argument.strip_prefix('@') {
                let text = read_file(path).map_err(|err| format!("open {path}: {err}"))?;
                let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
                for line in lines.rev() {
                    self.arguments.push_front(line.to_owned());
                }
            } else if argument == "--" {
                self.only_values = true;
            } else if let Some(flag) = argument.strip_prefix("--") {
                return Ok(Some(match flag.split_once('=') {
                    Some((name, value)) => Word::Flag(name.to_owned(), Some(value.to_owned())),
                    None => Word::Flag(flag.to_owned(), None),
                }));
            } else if let Some(short) = argument.strip_prefix('-')
                && let Some(letter) = short.chars().next()
            {
                let rest = short[letter.len_utf8()..].to_owned();
                return Ok(Some(Word::Short(letter, rest)));
            } else {
                return Ok(Some(Word::Value(argument)));
            }
        }
        Ok(None)
    }

    fn short(&mut self, letter: char, rest: String, read_file: ReadFile<'_>) -> Result<(), String> {
        let flag = match letter {
            'h' => None,
            _ => {
                let found = self.find(|flag| flag.short == Some(letter));
                Some(found.ok_or_else(|| format!("unknown short flag '-{letter}'"))?)
            }
        };
        if flag.is_none_or(|flag| flag.kind == Kind::Switch) {
            // Letters may be joined: what follows is another one.
            if !rest.is_empty() {
                self.arguments.push_front(format!("-{rest}"));
            }
            match flag {
                None => self.scanned.help = true,
                Some(flag) => self.keep(flag, true.to_string())?,
            }
            return Ok(());
        }
        let flag = flag.expect("only help has no entry in the table");
        let value = Some(rest).filter(|rest| !rest.is_empty());
        self.take(flag, value, &format!("-{letter}"), read_file)
    }

    fn flag(
        &mut self,
        name: &str,
        value: Option<String>,
        read_file: ReadFile<'_>,
    ) -> Result<(), String> {
        let (plain, on) = match name.strip_prefix("no-") {
            Some(plain) if self.is_switch(plain) => (plain, false),
            _ => (name, true),
        };
        if self.is_switch(plain) {
            if let Some(value) = value {
                return Err(format!("unexpected {value}"));
            }
            match plain {
                "help" => self.scanned.help |= on,
                "version" => self.scanned.version |= on,
                _ => {
                    let flag = self.find(|flag| flag.name == plain).expect("it was just found");
                    self.keep(flag, on.to_string())?;
                }
            }
            return Ok(());
        }
        let flag = self.find(|flag| flag.name == name);
        let flag = flag.ok_or_else(|| format!("unknown long flag '--{name}'"))?;
        self.take(flag, value, &format!("--{name}"), read_file)
    }

    fn is_switch(&mut self, name: &str) -> bool {
        matches!(name, "help" | "version")
            || self.find(|flag| flag.name == name).is_some_and(|flag| flag.kind == Kind::Switch)
    }

    /// Takes a flag's value, from its own word or the next one.
    fn take(
        &mut self,
        flag: &'static Flag,
        value: Option<String>,
        written: &str,
        read_file: ReadFile<'_>,
    ) -> Result<(), String> {
        let value = match value {
            Some(value) => value,
            None => match self.next(read_file)? {
                Some(Word::Value(value)) => value,
                _ => return Err(format!("expected argument for flag '{written}'")),
            },
        };
        self.keep(flag, value)
    }

    fn keep(&mut self, flag: &'static Flag, value: String) -> Result<(), String> {
        let values = self.scanned.given.entry(flag.name).or_default();
        if !values.is_empty() && !flag.repeatable {
            return Err(format!("flag '{}' cannot be repeated", flag.name));
        }
        values.push(value);
        Ok(())
    }
}
