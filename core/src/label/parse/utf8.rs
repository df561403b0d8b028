//! The UTF-8 grammar: names and values are unquoted runs or Go string literals.
//!
//! Errors carry columns, counted in characters: where the offending token starts and ends.

use alloc::{borrow::Cow, format, string::String, vec::Vec};
use core::fmt;

use super::{ParseError, make, syntax};
use crate::label::{
    Matcher, Op,
    quote::{is_reserved, unquote},
};

/// What is wrong behind a lone `!`.
const NO_BANG: &str = "expected one of '=~'";

/// Reads exactly one matcher.
pub(super) fn matcher(input: &str) -> Result<Matcher, ParseError> {
    let mut matchers = matchers(input)?;
    match (matchers.pop(), matchers.len()) {
        (Some(matcher), 0) => Ok(matcher),
        (None, _) => Err(syntax(format_args!("no matchers"))),
        (Some(_), others) => Err(syntax(format_args!("expected 1 matcher, found {}", others + 1))),
    }
}

/// Reads a list.
pub(super) fn matchers(input: &str) -> Result<Vec<Matcher>, ParseError> {
    let mut lexer = Lexer { rest: input, column: 0 };
    let mut matchers = Vec::new();
    let Some(first) = lexer.peek().map_err(ParseError::Syntax)? else { return Ok(matchers) };
    let braced = first.kind == Kind::OpenBrace;
    if braced {
        lexer.skip(first);
    }
    let mut next = lexer.peek().map_err(ParseError::Syntax)?;
    while next.is_some_and(|token| token.kind != Kind::CloseBrace) {
        matchers.push(lexer.matcher()?);
        next = lexer.peek_or_end(
            |kind| matches!(kind, Kind::Comma | Kind::CloseBrace),
            "expected a comma or close brace",
        )?;
        if let Some(comma) = next.filter(|token| token.kind == Kind::Comma) {
            lexer.skip(comma);
            next = lexer.peek_or_end(
                |kind| matches!(kind, Kind::CloseBrace | Kind::Quoted | Kind::Unquoted),
                "expected a matcher or close brace after comma",
            )?;
        }
    }
    lexer.close(next, braced)?;
    Ok(matchers)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    OpenBrace,
    CloseBrace,
    Comma,
    Op(Op),
    Quoted,
    Unquoted,
}

#[derive(Clone, Copy)]
struct Token<'a> {
    kind: Kind,
    text: &'a str,
    start: usize,
    end: usize,
    /// What stands behind the token.
    rest: &'a str,
}

impl<'a> Token<'a> {
    /// Returns the name or value that the token stands for.
    fn word(&self) -> Result<Cow<'a, str>, ParseError> {
        if self.kind == Kind::Unquoted {
            return Ok(Cow::Borrowed(self.text));
        }
        let word = unquote(self.text).map(Cow::Owned);
        word.ok_or_else(|| syntax(format_args!("{self}: invalid input")))
    }
}

impl fmt::Display for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.start, self.end, self.text)
    }
}

struct Lexer<'a> {
    rest: &'a str,
    /// The number of characters before `rest`.
    column: usize,
}

impl<'a> Lexer<'a> {
    fn skip(&mut self, token: Token<'a>) {
        self.rest = token.rest;
        self.column = token.end;
    }

    /// Reads `name op value`.
    fn matcher(&mut self) -> Result<Matcher, ParseError> {
        let is_word = |kind| matches!(kind, Kind::Quoted | Kind::Unquoted);
        let name = self.expect(is_word, "expected label name")?.word()?;
        let token = self.expect(
            |kind| matches!(kind, Kind::Op(_)),
            "expected an operator such as '=', '!=', '=~' or '!~'",
        )?;
        let Kind::Op(op) = token.kind else { unreachable!("only operators are accepted") };
        let value = self.expect(is_word, "expected label value")?.word()?;
        make(None, &name, op, &value).map_err(ParseError::Utf8Expression)
    }

