//! Completions of shells. The scripts ask the program itself, so they are as true as its table.

use campana_core::cli::{Command, Flag, Kind};

use crate::table::PROGRAM;

/// The flag by which scripts ask: the words of the line follow, the last one is being written.
pub(crate) const ASK: &str = "--completion-bash";

/// Returns what the last word could become, one on a line. Nothing means: a file.
pub(crate) fn candidates(words: &[String]) -> String {
    let (last, before) = words.split_last().map_or(("", words), |(last, rest)| (last, rest));
    let mut command = &PROGRAM;
    let mut flags: Vec<&Flag> = PROGRAM.flags.iter().collect();
    let mut wants: Option<&Flag> = None;
    for word in before {
        if wants.take().is_some() {
            continue;
        }
        if word.starts_with('-') {
            wants =
                flag(&flags, word).filter(|flag| flag.kind != Kind::Switch && !word.contains('='));
        } else {
            // A word that names no command is a value of the default one.
            let below = command.command(word);
            let below = below.or_else(|| command.command(command.default?));
            if let Some(below) = below {
                command = below;
                flags.extend(command.flags);
            }
        }
    }
    let mut found = Vec::new();
    if let Some(flag) = wants {
        found.extend(words_of(flag));
    } else if let Some((name, _)) = last.split_once('=').filter(|_| last.starts_with("--")) {
        let choices = flag(&flags, name).map(words_of).unwrap_or_default();
        found.extend(choices.into_iter().map(|word| format!("{name}={word}")));
    } else if last.starts_with('-') {
        found.extend(offered(command, &flags));
    } else {
        found.extend(below(command));
    }
    found.retain(|word| word.starts_with(last));
    found.iter().map(|word| format!("{word}\n")).collect()
}

/// The flag that a word names.
fn flag<'a>(flags: &[&'a Flag], word: &str) -> Option<&'a Flag> {
    let named = |flag: &&&Flag| match word.strip_prefix("--") {
        Some(name) => flag.name == name.split('=').next().unwrap_or_default(),
        None => {
            flag.short.is_some_and(|letter| word.strip_prefix('-') == Some(&letter.to_string()))
        }
    };
    flags.iter().find(named).copied()
}

fn words_of(flag: &Flag) -> Vec<String> {
    match flag.kind {
        Kind::Choice(words) => words.iter().map(|word| (*word).to_owned()).collect(),
        _ => Vec::new(),
    }
}

/// The flags to offer: those given so far and, where a command is left out, the default's.
fn offered(command: &Command, flags: &[&Flag]) -> Vec<String> {
    let mut all: Vec<&Flag> = flags.to_vec();
    let mut command = command;
    while let Some(below) = command.default.and_then(|name| command.command(name)) {
        all.extend(below.flags);
        command = below;
    }
    let visible = all.into_iter().filter(|flag| !flag.hidden);
    let named = visible.map(|flag| match (flag.kind, flag.default) {
        (Kind::Switch, "true") => format!("--no-{}", flag.name),
        _ => format!("--{}", flag.name),
    });
    named.chain(["--help".to_owned(), "--version".to_owned()]).collect()
}

fn below(command: &Command) -> Vec<String> {
    if command.name == "completion" {
        return ["bash", "zsh", "fish"].map(str::to_owned).to_vec();
    }
    let commands = if command.name == "help" { PROGRAM.commands } else { command.commands };
    commands.iter().map(|below| below.name.to_owned()).collect()
}

/// Returns the script of a shell, for a program of this name.
pub(crate) fn script(shell: &str, program: &str) -> Option<String> {
    let name: String =
        program.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    Some(match shell {
        "bash" => format!(
            "_{name}() {{\n    local IFS=$'\\n'\n    local words=(\"${{COMP_WORDS[@]:1:COMP_CWORD}}\")\n    \
             local cur=${{COMP_WORDS[COMP_CWORD]}}\n    \
             # Bash splits at equal signs; put the word together again.\n    \
             local line=${{COMP_LINE:0:COMP_POINT}} last\n    \
             last=${{line##*[[:space:]]}}\n    \
             if [[ $last == --*=* ]]; then\n        local count=${{#words[@]}}\n        \
             local drop=1\n        [[ $cur != = ]] && drop=2\n        \
             words=(\"${{words[@]:0:count-drop-1}}\" \"$last\")\n    fi\n    \
             COMPREPLY=($({program} {ASK} \"${{words[@]}}\" 2>/dev/null))\n    \
             if [[ $last == --*=* ]]; then\n        \
             COMPREPLY=(\"${{COMPREPLY[@]#*=}}\")\n    fi\n}}\n\
             complete -o default -F _{name} {program}\n"
        ),
        "zsh" => format!(
            "#compdef {program}\n\n_{name}() {{\n    local -a found\n    \
             found=(\"${{(@f)$({program} {ASK} \"${{(@)words[2,CURRENT]}}\" 2>/dev/null)}}\")\n    \
             found=(\"${{(@)found:#}}\")\n    \
             if (( ${{#found}} )); then\n        compadd -- \"${{found[@]}}\"\n    \
             else\n        _files\n    fi\n}}\n\n\
             if [[ $funcstack[1] == _{name} ]]; then\n    _{name} \"$@\"\nelse\n    \
             compdef _{name} {program}\nfi\n"
        ),
        "fish" => format!(
            "function __{name}_complete\n    set -l words (commandline -opc) (commandline -ct)\n    \
             {program} {ASK} $words[2..-1] 2>/dev/null\nend\n\
             complete -c {program} -a '(__{name}_complete)'\n"
        ),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(words: &[&str]) -> Vec<String> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        candidates(&words).lines().map(str::to_owned).collect()
    }

    #[test]
    fn words_are_completed() {
        assert_eq!(found(&["si"]), ["silence"]);
        assert_eq!(found(&["config", "routes", ""]), ["show", "test"]);
        assert_eq!(found(&["alert", "query", "--in"]), ["--inhibited"]);
        assert_eq!(found(&["alert", "--in"]), ["--inhibited"]);
        assert_eq!(found(&["-o", "j"]), ["json"]);
        assert_eq!(found(&["--output=s"]), ["--output=simple"]);
        assert_eq!(found(&["completion", "f"]), ["fish"]);
        assert_eq!(found(&["help", "cl"]), ["cluster"]);
        assert_eq!(found(&["--no-v"]), ["--no-version-check"]);
        assert!(found(&["check-config", ""]).is_empty());
        for shell in ["bash", "zsh", "fish"] {
            let script = script(shell, "am-tool").expect("it is known");
            assert!(script.contains("am-tool --completion-bash"), "{script}");
            assert!(script.contains("_am_tool"), "{script}");
        }
        assert_eq!(script("csh", "x"), None);
    }

    proptest! {
        #[test]
        fn any_words_are_completed(words in proptest::collection::vec("\\PC{0,8}|-{1,2}[a-z=]{0,6}", 0..5)) {
            candidates(&words);
        }
    }
}
