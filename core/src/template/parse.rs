//! Builds the tree of a template, as Go's `text/template/parse` does, with its messages.

use alloc::{
    boxed::Box,
    format,
    string::{String, ToString as _},
    sync::Arc,
    vec,
    vec::Vec,
};

use super::{
    ParseError,
    ast::{Action, Branch, Call, Command, List, Node, Operand, Pipe, Source, Tree, Word, is_empty},
    func,
    lex::{Kind, Lexer, Token},
    number, quote,
};
use crate::limits::TEMPLATE_NESTING_MAX;

type Result<T> = core::result::Result<T, ParseError>;

/// Parses a source; the trees are the definitions in it and, last, the text outside of them.
///
/// # Errors
/// The text is no template, or nests over a limit.
pub(super) fn parse(name: &str, text: &str) -> Result<Vec<Tree>> {
    parse_with(name, text, func::lookup)
}

/// Parses a source that may call only what `lookup` finds.
pub(super) fn parse_with(name: &str, text: &str, lookup: Lookup) -> Result<Vec<Tree>> {
    let source = Arc::new(Source { name: name.into(), text: text.into() });
    let mut parser = Parser {
        lexer: Lexer::new(text),
        source,
        tokens: [const { None }; 3],
        peeked: 0,
        vars: vec!["$".into()],
        trees: Vec::new(),
        range_depth: 0,
        depth: 0,
        action_line: 0,
        lookup,
    };
    let root = parser.root()?;
    parser.add(name.into(), root)?;
    Ok(parser.trees)
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    source: Arc<Source>,
    /// Tokens read ahead, the next one highest.
    tokens: [Option<Token>; 3],
    peeked: usize,
    vars: Vec<Arc<str>>,
    trees: Vec<Tree>,
    range_depth: usize,
    depth: usize,
    action_line: usize,
    lookup: Lookup,
}

/// Finds a function by its name.
type Lookup = fn(&str) -> Option<&'static func::Function>;

/// What ended a list.
#[derive(Clone, Copy, PartialEq)]
enum Stop {
    End,
    Else,
}

impl Stop {
    const fn shown(self) -> &'static str {
        match self {
            Self::End => "{{end}}",
            Self::Else => "{{else}}",
        }
    }
}

enum Item {
    Node(Node),
    Stop(Stop),
}

#[derive(Clone, Copy, PartialEq)]
enum Control {
    If,
    With,
    Range,
}

impl Control {
    const fn name(self) -> &'static str {
        match self {
            Self::If => "if",
            Self::With => "with",
            Self::Range => "range",
        }
    }

    fn node(self, branch: Branch) -> Node {
        let branch = Box::new(branch);
        match self {
            Self::If => Node::If(branch),
            Self::With => Node::With(branch),
            Self::Range => Node::Range(branch),
        }
    }
}

