//! What one call of the program works with: its command line, the configuration file's defaults,
//! and where its output goes.

use std::{
    collections::BTreeMap,
    env, fmt, fs,
    io::{self, IsTerminal as _, Write as _},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use campana_core::{
    cli::{FEATURES, Flag, Kind, Scanned},
    label::{
        Matcher, Mode,
        parse::{self, Warning},
    },
    time::{Timestamp, duration},
    yaml::{self, Value},
};

use crate::table::PROGRAM;

/// Why the program ends with status 1: a text for standard error.
pub(crate) type Failure = String;

/// One call of the program.
pub(crate) struct Session {
    /// The name the program was called by, without a folder.
    pub(crate) program: String,
    /// The command line.
    pub(crate) line: Scanned,
    /// What the configuration files say.
    defaults: BTreeMap<String, String>,
    /// Whether standard output is a terminal that shows colours.
    pub(crate) colours: bool,
    /// How matchers are read.
    pub(crate) mode: Mode,
}

/// Forms of output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// The most important columns.
    Simple,
    /// All columns.
    Extended,
    /// JSON as of the API.
    Json,
}

impl Session {
    /// Completes a command line by the configuration files, and checks what every command has.
    pub(crate) fn new(
        program: &str,
        line: Scanned,
        defaults: BTreeMap<String, String>,
    ) -> Result<Self, Failure> {
        let colours = io::stdout().is_terminal()
            && env::var_os("NO_COLOR").is_none()
            && env::var_os("TERM").is_none_or(|term| term != "dumb");
        let mut session =
            Self { program: program.to_owned(), line, defaults, colours, mode: Mode::Fallback };
        session.check()?;
        session.mode = session.read_mode()?;
        Ok(session)
    }

    /// Checks that every flag has a value of its kind.
    fn check(&self) -> Result<(), Failure> {
        let missing = self.line.flags(&PROGRAM).filter(|flag| flag.required);
        let missing: Vec<String> = missing
            .filter(|flag| self.given(flag.name).is_none())
            .map(|flag| format!("'--{}'", flag.name))
            .collect();
        if !missing.is_empty() {
            return Err(format!("required flag(s) {} not provided", missing.join(", ")));
        }
        for flag in self.line.flags(&PROGRAM) {
            let Some(value) = self.given(flag.name) else { continue };
            let wrong = |why: &str| {
                Err(format!("invalid value {value:?} for flag '--{}': {why}", flag.name))
            };
            match flag.kind {
                Kind::Choice(words) if !words.contains(&value) => {
                    let words = words.join(",");
                    return Err(format!("enum value must be one of {words}, got '{value}'"));
                }
                Kind::Switch if !matches!(value, "true" | "false") => {
                    return wrong("must be true or false");
                }
                Kind::Integer if value.parse::<i64>().is_err() => {
                    return wrong("not a whole number");
                }
                Kind::Duration => {
                    if let Err(e) = duration::parse_flag(value) {
                        return wrong(&e.to_string());
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn read_mode(&self) -> Result<Mode, Failure> {
        let (mut classic, mut utf8) = (false, false);
        for name in self.text("enable-feature").split(',').filter(|name| !name.is_empty()) {
            match name {
                "classic-mode" => classic = true,
                "utf8-strict-mode" => utf8 = true,
                name if FEATURES.iter().any(|(known, _)| *known == name) => {}
                name => return Err(format!("unknown option '{name}' for --enable-feature")),
            }
        }
        match (classic, utf8) {
            (true, true) => Err("cannot have both classic and UTF-8 modes enabled".to_owned()),
            (true, false) => Ok(Mode::Classic),
            (false, true) => Ok(Mode::Utf8),
            (false, false) => Ok(Mode::Fallback),
        }
    }

    fn flag(&self, name: &str) -> &'static Flag {
        self.line.find(&PROGRAM, name).expect("commands read flags of their own table")
    }

    /// Returns a flag's value of the command line or the configuration file.
    pub(crate) fn given(&self, name: &str) -> Option<&str> {
        let given = self.line.given.get(name).and_then(|values| values.last());
        given.or_else(|| self.defaults.get(name)).map(String::as_str)
    }

    /// Returns a flag's value.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.given(name).unwrap_or_else(|| self.flag(name).default)
    }

    /// Returns a flag's value unless it is empty.
    pub(crate) fn optional(&self, name: &str) -> Option<&str> {
        Some(self.text(name)).filter(|text| !text.is_empty())
    }

    /// Returns all values of a flag that may be repeated.
    pub(crate) fn list(&self, name: &str) -> Vec<&str> {
        match self.line.given.get(name) {
            Some(values) => values.iter().map(String::as_str).collect(),
            None => self.defaults.get(name).map(String::as_str).into_iter().collect(),
        }
    }

    /// Returns whether a switch is on.
    pub(crate) fn switch(&self, name: &str) -> bool {
        self.text(name) == "true"
    }

    /// Returns a span; `None` where the flag is empty. A negative span is zero.
    pub(crate) fn span(&self, name: &str) -> Option<Duration> {
        let ns = duration::parse_flag(self.optional(name)?).expect("checked at the start");
        Some(Duration::from_nanos(u64::try_from(ns).unwrap_or(0)))
    }

    /// Returns the form of the output.
    pub(crate) fn form(&self) -> Form {
        match self.text("output") {
            "json" => Form::Json,
            "extended" => Form::Extended,
            _ => Form::Simple,
        }
    }

    /// Returns the values after the command.
    pub(crate) fn values(&self) -> &[String] {
        &self.line.values
    }

    /// Reads one matcher and tells what is odd about it.
    pub(crate) fn matcher(&self, text: &str) -> Result<Matcher, Failure> {
        let (matcher, warning) =
            parse::matcher(self.mode, text).map_err(|error| error.to_string())?;
        match warning {
            Some(Warning::Suggestion { error, suggestion, .. }) => self.warn(format_args!(
                "{text} is written by old rules, which will go away ({error}); write {suggestion}"
            )),
            Some(Warning::Disagreement { .. }) => self.warn(format_args!(
                "{text} means something else by old rules, which count here: {matcher}"
            )),
            None => {}
        }
        self.verbose(format_args!("{text} is read as {matcher}"));
        Ok(matcher)
    }

    /// Writes a warning to standard error.
    pub(crate) fn warn(&self, text: impl fmt::Display) {
        writeln!(io::stderr(), "Warning: {text}").ok();
    }

    /// Writes what `--verbose` asks for to standard error.
    pub(crate) fn verbose(&self, text: impl fmt::Display) {
        if self.switch("verbose") {
            writeln!(io::stderr(), "{text}").ok();
        }
    }
}

/// Writes to standard output. A reader that has gone away wants no more, which is no failure.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(format!("write: {e}")),
        _ => Ok(()),
    }
}

/// Returns the time of the wall clock.
pub(crate) fn now() -> Timestamp {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => Timestamp::EPOCH + since,
        Err(e) => Timestamp::EPOCH - e.duration(),
    }
}

