//! What the original's scanner is strict about and ours is not, looked for before reading.

use alloc::{borrow::Cow, format, string::String};

use super::Problem;

/// Checks directives and tabs of the first document, and returns the text as our reader wants it:
/// inside of brackets and quotes with blanks for the tabs that indent, and quoted texts that go on
/// far to the left indented.
///
/// # Errors
/// What the original refuses: other versions of YAML, unknown directives, tabs where a block could
/// begin, and `\/` in quotes.
pub(super) fn prepare(text: &str) -> Result<Cow<'_, str>, Problem> {
    check_directives(text)?;
    let may_differ = ['\t', '"', '\''].iter().any(|c| text.contains(*c));
    if !may_differ || !text.contains(['\n', '\t', '\\']) {
        return Ok(Cow::Borrowed(text));
    }
    let mut scan = Scan { out: String::with_capacity(text.len() + 16), ..Scan::default() };
    let mut done = 0;
    for (i, line) in text.split_inclusive('\n').enumerate() {
        let is_plain = scan.inside == Inside::Block && scan.depth == 0;
        let marks = ["---", "..."].iter().find_map(|mark| line.strip_prefix(mark));
        let is_mark =
            marks.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\r', '\n']));
        if is_plain && is_mark && scan.has_content {
            break;
        }
        scan.line = u32::try_from(i + 1).unwrap_or(u32::MAX);
        scan.line(line)?;
        done += line.len();
    }
    scan.out.push_str(&text[done..]);
    Ok(Cow::Owned(scan.out))
}

fn problem(line: u32, column: usize, text: &str) -> Problem {
    let column = u32::try_from(column + 1).unwrap_or(u32::MAX);
    Problem { line, column, path: String::new(), text: format!("yaml: {text}") }
}

/// Checks the lines that begin with `%` before the first document.
fn check_directives(text: &str) -> Result<(), Problem> {
    for (i, line) in text.lines().enumerate() {
        let fail = |text: &str| Err(problem(u32::try_from(i + 1).unwrap_or(u32::MAX), 0, text));
        let bare = line.trim_start_matches(' ');
        if bare.is_empty() || bare.starts_with('#') {
            continue;
        }
        let Some(directive) = line.strip_prefix('%') else {
            let is_end = line.strip_prefix("...").is_some_and(|rest| rest.trim().is_empty());
            return if is_end { fail("did not find expected node content") } else { Ok(()) };
        };
        let mut words = directive.split([' ', '\t']).filter(|word| !word.is_empty());
        match (words.next(), words.next()) {
            (Some("YAML"), Some("1.1")) | (Some("TAG"), _) => {}
            (Some("YAML"), _) => return fail("found incompatible YAML document; write 1.1"),
            _ => return fail("found unknown directive name"),
        }
    }
    Ok(())
}

/// What the beginning of a line is inside of.
#[derive(Clone, Copy, Default, PartialEq)]
enum Inside {
    /// Nothing but blocks.
    #[default]
    Block,
    /// A text in quotes of this kind.
    Quotes(char),
    /// A text of lines that stand further to the right than this column.
    Lines(usize),
}

#[derive(Default)]
struct Scan {
    out: String,
    line: u32,
    inside: Inside,
    /// How many brackets are open.
    depth: usize,
    /// Whether the last thing was an unquoted text, which may go on in the next line.
    after_plain: bool,
    /// The column of the innermost block.
    indent: usize,
    /// Whether anything but comments has been seen.
    has_content: bool,
}

impl Scan {
    fn line(&mut self, line: &str) -> Result<(), Problem> {
        let body = line.trim_start_matches([' ', '\t']);
        let lead = line.len() - body.len();
        let spaces = line.len() - line.trim_start_matches(' ').len();
        let is_blank = body.trim_end_matches(['\r', '\n']).is_empty();
        match self.inside {
            Inside::Lines(column) if is_blank || spaces > column => {
                if is_blank && spaces < lead && spaces <= column {
                    let text = "found a tab character where an indentation space is expected";
                    return Err(problem(self.line, spaces, text));
                }
                self.out.push_str(line);
                return Ok(());
            }
            Inside::Lines(_) => self.inside = Inside::Block,
            Inside::Block | Inside::Quotes(_) => {}
        }
        if self.inside == Inside::Block && self.depth == 0 && spaces < lead {
            if !self.after_plain {
                let text = "found character that cannot start any token; use blanks, not tabs";
                return Err(problem(self.line, spaces, text));
            }
            if spaces <= self.indent {
                let text = "found a tab character that violates indentation";
                return Err(problem(self.line, spaces, text));
            }
        }
        if matches!(self.inside, Inside::Quotes(_)) && lead <= self.indent {
            self.out.extend(core::iter::repeat_n(' ', self.indent + 1 - lead));
        }
        self.out.extend(line[..lead].chars().map(|_| ' '));
        self.out.push_str(body);
        self.tokens(body, lead)
    }

    /// Goes on by one character, or one that is written with several, in a text in quotes. Returns
    /// how far, and whether the text ends there.
    fn quoted(&self, quote: char, chars: &[char], column: usize) -> Result<(usize, bool), Problem> {
        let next = chars.get(1).copied().unwrap_or(' ');
        match (quote, chars[0]) {
            ('"', '\\') if next == '/' => {
                let text = "found unknown escape character \\/; write / alone";
                Err(problem(self.line, column, text))
            }
            ('"', '\\') => {
                let half = chars.get(2..4).unwrap_or_default();
                let is_half =
                    matches!(half, ['d' | 'D', '8' | '9' | 'a'..='f' | 'A'..='F']) && next == 'u';
                if is_half {
                    let text = "found invalid Unicode character escape code; write the character \
                                itself or \\U and eight digits";
                    return Err(problem(self.line, column, text));
                }
                Ok((2, false))
            }
            ('\'', '\'') if next == '\'' => Ok((2, false)),
            (_, c) => Ok((1, c == quote)),
        }
    }

