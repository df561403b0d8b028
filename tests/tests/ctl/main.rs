//! campanactl: every command next to the real amtool on the same server and the same files, what is
//! better than there, and what happens when a server misbehaves.
#![allow(clippy::print_stderr, reason = "a skipped test says so")]

mod own;
mod same;
mod server;

use std::{
    fs,
    io::Write as _,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use campana_tests::drivers::built_program;
use tempfile::TempDir;

/// A folder to work in, with our program under the name of the original.
struct Desk {
    folder: TempDir,
    ours: PathBuf,
}

/// What a call did.
#[derive(Debug)]
struct Did {
    code: i32,
    out: String,
    err: String,
}

/// How far two calls agree.
enum Expect {
    /// Output, exit code, and whether there is an error or a warning.
    Same,
    /// All but the named output, for this reason.
    Differs(&'static str),
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let ours = folder.path().join("amtool");
        symlink(built_program("campanactl"), &ours).expect("a link");
        for (name, text) in FILES {
            fs::write(folder.path().join(name), text).expect("the folder is ours");
        }
        Self { folder, ours }
    }

    fn run(&self, program: &Path, args: &[&str], input: &str) -> Did {
        let mut child = Command::new(program)
            .args(args)
            .current_dir(self.folder.path())
            .env("HOME", self.folder.path())
            .env_remove("NO_COLOR")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("{}: {e}", program.display()));
        let mut stdin = child.stdin.take().expect("it is piped");
        // A program that does not read its input may be gone already.
        stdin.write_all(input.as_bytes()).ok();
        drop(stdin);
        let output = child.wait_with_output().expect("it runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Did {
            code: output.status.code().unwrap_or(-1),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }

    fn ours(&self, args: &[&str]) -> Did {
        self.run(&self.ours, args, "")
    }

    /// Compares a call with the original's and returns what is wrong.
    fn compare(
        &self,
        amtool: &Path,
        args: &[&str],
        input: &str,
        expect: &Expect,
    ) -> Option<String> {
        let (theirs, ours) = (self.run(amtool, args, input), self.run(&self.ours, args, input));
        let line = args.join(" ");
        let agree = plain(&theirs.out) == plain(&ours.out)
            && theirs.code == ours.code
            && class(&theirs.err) == class(&ours.err);
        match expect {
            Expect::Same if agree => {
                eprintln!("| `{line}` | equal |");
                None
            }
            Expect::Differs(reason) if !agree => {
                eprintln!("| `{line}` | {reason} |");
                None
            }
            Expect::Same => Some(format!("{line}\n  amtool: {theirs:?}\n  ours:   {ours:?}")),
            Expect::Differs(reason) => Some(format!("{line}: equal, not {reason:?}")),
        }
    }
}

/// Whether a call was silent, warned, or failed.
fn class(err: &str) -> &'static str {
    match err {
        err if err.contains("error") || err.contains("Error") => "error",
        "" => "",
        _ => "warning",
    }
}

/// A text without what differs from call to call: ids, and times to the second.
fn plain(text: &str) -> String {
    let is_id =
        |word: &str| word.len() == 36 && word.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    let (mut out, mut word) = (String::new(), String::new());
    for c in text.chars().chain(['\n']) {
        if c.is_ascii_alphanumeric() || matches!(c, '-' | ':' | '.') {
            word.push(c);
            continue;
        }
        let is_time = word.len() > 7 && word.matches(':').count() == 2 && !word.starts_with("http");
        out.push_str(match word.as_str() {
            word if is_id(word) => "ID",
            _ if is_time => "TIME",
            word => word,
        });
        word.clear();
        out.push(c);
    }
    out
}

const FILES: [(&str, &str); 10] = [
    ("a.tmpl", "{{ define \"x\" }}hi {{ .Status }}{{ end }}"),
    ("bad.tmpl", "{{ define \"y\" }}bad"),
    ("data.json", r#"{"receiver":"<r>","alerts":[{"labels":{"a":"b"},"status":"firing"}]}"#),
    ("baddata.json", r#"{"receiver":5}"#),
    ("bad.yml", "foo: bar\n"),
    ("notyaml.yml", "a: b: c\n"),
    (
        "templates.yml",
        "route: {receiver: a}\nreceivers: [{name: a}]\ntemplates: ['a.t*', none.tmpl]\n",
    ),
    ("badtemplates.yml", "route: {receiver: a}\nreceivers: [{name: a}]\ntemplates: [bad.tmpl]\n"),
    ("small.yml", "route: {receiver: a}\nreceivers: [{name: a}]\n"),
    ("tree.yml", TREE),
];

const TREE: &str = "
route:
  receiver: hook
  group_by: [alertname]
  group_wait: 1h
  routes:
  - receiver: team-db
    matchers: ['team=\"db\"']
    continue: true
    routes:
    - receiver: db-page
      matchers: ['severity=\"page\"', 'foo!~\"a.*\"']
    - receiver: db-mail
      match_re: {env: 'a|b'}
  - receiver: web
    match: {team: web}
  - receiver: hook
    group_by: [x]
receivers:
- name: hook
  webhook_configs: [{url: 'http://127.0.0.1:9/secret'}]
- {name: team-db}
- {name: db-page}
- {name: db-mail}
- {name: web}
inhibit_rules:
- {source_matchers: [severity=page], target_matchers: [severity=warn], equal: [alertname]}
";
