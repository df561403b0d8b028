//! The table of commands and flags: words are read by it, and help, manual and completions are made
//! of it.

use campana_core::cli::{
    Command, Flag,
    Kind::{Choice, Duration, File, Integer, Switch, Text},
    Values,
};

/// The layout dates are shown in, as Go writes layouts.
const DATE_FORMAT: &str = "2006-01-02 15:04:05 MST";

const GLOBAL: &[Flag] = &[
    Flag::new("date.format", Text, DATE_FORMAT, "Layout of dates, as Go writes layouts."),
    Flag::new("verbose", Switch, "false", "Tell on standard error what is asked and understood.")
        .short('v'),
    Flag::new("alertmanager.url", Text, "http://localhost:9093", "The server to talk to."),
    Flag::new(
        "output",
        Choice(&["simple", "extended", "json"]),
        "simple",
        "Form of the output: simple, extended or json.",
    )
    .short('o'),
    Flag::new("timeout", Duration, "30s", "The longest the command may take."),
    Flag::new("http.config.file", File, "", "File that says how to talk HTTP to the server.")
        .of("FILE"),
    Flag::new(
        "version-check",
        Switch,
        "true",
        "Warn when the server is of another version than this program.",
    ),
    Flag::new("enable-feature", Text, "", "Features to switch on, separated by commas.").of("LIST"),
    Flag::new("help-long", Switch, "false", "Show the help of all commands.").hidden(),
    Flag::new("help-man", Switch, "false", "Print the manual page.").hidden(),
    Flag::new("completion-script-bash", Switch, "false", "Print the completion for bash.").hidden(),
    Flag::new("completion-script-zsh", Switch, "false", "Print the completion for zsh.").hidden(),
];

const fn values(name: &'static str, help: &'static str) -> Option<Values> {
    Some(Values { name, help, single: false, files: false })
}

const START: Flag =
    Flag::new("start", Text, "", "When it starts, such as 2026-01-31T08:00:00+01:00.").of("TIME");
const END: Flag =
    Flag::new("end", Text, "", "When it ends, such as 2026-01-31T18:00:00+01:00.").of("TIME");
const SILENCE_END: Flag =
    Flag::new("end", Text, "", "When it ends; counts more than the duration.").of("TIME");
const ANNOTATION: Flag =
    Flag::new("annotation", Text, "", "An annotation, NAME=VALUE. May be repeated.")
        .of("NAME=VALUE")
        .repeated();
const COMMENT: Flag = Flag::new("comment", Text, "", "Why.").of("TEXT").short('c');

const ALERT: Command = Command {
    commands: &[
        Command {
            more: "Each value is a matcher: NAME=VALUE, NAME!=VALUE, NAME=~REGEX or NAME!~REGEX. \
                   All of them must hold. A first value without an operator is the name of the \
                   alert.\n\n\
                   Without a flag for a state, active alerts are shown.",
            examples: &[
                ("alert query", "all active alerts"),
                ("alert query DiskFull team=db", "those of this name and team"),
                ("alert query 'instance=~web.*' -s -i", "silenced and inhibited ones"),
                ("alert query -o json -r 'db-.*'", "what a receiver gets, for programs"),
            ],
            flags: &[
                Flag::new("inhibited", Switch, "false", "Show inhibited alerts.").short('i'),
                Flag::new("silenced", Switch, "false", "Show silenced alerts.").short('s'),
                Flag::new("active", Switch, "false", "Show active alerts.").short('a'),
                Flag::new("unprocessed", Switch, "false", "Show alerts not yet routed.").short('u'),
                Flag::new("receiver", Text, "", "Show alerts of these receivers only.")
                    .of("REGEX")
                    .short('r'),
            ],
            values: values("matchers", "Which alerts to show."),
            ..Command::new("query", "Show the alerts the server holds.")
        },
        Command {
            more: "Each value is a label, NAME=VALUE. A first value without an operator is the \
                   name of the alert.",
            examples: &[
                ("alert add DiskFull instance=db1", "an alert that starts now"),
                (
                    "alert add alertname=Maintenance --annotation=summary='Be patient' \
                     --end=2026-01-31T18:00:00Z",
                    "with an annotation and an end",
                ),
            ],
            flags: &[
                Flag::new("generator-url", Text, "", "Where the alert comes from.").of("URL"),
                START,
                END,
                ANNOTATION,
            ],
            values: values("labels", "The labels of the alert."),
            ..Command::new("add", "Post an alert.")
        },
    ],
    default: Some("query"),
    ..Command::new("alert", "Show or post alerts.")
};

