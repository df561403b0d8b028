//! Sizes: of files, of functions, of the runtimes, of lines.

use super::{
    report,
    source::{Source, after_closing, head_end, line_of, sources, strip, words},
};

/// Lines of a file outside of its tests, comments included: what fits in the head.
const FILE_LINES_MAX: usize = 600;
/// Lines of a function, from `fn` to its closing brace.
const FUNCTION_LINES_MAX: usize = 70;
/// Columns of a line. rustfmt sees to it, except where a text or a comment is longer.
const COLUMNS_MAX: usize = 100;
/// Lines of code of each runtime, without comments, empty lines and tests: what there was when the
/// limit was set, and little more. The aim is 1,200; what grows beyond belongs in core. Both carry
/// HTTP, gossip, mail and gRPC, TLS for all, in each direction, and files: those of the data
/// directory, and those that events are appended to; the first holds what both share, such as who
/// trusts whom and the files of the web side. The second one has more because of the gate it needs
/// in front of tiny_http, which knows no limits, and which carries no bodies for it. Both have
/// sockets of their own under the libraries of HTTP, which ask the system for more than they have
/// to, and both write long answers a piece at a time: core makes the pieces, and handing them to a
/// client is the runtime's.
const RUNTIME_LINES_MAX: [(&str, usize); 2] = [("runtime-smol", 3350), ("runtime-std", 3190)];

/// Files that may be longer, each with its reason.
const LONG_FILES: [(&str, &str); 0] = [];
/// Functions that may be longer, `(file, function, reason)`.
const LONG_FUNCTIONS: [(&str, &str, &str); 1] = [(
    "runtime-smol/src/main.rs",
    "run",
    "puts every piece together once, in the order that counts",
)];

#[test]
fn files_fit_in_the_head() {
    let mut sizes: Vec<(usize, String)> =
        sources().into_iter().map(|source| (lines_outside_tests(&source), source.path)).collect();
    sizes.sort();
    println!("the longest files, tests left out:");
    for (lines, path) in sizes.iter().rev().take(5) {
        println!("{lines:6} {path}");
    }
    let is_known = |path: &str| LONG_FILES.iter().any(|(known, _)| *known == path);
    let long = sizes.iter().filter(|(lines, path)| *lines > FILE_LINES_MAX && !is_known(path));
    let problems: Vec<String> =
        long.map(|(lines, path)| format!("{path}: {lines} lines; split it by topic")).collect();
    report(&format!("a file has at most {FILE_LINES_MAX} lines outside of its tests"), &problems);
}

/// Counts the lines of a file without the tests in it.
fn lines_outside_tests(source: &Source) -> usize {
    let measured = measured(source);
    if measured.trim().is_empty() {
        return 0;
    }
    let hidden = |line: &(&str, &str)| line.0.trim().is_empty() && !line.1.trim().is_empty();
    let tests = measured.lines().zip(source.code.lines()).filter(hidden).count();
    source.text.lines().count() - tests
}

/// The code that the size of a file counts: not the unit tests, but the package of tests.
fn measured(source: &Source) -> &str {
    if source.path.starts_with("tests/") { &source.code } else { &source.product }
}

#[test]
fn functions_fit_on_a_page() {
    let mut problems = Vec::new();
    for source in sources() {
        // Tests may be long tables.
        for (name, at, lines) in functions(&source.product) {
            let is_known = |known: &&(&str, &str, &str)| known.0 == source.path && known.1 == name;
            if lines > FUNCTION_LINES_MAX && !LONG_FUNCTIONS.iter().any(|known| is_known(&known)) {
                let line = line_of(&source.code, at);
                problems.push(format!("{}:{line}: fn {name} has {lines} lines", source.path));
            }
        }
    }
    report(&format!("a function has at most {FUNCTION_LINES_MAX} lines"), &problems);
}

/// Finds the functions with a body: name, place, and number of lines.
fn functions(code: &str) -> Vec<(&str, usize, usize)> {
    let found = words(code, "fn").filter_map(|at| {
        let rest = code[at + 2..].trim_start();
        let length = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
        let end = head_end(code, at);
        // `fn(u8) -> u8` is a type, and a `;` ends a function without a body.
        if length == 0 || code.as_bytes().get(end) != Some(&b'{') {
            return None;
        }
        let lines = code[at..after_closing(code, end)].lines().count();
        Some((&rest[..length], at, lines))
    });
    found.collect()
}

#[test]
fn runtimes_stay_boring() {
    let mut problems = Vec::new();
    for (runtime, lines_max) in RUNTIME_LINES_MAX {
        let folder = format!("{runtime}/src/");
        let sources = sources();
        let own = sources.iter().filter(|source| source.path.starts_with(&folder));
        let is_code = |line: &&str| !line.trim().is_empty();
        let lines: usize = own.map(|own| own.product.lines().filter(is_code).count()).sum();
        println!("{runtime}: {lines} lines of code of at most {lines_max}");
        if lines > lines_max {
            problems.push(format!(
                "{runtime}: {lines} lines of at most {lines_max}; move what decides something to core"
            ));
        }
    }
    report("the runtimes stay small", &problems);
}

#[test]
fn lines_fit_side_by_side() {
    let mut problems = Vec::new();
    for source in sources() {
        for (number, (line, code)) in source.text.lines().zip(source.code.lines()).enumerate() {
            // What a text holds may be data that cannot be broken, and so may a link.
            let code = line.bytes().zip(code.bytes()).filter(|(a, b)| a == b).count();
            let is_comment = line.trim_start().starts_with("//");
            let is_data = code <= COLUMNS_MAX && (!is_comment || line.contains("://"));
            if line.chars().count() > COLUMNS_MAX && !is_data {
                problems.push(format!("{}:{}", source.path, number + 1));
            }
        }
    }
    report(&format!("a line has at most {COLUMNS_MAX} columns"), &problems);
}

#[test]
fn strings_comments_and_characters_are_no_code() {
    let text = "fn a<'x>(c: char) -> &'x str {\n let _ = ('{', '\\'', b'}', '\u{e9}', \"}\\\"\");\n\
                let _ = r#\"}\"}\"#; // }\n /* } /* } */ */ br\"\\\"; match r#type { _ => \"\" }\n}\n";
    let code = strip(text);
    assert_eq!(code.len(), text.len());
    assert_eq!(functions(&code), [("a", 0, 5)]);
    assert!(!code.contains("\u{e9}"), "{code}");
    assert!(code.contains("match r#type"), "{code}");
    assert_eq!(functions("trait T { fn b(&self); fn c(f: fn(u8) -> u8) { f(1); } }").len(), 1);
}