    /// Reads the closing brace, which must be there exactly if there was an opening one, and makes
    /// sure that nothing follows.
    fn close(&mut self, brace: Option<Token<'a>>, braced: bool) -> Result<(), ParseError> {
        match brace {
            Some(token) => self.skip(token),
            // The column is where the last token ended, whatever blanks follow.
            None if braced => {
                let column = self.column;
                return Err(syntax(format_args!("0:{column}: end of input: expected close brace")));
            }
            None => return Ok(()),
        }
        if !braced {
            let column = self.column;
            return Err(syntax(format_args!("0:{column}: }}: expected opening brace")));
        }
        match self.peek() {
            Ok(None) => Ok(()),
            Ok(Some(token)) => Err(syntax(format_args!("{token}: expected end of input"))),
            Err(error) => Err(syntax(format_args!("{error}: expected end of input"))),
        }
    }

    /// Reads a token that must be there.
    fn expect(&mut self, accepts: fn(Kind) -> bool, what: &str) -> Result<Token<'a>, ParseError> {
        let token = self
            .peek_or_end(accepts, what)?
            .ok_or_else(|| syntax(format_args!("end of input: {what}")))?;
        self.skip(token);
        Ok(token)
    }

    /// Looks at the next token, which must be an accepted one or the end of the input.
    fn peek_or_end(
        &self,
        accepts: fn(Kind) -> bool,
        what: &str,
    ) -> Result<Option<Token<'a>>, ParseError> {
        match self.peek() {
            Ok(Some(Token { kind, text, start, end, .. })) if !accepts(kind) => {
                Err(syntax(format_args!("{start}:{end}: unexpected {text}: {what}")))
            }
            Ok(token) => Ok(token),
            Err(error) => Err(syntax(format_args!("{error}: {what}"))),
        }
    }

    /// Looks at the next token; there is `None` at the end of the input.
    fn peek(&self) -> Result<Option<Token<'a>>, String> {
        let text = self.rest.trim_start();
        let blanks = &self.rest[..self.rest.len() - text.len()];
        let start = self.column + blanks.chars().count();
        let token = |kind, len| {
            let (text, rest) = text.split_at(len);
            Token { kind, text, start, end: start + text.chars().count(), rest }
        };
        let Some(first) = text.chars().next() else { return Ok(None) };
        Ok(Some(match first {
            '{' => token(Kind::OpenBrace, 1),
            '}' => token(Kind::CloseBrace, 1),
            ',' => token(Kind::Comma, 1),
            '=' if text[1..].starts_with('~') => token(Kind::Op(Op::Regex), 2),
            '=' => token(Kind::Op(Op::Equal), 1),
            '!' => match text[1..].chars().next() {
                Some('=') => token(Kind::Op(Op::NotEqual), 2),
                Some('~') => token(Kind::Op(Op::NotRegex), 2),
                Some(_) => return Err(format!("{start}:{}: !: {NO_BANG}", start + 1)),
                None => {
                    let end = start + 1;
                    return Err(format!("{start}:{end}: unexpected end of input, {NO_BANG}"));
                }
            },
            '"' => {
                let len = quoted_len(text);
                let token = token(Kind::Quoted, len.unwrap_or(text.len()));
                len.ok_or_else(|| format!("{token}: missing end \""))?;
                token
            }
            c if is_reserved(c) => {
                let token = token(Kind::Unquoted, 1);
                return Err(format!("{token}: invalid input"));
            }
            _ => token(Kind::Unquoted, text.find(is_reserved).unwrap_or(text.len())),
        }))
    }
}

/// Returns the length in bytes of the quoted text that `text` starts with, if it ends.
fn quoted_len(text: &str) -> Option<usize> {
    let mut escaped = false;
    let end = text.bytes().skip(1).position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })?;
    Some(end + 2)
}