const SILENCE: Command = Command {
    commands: &[
        Command {
            more: "Each value is a matcher, as for `alert query`; all of them must hold. A silence \
                   needs a comment unless the configuration file says require-comment: false.",
            examples: &[
                ("silence add DiskFull -c 'new disk is coming'", "for an hour"),
                ("silence add team=db 'env!=prod' -d 2h30m -c test", "for longer"),
                (
                    "silence add team=db -c move --start=2026-01-31T08:00:00Z \
                     --end=2026-01-31T18:00:00Z",
                    "planned ahead",
                ),
            ],
            flags: &[
                Flag::new("author", Text, "", "Who adds it; by default the user.")
                    .of("NAME")
                    .short('a'),
                Flag::new("require-comment", Switch, "true", "Refuse to add without a comment.")
                    .hidden(),
                Flag::new("duration", Text, "1h", "How long it lasts.").short('d'),
                START,
                SILENCE_END,
                COMMENT,
                ANNOTATION,
            ],
            values: values("matchers", "Which alerts to silence."),
            ..Command::new("add", "Add a silence and print its id.")
        },
        Command {
            examples: &[
                ("silence expire 8e0b2f7a-5d64-4c4b-8a2b-0a1b2c3d4e5f", "end one"),
                ("silence expire $(campanactl silence query -q team=db)", "end all that match"),
            ],
            values: values("ids", "The silences to end."),
            ..Command::new("expire", "End silences.")
        },
        Command {
            more: "The input is a JSON array of silences, as `silence query -o json` prints it.",
            examples: &[
                ("silence query -o json > silences.json", "save them"),
                ("silence import silences.json", "and bring them back"),
                ("silence import --force < silences.json", "as new ones"),
            ],
            flags: &[
                Flag::new("force", Switch, "false", "Add new silences whatever their ids.")
                    .short('f'),
                Flag::new("worker", Integer, "8", "Silences sent at once.").short('w'),
            ],
            values: Some(Values {
                name: "file",
                help: "The file; without one, standard input.",
                single: true,
                files: true,
            }),
            ..Command::new("import", "Add silences from JSON and print their ids.")
        },
        Command {
            more: "Each value is a matcher; all of them must hold for one of the silence's own. A \
                   first value without an operator is the name of the alert.",
            examples: &[
                ("silence query", "active and pending ones"),
                ("silence query --within 2h", "those that end within two hours"),
                ("silence query --expired --within 24h -o extended", "what ended yesterday"),
            ],
            flags: &[
                Flag::new("expired", Switch, "false", "Show expired ones instead of the others."),
                Flag::new("quiet", Switch, "false", "Print ids only.").short('q'),
                Flag::new("created-by", Text, "", "Show those of this author only.").of("NAME"),
                Flag::new("id", Text, "", "Show the one with this id only.").of("ID"),
                Flag::new("within", Duration, "", "Show those that end within this time only.")
                    .of("DURATION"),
            ],
            values: values("matchers", "Which silences to show."),
            ..Command::new("query", "Show silences.")
        },
        Command {
            more: "A duration counts from the start of the silence. The server may give the \
                   changed silence a new id.",
            examples: &[(
                "silence update -d 4h 8e0b2f7a-5d64-4c4b-8a2b-0a1b2c3d4e5f",
                "make it last four hours from its start",
            )],
            flags: &[
                Flag::new("quiet", Switch, "false", "Print ids only.").short('q'),
                Flag::new("duration", Text, "", "How long it lasts.").of("DURATION").short('d'),
                START,
                SILENCE_END,
                COMMENT,
            ],
            values: values("ids", "The silences to change."),
            ..Command::new("update", "Change silences.")
        },
    ],
    default: Some("query"),
    ..Command::new("silence", "Show, add, change or end silences.")
};

const CONFIG_FILE: Flag =
    Flag::new("config.file", File, "", "Read this file instead of asking the server.").of("FILE");

