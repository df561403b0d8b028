//! Where in an HTML document a point is: what the escaper knows about the text before it.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::fmt;

/// What kind of text a point is in. The names appear in messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::upper_case_acronyms, reason = "messages show the names")]
pub(super) enum State {
    Text,
    Tag,
    AttrName,
    AfterName,
    BeforeValue,
    HTMLCmt,
    RCDATA,
    Attr,
    URL,
    Srcset,
    MetaContent,
    MetaContentURL,
    JS,
    JSDqStr,
    JSSqStr,
    JSTmplLit,
    JSRegexp,
    JSBlockCmt,
    JSLineCmt,
    JSHTMLOpenCmt,
    JSHTMLCloseCmt,
    CSS,
    CSSDqStr,
    CSSSqStr,
    CSSDqURL,
    CSSSqURL,
    CSSURL,
    CSSBlockCmt,
    CSSLineCmt,
    /// After a `break` or `continue`: not reached.
    Dead,
}

impl State {
    pub(super) const fn is_comment(self) -> bool {
        matches!(
            self,
            Self::HTMLCmt
                | Self::JSBlockCmt
                | Self::JSLineCmt
                | Self::JSHTMLOpenCmt
                | Self::JSHTMLCloseCmt
                | Self::CSSBlockCmt
                | Self::CSSLineCmt
        )
    }

    pub(super) const fn is_in_tag(self) -> bool {
        matches!(
            self,
            Self::Tag | Self::AttrName | Self::AfterName | Self::BeforeValue | Self::Attr
        )
    }

    pub(super) const fn is_in_script_literal(self) -> bool {
        matches!(self, Self::JSDqStr | Self::JSSqStr | Self::JSTmplLit | Self::JSRegexp)
    }
}

/// What ends the attribute value a point is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delim {
    None,
    DoubleQuote,
    SingleQuote,
    SpaceOrTagEnd,
}

impl Delim {
    pub(super) const fn ends(self) -> &'static [char] {
        match self {
            Self::None => &[],
            Self::DoubleQuote => &['"'],
            Self::SingleQuote => &['\''],
            Self::SpaceOrTagEnd => &[' ', '\t', '\n', '\u{c}', '\r', '>'],
        }
    }
}

/// Which part of a URL a point is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UrlPart {
    None,
    PreQuery,
    QueryOrFrag,
    Unknown,
}

/// What a slash would mean in JavaScript.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JsCtx {
    Regexp,
    DivOp,
    Unknown,
}

/// The element whose content or tag a point is in, where that matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    None,
    Script,
    Style,
    Textarea,
    Title,
    Meta,
}

impl Element {
    pub(super) fn of(name: &str) -> Self {
        match name {
            "script" => Self::Script,
            "style" => Self::Style,
            "textarea" => Self::Textarea,
            "title" => Self::Title,
            "meta" => Self::Meta,
            _ => Self::None,
        }
    }

    /// The state of its content.
    pub(super) const fn content(self) -> State {
        match self {
            Self::None | Self::Meta => State::Text,
            Self::Script => State::JS,
            Self::Style => State::CSS,
            Self::Textarea | Self::Title => State::RCDATA,
        }
    }

    pub(super) const fn end_tag(self) -> &'static str {
        match self {
            Self::None | Self::Meta => "",
            Self::Script => "script",
            Self::Style => "style",
            Self::Textarea => "textarea",
            Self::Title => "title",
        }
    }
}

/// The kind of attribute a point is in or before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::upper_case_acronyms, reason = "messages show the names")]
pub(super) enum Attr {
    None,
    Script,
    ScriptType,
    Style,
    URL,
    Srcset,
    MetaContent,
}

impl Attr {
    /// The state its value starts in.
    pub(super) const fn start(self) -> State {
        match self {
            Self::None | Self::ScriptType => State::Attr,
            Self::Script => State::JS,
            Self::Style => State::CSS,
            Self::URL => State::URL,
            Self::Srcset => State::Srcset,
            Self::MetaContent => State::MetaContent,
        }
    }
}

/// Where a point is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Context {
    pub(super) state: State,
    pub(super) delim: Delim,
    pub(super) url_part: UrlPart,
    pub(super) js_ctx: JsCtx,
    /// Open braces of each template literal a point is in.
    pub(super) braces: Vec<u32>,
    pub(super) attr: Attr,
    pub(super) element: Element,
}

impl Default for Context {
    fn default() -> Self {
        Self::new(State::Text, Element::None)
    }
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let braces: Vec<String> = self.braces.iter().map(ToString::to_string).collect();
        let (state, delim, url, js) = (self.state, self.delim, self.url_part, self.js_ctx);
        let (braces, attr, element) = (braces.join(" "), self.attr, self.element);
        write!(
            f,
            "{{state{state:?} delim{delim:?} urlPart{url:?} jsCtx{js:?} [{braces}] attr{attr:?} \
             element{element:?} <nil>}}"
        )
    }
}

impl Context {
    pub(super) const fn new(state: State, element: Element) -> Self {
        Self {
            state,
            delim: Delim::None,
            url_part: UrlPart::None,
            js_ctx: JsCtx::Regexp,
            braces: Vec::new(),
            attr: Attr::None,
            element,
        }
    }

    /// Names the copy of a template that starts here.
    pub(super) fn mangle(&self, name: &str) -> String {
        if self.state == State::Text {
            return name.into();
        }
        let mut out = format!("{name}$htmltemplate_state{:?}", self.state);
        if self.delim != Delim::None {
            out.push_str(&format!("_delim{:?}", self.delim));
        }
        if self.url_part != UrlPart::None {
            out.push_str(&format!("_urlPart{:?}", self.url_part));
        }
        if self.js_ctx != JsCtx::Regexp {
            out.push_str(&format!("_jsCtx{:?}", self.js_ctx));
        }
        if !self.braces.is_empty() {
            out.push_str(&format!("_jsBraceDepth({:?})", self.braces));
        }
        if self.attr != Attr::None {
            out.push_str(&format!("_attr{:?}", self.attr));
        }
        if self.element != Element::None {
            out.push_str(&format!("_element{:?}", self.element));
        }
        out
    }

    /// Steps over what an action makes sure of: in a tag it starts an attribute, before a value it
    /// starts one without quotes.
    pub(super) fn nudge(mut self) -> Self {
        match self.state {
            State::Tag => self.state = State::AttrName,
            State::BeforeValue => {
                self.state = self.attr.start();
                self.delim = Delim::SpaceOrTagEnd;
                self.attr = Attr::None;
            }
            State::AfterName => {
                self.state = State::AttrName;
                self.attr = Attr::None;
            }
            _ => {}
        }
        self
    }

    /// Joins the contexts two branches end in, if they can go on alike.
    pub(super) fn join(&self, other: &Self) -> Option<Self> {
        if self.state == State::Dead {
            return Some(other.clone());
        }
        if other.state == State::Dead || self == other {
            return Some(self.clone());
        }
        let mut joined = self.clone();
        joined.url_part = other.url_part;
        if joined == *other {
            joined.url_part = UrlPart::Unknown;
            return Some(joined);
        }
        let mut joined = self.clone();
        joined.js_ctx = other.js_ctx;
        if joined == *other {
            joined.js_ctx = JsCtx::Unknown;
            return Some(joined);
        }
        let (a, b) = (self.clone().nudge(), other.clone().nudge());
        if a == *self && b == *other {
            return None;
        }
        a.join(&b)
    }
}