/// Reads the configuration files; of a name that several have, the first counts.
pub(crate) fn read_defaults() -> Result<BTreeMap<String, String>, Failure> {
    let home = env::var("HOME").unwrap_or_default();
    let paths = [
        format!("{home}/.config/amtool/config.yml"),
        format!("{home}/.config/prometheus/amtool.yml"),
        "/etc/amtool/config.yml".to_owned(),
        "/etc/prometheus/amtool.yml".to_owned(),
    ];
    let mut all = BTreeMap::new();
    for path in paths {
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            Err(e) => return Err(format!("could not load config file: {path}: {e}")),
        };
        let read =
            parse_defaults(&text).map_err(|e| format!("could not load config file: {path}:{e}"))?;
        for (name, value) in read {
            all.entry(name).or_insert(value);
        }
    }
    Ok(all)
}

/// Reads the text of a configuration file: a flat map of scalars.
fn parse_defaults(text: &str) -> Result<BTreeMap<String, String>, Failure> {
    let mut all = BTreeMap::new();
    let Some(root) = yaml::load(text).map_err(|problem| problem.to_string())? else {
        return Ok(all);
    };
    let Value::Map(entries) = &root.value else {
        return Err("1:1: expected `NAME: VALUE` lines".to_owned());
    };
    for (name, value) in entries {
        match (name.text(), value.text()) {
            (Some(name), Some(value)) => drop(all.insert(name.to_owned(), value.to_owned())),
            _ if value.is_null() => {}
            _ => return Err(format!("{}:{}: expected a text", value.line, value.column)),
        }
    }
    // The name the flag had long ago.
    if let Some(value) = all.remove("comment_required") {
        all.entry("require-comment".to_owned()).or_insert(value);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn files_are_flat_maps() {
        let read = parse_defaults("alertmanager.url: http://a\nrequire-comment: false\nx: 5\ny:\n");
        let read = read.expect("it is fine");
        assert_eq!(read["alertmanager.url"], "http://a");
        assert_eq!((&*read["require-comment"], &*read["x"]), ("false", "5"));
        let old = parse_defaults("comment_required: false").expect("it is fine");
        assert_eq!(old["require-comment"], "false");
        for bad in ["a: [1]", "- a", "a: {b: c}", "a: b: c"] {
            assert!(parse_defaults(bad).is_err(), "{bad}");
        }
        assert!(parse_defaults("").expect("nothing").is_empty());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,60}|[a: \n\\[\\]{},'\"-]{0,40}") {
            parse_defaults(&text).ok();
        }
    }
}