const CONFIG: Command = Command {
    commands: &[
        Command {
            examples: &[("config show -o extended", "with the versions and the start")],
            ..Command::new("show", "Show the configuration the server runs on.")
        },
        Command {
            more: "The configuration is that of a file or, without one, of the server.",
            flags: &[CONFIG_FILE],
            commands: &[
                Command {
                    examples: &[
                        ("config routes show --config.file=alertmanager.yml", "as a tree"),
                        (
                            "config routes show --config.file=alertmanager.yml --format=dot | \
                             dot -Tsvg > routes.svg",
                            "as a picture",
                        ),
                    ],
                    flags: &[Flag::new(
                        "format",
                        Choice(&["tree", "mermaid", "dot"]),
                        "tree",
                        "Form of the output: tree, mermaid or dot.",
                    )],
                    ..Command::new("show", "Show the routing tree.")
                },
                Command {
                    more: "Prints the receivers in the order of the tree.",
                    examples: &[
                        (
                            "config routes test --config.file=alertmanager.yml team=db",
                            "who is told",
                        ),
                        (
                            "config routes test --tree --verify.receivers=db-page,audit team=db",
                            "why; and fail unless it is these",
                        ),
                    ],
                    flags: &[
                        Flag::new(
                            "verify.receivers",
                            Text,
                            "",
                            "Fail unless it is these, separated by commas.",
                        )
                        .of("LIST"),
                        Flag::new("tree", Switch, "false", "Show the routes that match as well."),
                    ],
                    values: values("labels", "The labels of an alert, NAME=VALUE each."),
                    ..Command::new("test", "Tell which receivers an alert goes to.")
                },
            ],
            default: Some("show"),
            ..Command::new("routes", "Show or try the routing tree.")
        },
    ],
    default: Some("show"),
    ..Command::new("config", "Show the configuration, or try its routes.")
};

const TEMPLATE: Command = Command {
    commands: &[Command {
        examples: &[
            (
                "template render --template.glob='templates/*.tmpl' \
                 --template.text='{{ template \"slack.title\" . }}'",
                "with two sample alerts",
            ),
            (
                "template render --template.glob='*.tmpl' --template.text='{{ len .Alerts }}' \
                 --template.data=data.json",
                "with your own",
            ),
        ],
        flags: &[
            Flag::new("template.glob", Text, "", "Files of templates. May be repeated.")
                .of("PATTERN")
                .repeated()
                .required(),
            Flag::new("template.text", Text, "", "The text to render.").of("TEXT").required(),
            Flag::new(
                "template.type",
                Choice(&["text", "html"]),
                "text",
                "How to escape: text or html.",
            ),
            Flag::new("template.data", File, "", "File with data in the form of a webhook's body.")
                .of("FILE"),
        ],
        ..Command::new("render", "Render a text with the templates of files.")
    }],
    ..Command::new("template", "Try templates.")
};

const TIMELINE: Command = Command {
    more: "Runs the server's own state machine on this configuration, in a time that passes at \
           once: an alert with these labels fires at time zero, is posted again as Prometheus \
           does, and resolves later if told so. Every look at its groups is shown, with what is \
           sent, what is not, and why.",
    examples: &[
        ("timeline --config.file=alertmanager.yml severity=page", "an alert that stays"),
        (
            "timeline --config.file=alertmanager.yml severity=page --resolve-after=7m",
            "and one that goes",
        ),
        (
            "timeline --config.file=alertmanager.yml team=db --from=2026-01-31T17:50:00+01:00",
            "at a time of day, for routes with time intervals",
        ),
    ],
    flags: &[
        CONFIG_FILE,
        Flag::new("for", Duration, "", "How far to look; by default past the second repetition.")
            .of("DURATION"),
        Flag::new("resolve-after", Duration, "", "When the alert resolves; by default never.")
            .of("DURATION"),
        Flag::new("resend", Duration, "1m", "How often the alert is posted again."),
        Flag::new("from", Text, "", "The time at which it fires; by default now.").of("TIME"),
    ],
    values: values("labels", "The labels of the alert, NAME=VALUE each."),
    ..Command::new("timeline", "Tell when an alert's notifications would be sent.")
};

