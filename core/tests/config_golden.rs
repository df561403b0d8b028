//! Configurations with the expected outcome beside them, as files that a person can read.
//!
//! `testdata/config/good/NAME.yml` must load and print as `NAME.yml.out`; what is suspicious about
//! it stands in comments at the end of that file. `testdata/config/bad/NAME.yml` must be refused
//! with `NAME.yml.err`. With `UPDATE_GOLDEN=1` the expected files are written instead of compared.
#![allow(clippy::disallowed_methods, reason = "tests read and write golden files")]
#![allow(missing_docs, clippy::unwrap_used)]

use std::{env, fmt::Write as _, fs, path::Path, time::Duration};

use campana_core::{
    config::{Config, ConfigError, Origin, Rules, load},
    label::Mode,
};
use proptest::prelude::*;

fn read(text: &[u8], file: &str, mode: Mode) -> Result<Config, ConfigError> {
    let origin = Origin { file, directory: "/etc/alertmanager" };
    load(text, &origin, &Rules { mode, retention: Duration::from_secs(120 * 3600) })
}

/// The mode is the first word of the file's name, if it is one.
fn mode_of(name: &str) -> Mode {
    match name.split('-').next() {
        Some("classic") => Mode::Classic,
        Some("utf8") => Mode::Utf8,
        _ => Mode::Fallback,
    }
}

fn cases(kind: &str) -> Vec<(String, Vec<u8>, std::path::PathBuf)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/config").join(kind);
    let mut cases: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yml"))
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read(&path).unwrap(), path)
        })
        .collect();
    cases.sort();
    cases
}

/// Compares with the expected file, or writes it; returns what to complain about.
fn compare(path: &Path, extension: &str, actual: &str) -> Option<String> {
    let expected_path = path.with_extension(extension);
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(expected_path, actual).unwrap();
        return None;
    }
    let expected = fs::read_to_string(&expected_path).unwrap_or_default();
    (expected != actual).then(|| {
        format!("{}\n--- expected\n{expected}--- actual\n{actual}", expected_path.display())
    })
}

