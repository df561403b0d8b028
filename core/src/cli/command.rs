//! Command lines as tables: what flags, commands and values there are. Texts such as help, manuals
//! and completions are made from the same tables that words are read by.

/// What a flag's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// No value: `--name` or `--no-name`.
    Switch,
    /// A span of time: Go's syntax, and `d` and `w`.
    Duration,
    /// A whole number, negative ones included.
    Integer,
    /// A decimal number.
    Number,
    /// One of these words, in any case.
    Choice(&'static [&'static str]),
    /// The path of a file.
    File,
}

/// One flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flag {
    /// The long name, without dashes.
    pub name: &'static str,
    /// The letter that stands for it after one dash.
    pub short: Option<char>,
    /// What stands for the value in the help where there is no default.
    pub placeholder: &'static str,
    /// The value when the flag is absent.
    pub default: &'static str,
    /// What it does.
    pub help: &'static str,
    /// What its value is.
    pub kind: Kind,
    /// Whether it may be given more than once.
    pub repeatable: bool,
    /// Whether it must be given.
    pub required: bool,
    /// Whether help and completions leave it out.
    pub hidden: bool,
    /// Why a value other than the default is refused, for parts that do not exist yet.
    pub missing: Option<&'static str>,
}

impl Flag {
    /// Makes a flag that is optional and given at most once.
    pub const fn new(
        name: &'static str,
        kind: Kind,
        default: &'static str,
        help: &'static str,
    ) -> Self {
        Self {
            name,
            short: None,
            placeholder: "",
            default,
            help,
            kind,
            repeatable: false,
            required: false,
            hidden: false,
            missing: None,
        }
    }

    /// Names what stands for the value in the help.
    pub const fn of(self, placeholder: &'static str) -> Self {
        Self { placeholder, ..self }
    }

    /// Adds the letter that stands for the flag.
    pub const fn short(self, letter: char) -> Self {
        Self { short: Some(letter), ..self }
    }

    /// Lets the flag be given more than once.
    pub const fn repeated(self) -> Self {
        Self { repeatable: true, ..self }
    }

    /// Refuses command lines without the flag.
    pub const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// Leaves the flag out of help and completions.
    pub const fn hidden(self) -> Self {
        Self { hidden: true, ..self }
    }

    /// Refuses values other than the default.
    pub const fn missing(self, why: &'static str) -> Self {
        Self { missing: Some(why), ..self }
    }
}

/// The values that follow a command: any number of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Values {
    /// What one is called in the help.
    pub name: &'static str,
    /// What they are.
    pub help: &'static str,
    /// Whether there is at most one.
    pub single: bool,
    /// Whether they are paths of files.
    pub files: bool,
}

/// A command, or the whole program: its flags, its values, or the commands below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command {
    /// The word that selects it; the program's table has the program's name.
    pub name: &'static str,
    /// What it does, in one line.
    pub help: &'static str,
    /// More about it, in paragraphs separated by empty lines.
    pub more: &'static str,
    /// Command lines, each with what it does.
    pub examples: &'static [(&'static str, &'static str)],
    /// Its flags, besides those of the commands above.
    pub flags: &'static [Flag],
    /// The values that follow it, if it takes any.
    pub values: Option<Values>,
    /// The commands below.
    pub commands: &'static [Self],
    /// Which command below is meant when none is named.
    pub default: Option<&'static str>,
}

impl Command {
    /// Makes a command that takes nothing.
    pub const fn new(name: &'static str, help: &'static str) -> Self {
        Self {
            name,
            help,
            more: "",
            examples: &[],
            flags: &[],
            values: None,
            commands: &[],
            default: None,
        }
    }

    /// Returns a command below by its name.
    pub fn command(&self, name: &str) -> Option<&'static Self> {
        self.commands.iter().find(|command| command.name == name)
    }
}