    /// Goes through what follows the indentation.
    fn tokens(&mut self, body: &str, lead: usize) -> Result<(), Problem> {
        let chars: alloc::vec::Vec<char> = body.trim_end_matches(['\r', '\n']).chars().collect();
        let in_block = self.depth == 0 && self.inside == Inside::Block;
        let (mut at, mut starts) = (0, true);
        let mut block = lead;
        while let Some(&c) = chars.get(at) {
            let next = chars.get(at + 1).copied().unwrap_or(' ');
            if let Inside::Quotes(quote) = self.inside {
                let (step, is_end) = self.quoted(quote, &chars[at..], lead + at)?;
                at += step;
                if is_end {
                    (self.inside, starts, self.after_plain) = (Inside::Block, false, false);
                }
                continue;
            }
            match c {
                ' ' | '\t' => {}
                '#' if at == 0 || matches!(chars[at - 1], ' ' | '\t') => break,
                '"' | '\'' if starts => self.inside = Inside::Quotes(c),
                '[' | '{' if starts || self.depth > 0 => {
                    (self.depth, starts, self.after_plain) = (self.depth + 1, true, false);
                }
                ']' | '}' if self.depth > 0 => {
                    (self.depth, starts, self.after_plain) = (self.depth - 1, false, false);
                }
                ',' if self.depth > 0 => starts = true,
                '-' | '?' if starts && self.depth == 0 && matches!(next, ' ' | '\t') => {
                    let blanks = chars[at + 1..].iter().take_while(|c| matches!(c, ' ' | '\t'));
                    if blanks.clone().any(|c| *c == '\t') {
                        let text = "found character that cannot start any token after -";
                        return Err(problem(self.line, lead + at + 1, text));
                    }
                    (block, self.after_plain) = (lead + at + 1 + blanks.count(), false);
                }
                ':' if matches!(next, ' ' | '\t')
                    || (self.depth > 0 && matches!(next, ',' | ']' | '}')) =>
                {
                    (starts, self.after_plain) = (true, false);
                }
                '|' | '>' if starts && self.depth == 0 => {
                    self.inside = Inside::Lines(if at == 0 { lead } else { block });
                    if in_block && block > lead && !chars[..at].contains(&':') {
                        // An element of a list: its lines need only pass the dash.
                        self.inside = Inside::Lines(lead);
                    }
                    self.after_plain = false;
                    break;
                }
                '&' | '*' | '!' if starts => {
                    while chars
                        .get(at + 1)
                        .is_some_and(|c| !matches!(c, ' ' | '\t' | ',' | ']' | '}'))
                    {
                        at += 1;
                    }
                }
                _ => (starts, self.after_plain) = (false, true),
            }
            at += 1;
        }
        if in_block && !chars.is_empty() && chars[0] != '#' {
            (self.indent, self.has_content) = (block, true);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        prepare(text).expect_err("it is refused").text
    }

    #[test]
    fn tabs_indent_only_inside_of_brackets_and_quotes() {
        let fine = [
            ("a: {\n\tb: c}\n", "a: {\n b: c}\n"),
            ("a: \"b\n\tc\"\n", "a: \"b\n c\"\n"),
            ("a:\n  b: \"c\nd\"\n", "a:\n  b: \"c\n   d\"\n"),
            ("a: \"b\"\n---\n\tc\n", "a: \"b\"\n---\n\tc\n"),
            ("a:\tb\t\n", "a:\tb\t\n"),
            ("a: |\n  x\n  \ty\nb: c\n", "a: |\n  x\n  \ty\nb: c\n"),
            ("- |\n x\n \ty\n", "- |\n x\n \ty\n"),
            ("a:\n  b: c\n    \td\n", "a:\n  b: c\n     d\n"),
            ("# \t\na: it's\t\n", "# \t\na: it's\t\n"),
            ("a: 'it''s\n\tb' # \t\n", "a: 'it''s\n b' # \t\n"),
        ];
        for (text, want) in fine {
            assert_eq!(prepare(text).expect("fine"), want, "{text:?}");
        }
        for text in
            ["a: {b: c}\n\t\n", "\ta: b\n", "-\ta\n", "a:\n  b: c\n \t\n", "a: 'b'\n\t# c\n"]
        {
            assert!(error(text).contains("found"), "{text:?}");
        }
        assert!(error("a: \"b\\/c\"").contains("escape"));
        assert!(error("a: \"\\ud83d\\ude42\"").contains("invalid Unicode"));
        assert!(prepare("a: 'b\\/c'\nd: e\\/f\n").is_ok());
    }

    #[test]
    fn directives_are_known_or_refused() {
        for text in ["%YAML 1.1\n---\na: b", "%TAG ! x:\n---\n", "# %\n\na: b\n%c", " %FOO\n", ""] {
            assert!(prepare(text).is_ok(), "{text:?}");
        }
        assert!(error("%YAML 1.2\n---\n").contains("incompatible"));
        assert!(error("#\n%FOO x\n---\n").contains("unknown directive"));
        assert!(error("...\na: b").contains("node content"));
    }
}