#[test]
fn good_files_load_and_print() {
    let mut wrong = Vec::new();
    for (name, text, path) in cases("good") {
        let config = match read(&text, &name, mode_of(&name)) {
            Ok(config) => config,
            Err(error) => {
                wrong.push(format!("{name} must load: {error}"));
                continue;
            }
        };
        let mut actual = config.original.to_string();
        for warning in &config.warnings {
            writeln!(actual, "# {name}:{warning}").unwrap();
        }
        wrong.extend(compare(&path, "yml.out", &actual));
        match read(config.original.as_bytes(), &name, mode_of(&name)) {
            Ok(again) if again.original == config.original => {}
            Ok(again) => wrong.push(format!("{name} prints differently again: {}", again.original)),
            Err(error) => wrong.push(format!("{name} cannot be read again: {error}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn bad_files_are_refused() {
    let mut wrong = Vec::new();
    for (name, text, path) in cases("bad") {
        match read(&text, &name, mode_of(&name)) {
            Ok(_) => wrong.push(format!("{name} must be refused")),
            Err(error) => wrong.extend(compare(&path, "yml.err", &format!("{error}\n"))),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Recorded outcomes of Alertmanager 0.33.1 for files of the sections that exist here.
#[test]
fn recorded_outcomes_agree() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/config/recorded.jsonl");
    for (number, line) in fs::read_to_string(path).unwrap().lines().enumerate() {
        let case: serde_json::Value = serde_json::from_str(line).unwrap();
        let mode = match case["mode"].as_str().unwrap() {
            "classic" => Mode::Classic,
            "utf8" => Mode::Utf8,
            _ => Mode::Fallback,
        };
        let outcome = read(case["yaml"].as_str().unwrap().as_bytes(), "f.yml", mode);
        match (outcome, case["ok"].as_bool().unwrap()) {
            (Ok(config), true) => {
                assert_eq!(&*config.original, case["dump"].as_str().unwrap(), "case {number}");
            }
            (Ok(_), false) => panic!("case {number} must be refused: {}", case["error"]),
            (Err(error), true) => panic!("case {number} must load: {error}"),
            (Err(error), false) => {
                // The phrase after the original's line number must be found in ours.
                let phrase = case["error"].as_str().unwrap();
                let phrase = phrase.rsplit_once(": ").map_or(phrase, |(_, phrase)| phrase);
                let phrase = phrase.split(" in type ").next().unwrap();
                let phrase = phrase.split(" into config").next().unwrap();
                assert!(error.to_string().contains(phrase), "case {number}: {error}\n{phrase}");
            }
        }
    }
}

fn good_text() -> impl Strategy<Value = String> {
    let texts: Vec<String> =
        cases("good").into_iter().filter_map(|(_, text, _)| String::from_utf8(text).ok()).collect();
    prop::sample::select(texts)
}

/// Characters that mean something in YAML, and some that do not.
const EDITS: &str = "[-:#\\[\\]{}&*!|>'\"%@~,? \n\ta-z0-9.<é]{0,6}";

proptest! {
    #![proptest_config(ProptestConfig::default())]

    /// Whatever is cut out of a good file or put into it: an answer, never a panic, and what loads
    /// prints to something that loads and prints the same.
    #[test]
    fn mutated_files_never_panic(
        text in good_text(),
        edits in prop::collection::vec(
            (any::<prop::sample::Index>(), 0_usize..12, EDITS),
            0..6,
        ),
    ) {
        let mut chars: Vec<char> = text.chars().collect();
        for (at, cut, insert) in edits {
            let at = at.index(chars.len() + 1);
            let end = chars.len().min(at + cut);
            chars.splice(at..end, insert.chars());
        }
        let text: String = chars.into_iter().collect();
        if let Ok(config) = read(text.as_bytes(), "f.yml", Mode::Fallback) {
            let nameless = config.receivers.iter().any(|receiver| receiver.name.is_empty());
            // As in the original, an empty text is not printed, and then the default counts again.
            let is_empty = text.contains("''") || text.contains("\"\"");
            match read(config.original.as_bytes(), "f.yml", Mode::Fallback) {
                Ok(_) if is_empty => {}
                Ok(again) => prop_assert_eq!(again.original, config.original),
                Err(error) => {
                    // The original, too, prints an incident.io receiver without any token in a way
                    // that it does not read.
                    let error = error.to_string();
                    let is_known = nameless || error.contains("alert_source_token");
                    prop_assert!(is_known, "{}\n{}", error, config.original);
                }
            }
        }
    }

    /// Any text comes back from the emitter as it was. Left out are line ends that only YAML 1.1
    /// has: the original prints them so that YAML 1.2, as which files are read, sees none.
    #[test]
    fn texts_survive_printing(value in prop_oneof![
        "\\PC{0,40}",
        "[ \n\ta'\":#\\-]{0,12}",
        "[a-z ]{60,200}",
        "[\\x00-\\x7f\u{2027}\u{feff}]{0,8}",
    ]) {
        use campana_core::yaml::{Out, Value, load};
        let value: &str = &value;
        prop_assume!(!value.contains(['\u{85}', '\u{2028}', '\u{2029}']));
        let out = Out::Map(vec![
            ("a".into(), Out::text(value)),
            ("b".into(), Out::List(vec![Out::text(value), Out::Flow(vec![Out::text(value)])])),
            ("c".into(), Out::Map(vec![(value.into(), Out::text(value))])),
        ]);
        let text = out.emit();
        let node = load(&text).map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
        let Value::Map(entries) = node.unwrap().value else { panic!("a map") };
        prop_assert_eq!(entries[0].1.text(), Some(value), "{}", text);
        let Value::List(items) = &entries[1].1.value else { panic!("a list") };
        prop_assert_eq!(items[0].text(), Some(value), "{}", text);
        let Value::List(flow) = &items[1].value else { panic!("a list") };
        prop_assert_eq!(flow[0].text(), Some(value), "{}", text);
        let Value::Map(inner) = &entries[2].1.value else { panic!("a map") };
        prop_assert_eq!(inner[0].0.text(), Some(value), "{}", text);
        prop_assert_eq!(inner[0].1.text(), Some(value), "{}", text);
    }
}