/// The whole program.
pub(crate) const PROGRAM: Command = Command {
    more: "Flags can be given in a file as well, one `NAME: VALUE` on a line, for example \
           `alertmanager.url: http://alerts.example:9093` or `require-comment: false`. It is read \
           from $HOME/.config/amtool/config.yml, $HOME/.config/prometheus/amtool.yml, \
           /etc/amtool/config.yml and /etc/prometheus/amtool.yml; the first that has a name counts, \
           and the command line counts more.\n\n\
           An argument @FILE stands for the lines of that file.",
    examples: &[
        ("alert", "the active alerts"),
        ("silence add DiskFull -c 'new disk is coming' -d 2h", "a silence"),
        ("check-config alertmanager.yml", "errors and advice"),
    ],
    flags: GLOBAL,
    commands: &[
        Command {
            values: values("command", "The command to explain."),
            ..Command::new("help", "Explain a command.")
        },
        ALERT,
        SILENCE,
        Command {
            more: "Errors are told with their place, and the exit status is 1 when there are any. \
                   Advice on what is legal but likely not meant goes to standard error.",
            examples: &[
                ("check-config alertmanager.yml", "one file"),
                ("check-config < alertmanager.yml", "or standard input"),
            ],
            values: Some(Values {
                name: "files",
                help: "The files; without one, standard input.",
                single: false,
                files: true,
            }),
            ..Command::new("check-config", "Check configuration files.")
        },
        Command {
            commands: &[Command {
                examples: &[("cluster show -o extended", "the members with their addresses")],
                ..Command::new("show", "Show the cluster's state and members.")
            }],
            default: Some("show"),
            ..Command::new("cluster", "Show the cluster.")
        },
        CONFIG,
        TEMPLATE,
        TIMELINE,
        Command {
            examples: &[
                ("completion bash > ~/.local/share/bash-completion/completions/campanactl", "bash"),
                ("completion zsh > ~/.zfunc/_campanactl", "zsh"),
                ("completion fish > ~/.config/fish/completions/campanactl.fish", "fish"),
            ],
            values: Some(Values {
                name: "shell",
                help: "bash, zsh or fish.",
                single: true,
                files: false,
            }),
            ..Command::new("completion", "Print a shell's completion script.")
        },
        Command {
            examples: &[("manual | man -l -", "read it")],
            ..Command::new("manual", "Print the manual page.")
        },
    ],
    ..Command::new("campanactl", "Asks and changes a running alert manager; checks configurations.")
};

#[cfg(test)]
mod tests {
    use campana_core::cli::{Scanned, scan};
    use proptest::prelude::*;

    use super::*;
    use crate::help::each;

    fn read(words: &[String]) -> Result<Scanned, String> {
        let mut line = Scanned::default();
        scan(&PROGRAM, words, &mut |path| Err(format!("no file {path}")), &mut line)?;
        Ok(line)
    }

    /// Splits an example as a shell does, up to the first pipe, redirection or expansion.
    fn split(line: &str) -> Vec<String> {
        let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
        for c in line.chars() {
            match c {
                '\'' => quoted = !quoted,
                ' ' if !quoted => words.push(std::mem::take(&mut word)),
                '|' | '>' | '<' | '$' if !quoted => return words,
                c => word.push(c),
            }
        }
        words.push(word);
        words.retain(|word| !word.is_empty());
        words
    }

    #[test]
    fn examples_are_what_they_explain() {
        each(&PROGRAM, &mut Vec::new(), &mut |path, command| {
            for (line, _) in command.examples {
                let line = read(&split(line)).unwrap_or_else(|e| panic!("{line}: {e}"));
                assert_eq!(
                    line.commands.first().map(|command| command.name),
                    path.first().copied()
                );
            }
        });
        for (line, _) in PROGRAM.examples {
            read(&split(line)).unwrap_or_else(|e| panic!("{line}: {e}"));
        }
    }

    #[test]
    fn names_are_unique_along_every_way() {
        fn check(command: &Command, names: &[&str], letters: &[char]) {
            let (mut names, mut letters) = (names.to_vec(), letters.to_vec());
            for flag in command.flags {
                assert!(!names.contains(&flag.name), "--{} of {}", flag.name, command.name);
                assert!(flag.short.is_none_or(|c| !letters.contains(&c)), "{}", flag.name);
                names.push(flag.name);
                letters.extend(flag.short);
            }
            if let Some(default) = command.default {
                assert!(command.command(default).is_some(), "{default}");
            }
            command.commands.iter().for_each(|below| check(below, &names, &letters));
        }
        check(&PROGRAM, &["help", "version"], &['h']);
    }

    proptest! {
        #[test]
        fn any_words_are_read_or_refused(
            words in proptest::collection::vec(
                "\\PC{0,6}|-{0,2}[a-z.=-]{0,8}|alert|silence|query|add|config|routes|-[a-z]{1,3}|@x",
                0..6,
            ),
        ) {
            read(&words).ok();
        }
    }
}