impl Parser<'_> {
    fn next(&mut self) -> Token {
        if self.peeked > 0 {
            self.peeked -= 1;
        } else {
            self.tokens[0] = Some(self.lexer.next());
        }
        self.tokens[self.peeked].clone().expect("a token was read")
    }

    fn peek(&mut self) -> Token {
        if self.peeked == 0 {
            self.tokens[0] = Some(self.lexer.next());
            self.peeked = 1;
        }
        self.tokens[self.peeked - 1].clone().expect("a token was read")
    }

    fn backup(&mut self) {
        self.peeked += 1;
    }

    /// Puts `token` before the one token read after it.
    fn backup2(&mut self, token: Token) {
        self.tokens[1] = Some(token);
        self.peeked = 2;
    }

    fn backup3(&mut self, first: Token, second: Token) {
        self.tokens[1] = Some(second);
        self.tokens[2] = Some(first);
        self.peeked = 3;
    }

    fn next_non_space(&mut self) -> Token {
        loop {
            let token = self.next();
            if token.kind != Kind::Space {
                return token;
            }
        }
    }

    fn peek_non_space(&mut self) -> Token {
        let token = self.next_non_space();
        self.backup();
        token
    }

    fn error<T>(&self, message: impl AsRef<str>) -> Result<T> {
        let line = self.tokens[0].as_ref().map_or(1, |token| token.line);
        Err(ParseError(format!("template: {}:{line}: {}", self.source.name, message.as_ref())))
    }

    fn unexpected<T>(&self, token: &Token, context: &str) -> Result<T> {
        if token.kind != Kind::Error {
            return self.error(format!("unexpected {} in {context}", token.shown()));
        }
        let mut message = token.shown();
        if self.action_line != 0 && self.action_line != token.line {
            // The message may say "action" already.
            let action = if message.ends_with(" action") { "" } else { " in action" };
            let (name, line) = (&self.source.name, self.action_line);
            message.push_str(&format!("{action} started at {name}:{line}"));
        }
        self.error(message)
    }

    fn expect(&mut self, kind: Kind, context: &str) -> Result<Token> {
        let token = self.next_non_space();
        if token.kind == kind { Ok(token) } else { self.unexpected(&token, context) }
    }

    fn enter(&mut self) -> Result<()> {
        self.depth += 1;
        if self.depth > TEMPLATE_NESTING_MAX {
            return self.error(format!("nested more than {TEMPLATE_NESTING_MAX} levels deep"));
        }
        Ok(())
    }

    fn root(&mut self) -> Result<List> {
        let mut list = List::new();
        while self.peek().kind != Kind::Eof {
            if self.peek().kind == Kind::LeftDelim {
                let delim = self.next();
                if self.next_non_space().kind == Kind::Define {
                    self.definition()?;
                    continue;
                }
                self.backup2(delim);
            }
            match self.text_or_action()? {
                Item::Node(node) => list.push(node),
                Item::Stop(stop) => return self.error(format!("unexpected {}", stop.shown())),
            }
        }
        Ok(list)
    }

    fn definition(&mut self) -> Result<()> {
        const CONTEXT: &str = "define clause";
        let token = self.next_non_space();
        let name = self.template_name(&token, CONTEXT)?;
        self.expect(Kind::RightDelim, CONTEXT)?;
        self.body(name, CONTEXT)
    }

    /// Reads the list of a definition, which sees no variables from outside.
    fn body(&mut self, name: Arc<str>, context: &str) -> Result<()> {
        let vars = core::mem::replace(&mut self.vars, vec!["$".into()]);
        let range_depth = core::mem::take(&mut self.range_depth);
        let (list, stop) = self.item_list()?;
        if stop != Stop::End {
            return self.error(format!("unexpected {} in {context}", stop.shown()));
        }
        self.vars = vars;
        self.range_depth = range_depth;
        self.add(name, list)
    }

    fn add(&mut self, name: Arc<str>, root: List) -> Result<()> {
        let empty = is_empty(&root);
        let tree = Tree { name, source: self.source.clone(), root: Arc::new(root) };
        match self.trees.iter_mut().find(|old| old.name == tree.name) {
            None => self.trees.push(tree),
            Some(old) if is_empty(&old.root) => *old = tree,
            Some(_) if empty => {}
            Some(_) => {
                let name = quote::quote(&tree.name);
                return self.error(format!("template: multiple definition of template {name}"));
            }
        }
        Ok(())
    }

    fn item_list(&mut self) -> Result<(List, Stop)> {
        self.enter()?;
        let mut list = List::new();
        while self.peek_non_space().kind != Kind::Eof {
            match self.text_or_action()? {
                Item::Node(node) => list.push(node),
                Item::Stop(stop) => {
                    self.depth -= 1;
                    return Ok((list, stop));
                }
            }
        }
        self.error("unexpected EOF")
    }

    fn text_or_action(&mut self) -> Result<Item> {
        let token = self.next_non_space();
        match token.kind {
            Kind::Text => Ok(Item::Node(Node::Text(token.pos, token.text.into()))),
            Kind::LeftDelim => {
                self.action_line = token.line;
                let item = self.action();
                self.action_line = 0;
                item
            }
            _ => self.unexpected(&token, "input"),
        }
    }

    fn action(&mut self) -> Result<Item> {
        let token = self.next_non_space();
        let node = match token.kind {
            Kind::Block => self.block()?,
            Kind::Break | Kind::Continue => self.jump(&token)?,
            Kind::Else => {
                let next = self.peek_non_space();
                if !matches!(next.kind, Kind::If | Kind::With) {
                    self.expect(Kind::RightDelim, "else")?;
                }
                return Ok(Item::Stop(Stop::Else));
            }
            Kind::End => {
                self.expect(Kind::RightDelim, "end")?;
                return Ok(Item::Stop(Stop::End));
            }
            Kind::If => self.control(Control::If)?,
            Kind::Range => self.control(Control::Range)?,
            Kind::With => self.control(Control::With)?,
            Kind::Template => self.template()?,
            _ => {
                self.backup();
                let pos = self.peek().pos;
                let pipe = self.pipeline("command", Kind::RightDelim)?;
                Node::Action(Action { pos, pipe, escapers: Vec::new() })
            }
        };
        Ok(Item::Node(node))
    }

    fn jump(&mut self, token: &Token) -> Result<Node> {
        let shown = format!("{{{{{}}}}}", token.text);
        let next = self.next_non_space();
        if next.kind != Kind::RightDelim {
            return self.unexpected(&next, &shown);
        }
        if self.range_depth == 0 {
            return self.error(format!("{shown} outside {{{{range}}}}"));
        }
        Ok(match token.kind {
            Kind::Break => Node::Break(token.pos),
            _ => Node::Continue(token.pos),
        })
    }

    fn control(&mut self, control: Control) -> Result<Node> {
        let vars = self.vars.len();
        let line = self.tokens[0].as_ref().map_or(1, |token| token.line);
        let pipe = self.pipeline(control.name(), Kind::RightDelim)?;
        let ranges = usize::from(control == Control::Range);
        self.range_depth += ranges;
        let (list, stop) = self.item_list()?;
        self.range_depth -= ranges;
        let other = if stop == Stop::Else { Some(self.otherwise(control)?) } else { None };
        self.vars.truncate(vars);
        Ok(control.node(Branch { pos: pipe.pos, line, pipe, list, other }))
    }

    /// Reads what follows `{{else`, where an `if` or `with` may go on without an end of its own.
    fn otherwise(&mut self, control: Control) -> Result<List> {
        let next = self.peek().kind;
        if control == Control::If && next == Kind::If
            || control == Control::With && next == Kind::With
        {
            self.next();
            self.enter()?;
            let list = vec![self.control(control)?];
            self.depth -= 1;
            return Ok(list);
        }
        let (list, stop) = self.item_list()?;
        if stop != Stop::End {
            return self.error(format!("expected end; found {}", stop.shown()));
        }
        Ok(list)
    }

    fn block(&mut self) -> Result<Node> {
        const CONTEXT: &str = "block clause";
        let token = self.next_non_space();
        let name = self.template_name(&token, CONTEXT)?;
        let pipe = self.pipeline(CONTEXT, Kind::RightDelim)?;
        self.body(name.clone(), CONTEXT)?;
        let target = name.clone();
        Ok(Node::Template(Call { pos: token.pos, name, target, pipe: Some(pipe) }))
    }

    fn template(&mut self) -> Result<Node> {
        const CONTEXT: &str = "template clause";
        let token = self.next_non_space();
        let name = self.template_name(&token, CONTEXT)?;
        let pipe = if self.next_non_space().kind == Kind::RightDelim {
            None
        } else {
            self.backup();
            Some(self.pipeline(CONTEXT, Kind::RightDelim)?)
        };
        let target = name.clone();
        Ok(Node::Template(Call { pos: token.pos, name, target, pipe }))
    }

    fn template_name(&mut self, token: &Token, context: &str) -> Result<Arc<str>> {
        match token.kind {
            Kind::Str | Kind::RawString => self.unquote(&token.text).map(Arc::from),
            _ => self.unexpected(token, context),
        }
    }

    fn unquote(&self, literal: &str) -> Result<String> {
        quote::unquote(literal).map_or_else(|| self.error("invalid syntax"), Ok)
    }

    fn pipeline(&mut self, context: &str, end: Kind) -> Result<Pipe> {
        self.enter()?;
        let pos = self.peek_non_space().pos;
        let mut pipe = Pipe { pos, assign: false, decl: Vec::new(), cmds: Vec::new() };
        while self.declaration(&mut pipe, context)? {}
        loop {
            let token = self.next_non_space();
            match token.kind {
                kind if kind == end => break,
                Kind::Bool
                | Kind::CharConstant
                | Kind::Complex
                | Kind::Dot
                | Kind::Field
                | Kind::Identifier
                | Kind::Number
                | Kind::Nil
                | Kind::RawString
                | Kind::Str
                | Kind::Variable
                | Kind::LeftParen => {
                    self.backup();
                    let cmd = self.command()?;
                    pipe.cmds.push(cmd);
                }
                _ => return self.unexpected(&token, context),
            }
        }
        if pipe.cmds.is_empty() {
            return self.error(format!("missing value for {context}"));
        }
        let constant = |cmd: &Command| {
            matches!(
                cmd.args[0].kind,
                Word::Bool(_) | Word::Dot | Word::Nil | Word::Number(_) | Word::Str(..)
            )
        };
        if let Some(i) = pipe.cmds.iter().skip(1).position(constant) {
            return self.error(format!("non executable command in pipeline stage {}", i + 2));
        }
        self.depth -= 1;
        Ok(pipe)
    }

    /// Reads one declared or assigned variable; tells whether another one may follow.
    fn declaration(&mut self, pipe: &mut Pipe, context: &str) -> Result<bool> {
        let variable = self.peek_non_space();
        if variable.kind != Kind::Variable {
            return Ok(false);
        }
        self.next();
        // In "$x foo" the word after the blank decides, and both must be put back.
        let after = self.peek();
        let next = self.peek_non_space();
        let name: Arc<str> = variable.text.as_str().into();
        match next.kind {
            Kind::Assign | Kind::Declare => {
                pipe.assign = next.kind == Kind::Assign;
                self.next_non_space();
                pipe.decl.push(name.clone());
                self.vars.push(name);
            }
            Kind::Char if next.text == "," => {
                self.next_non_space();
                pipe.decl.push(name.clone());
                self.vars.push(name);
                if context != "range" || pipe.decl.len() >= 2 {
                    return self.error(format!("too many declarations in {context}"));
                }
                return match self.peek_non_space().kind {
                    Kind::Variable | Kind::RightDelim | Kind::RightParen => Ok(true),
                    _ => self.error("range can only initialize variables"),
                };
            }
            _ if after.kind == Kind::Space => self.backup3(variable, after),
            _ => self.backup2(variable),
        }
        Ok(false)
    }

    fn command(&mut self) -> Result<Command> {
        let mut cmd = Command { pos: self.peek_non_space().pos, args: Vec::new() };
        loop {
            self.peek_non_space();
            if let Some(operand) = self.operand()? {
                cmd.args.push(operand);
            }
            let token = self.next();
            match token.kind {
                Kind::Space => continue,
                Kind::RightDelim | Kind::RightParen => self.backup(),
                Kind::Pipe => {}
                _ => return self.unexpected(&token, "operand"),
            }
            break;
        }
        if cmd.args.is_empty() {
            return self.error("empty command");
        }
        Ok(cmd)
    }

    fn operand(&mut self) -> Result<Option<Operand>> {
        let Some(node) = self.term()? else { return Ok(None) };
        let first = self.peek();
        if first.kind != Kind::Field {
            return Ok(Some(node));
        }
        let pos = first.pos;
        let mut fields = Vec::new();
        while self.peek().kind == Kind::Field {
            fields.push(Arc::from(&self.next().text[1..]));
        }
        let kind = match node.kind {
            Word::Field(mut names) => {
                names.append(&mut fields);
                Word::Field(names)
            }
            Word::Variable(mut names) => {
                names.append(&mut fields);
                Word::Variable(names)
            }
            Word::Bool(_) | Word::Str(..) | Word::Number(_) | Word::Nil | Word::Dot => {
                let term = quote::quote(&node.to_string());
                return self.error(format!("unexpected . after term {term}"));
            }
            _ => Word::Chain(Box::new(node), fields),
        };
        Ok(Some(Operand { pos, kind }))
    }

    fn term(&mut self) -> Result<Option<Operand>> {
        let token = self.next_non_space();
        let kind = match token.kind {
            Kind::Identifier => {
                if (self.lookup)(&token.text).is_none() {
                    let name = quote::quote(&token.text);
                    return self.error(format!("function {name} not defined"));
                }
                Word::Identifier(token.text.into())
            }
            Kind::Dot => Word::Dot,
            Kind::Nil => Word::Nil,
            Kind::Variable => {
                let name: Arc<str> = token.text.into();
                if !self.vars.contains(&name) {
                    let name = quote::quote(&name);
                    return self.error(format!("undefined variable {name}"));
                }
                Word::Variable(vec![name])
            }
            Kind::Field => Word::Field(vec![token.text[1..].into()]),
            Kind::Bool => Word::Bool(token.text == "true"),
            Kind::CharConstant | Kind::Complex | Kind::Number => {
                match number::parse(&token.text, token.kind) {
                    Ok(number) => Word::Number(number),
                    Err(message) => return self.error(message),
                }
            }
            Kind::LeftParen => {
                let pipe = self.pipeline("parenthesized pipeline", Kind::RightParen)?;
                let pos = pipe.pos;
                return Ok(Some(Operand { pos, kind: Word::Pipe(Box::new(pipe)) }));
            }
            Kind::Str | Kind::RawString => {
                let text = self.unquote(&token.text)?;
                Word::Str(token.text.into(), text.into())
            }
            _ => {
                self.backup();
                return Ok(None);
            }
        };
        Ok(Some(Operand { pos: token.pos, kind }))
    }
}
