//! Which escapers an action gets.

use alloc::vec::Vec;

use super::{
    super::ast::{Action, Word},
    content::Escaper,
    context::{Context, Delim, JsCtx, State, UrlPart},
};

/// Returns an escaping function that stands where it would undo the contextual escaping.
pub(super) fn disallowed<'a>(context: &Context, action: &'a Action) -> Option<&'a str> {
    let cmds = &action.pipe.cmds;
    let unquoted = context.state == State::Attr && context.delim == Delim::SpaceOrTagEnd;
    cmds.iter().enumerate().find_map(|(i, cmd)| {
        let Word::Identifier(name) = &cmd.args[0].kind else { return None };
        let escaper = matches!(&**name, "html" | "urlquery");
        let misplaced = i + 1 < cmds.len() || unquoted && &**name == "html";
        (escaper && misplaced).then_some(&**name)
    })
}

/// Chooses the escapers for a place and moves on behind the value; `None` in an ambiguous URL.
pub(super) fn choose(context: &mut Context) -> Option<Vec<Escaper>> {
    let mut out = Vec::new();
    match context.state {
        State::URL
        | State::CSSDqStr
        | State::CSSSqStr
        | State::CSSDqURL
        | State::CSSSqURL
        | State::CSSURL => {
            if context.url_part == UrlPart::None {
                out.push(Escaper::UrlFilter);
            }
            let in_string = matches!(context.state, State::CSSDqStr | State::CSSSqStr);
            out.push(match context.url_part {
                UrlPart::Unknown => return None,
                UrlPart::QueryOrFrag => Escaper::UrlEscape,
                _ if in_string => Escaper::Css,
                _ => Escaper::UrlNormalize,
            });
        }
        State::MetaContentURL => out.push(Escaper::UrlFilter),
        State::JS => {
            out.push(Escaper::JsVal);
            context.js_ctx = JsCtx::DivOp;
        }
        State::JSDqStr | State::JSSqStr => out.push(Escaper::JsStr),
        State::JSTmplLit => out.push(Escaper::JsTmplLit),
        State::JSRegexp => out.push(Escaper::JsRegexp),
        State::CSS => out.push(Escaper::CssValue),
        State::Text => out.push(Escaper::Html),
        State::RCDATA => out.push(Escaper::RcData),
        State::Attr | State::MetaContent | State::Dead => {}
        State::AttrName | State::Tag => {
            context.state = State::AttrName;
            out.push(Escaper::HtmlName);
        }
        State::Srcset => out.push(Escaper::Srcset),
        _ => out.push(Escaper::Comment),
    }
    match context.delim {
        Delim::None => {}
        Delim::SpaceOrTagEnd => out.push(Escaper::NoSpace),
        _ => out.push(Escaper::Attr),
    }
    Some(out)
}

/// Gives an action its escapers. An equivalent function that the author put last takes the place of
/// the escaper, so that nothing is escaped twice.
pub(super) fn with_escapers(action: &Action, mut escapers: Vec<Escaper>) -> Action {
    let mut action = action.clone();
    let cmds = &mut action.pipe.cmds;
    let alone = cmds.len() == 1;
    let author = cmds.last().and_then(|cmd| match &cmd.args[0].kind {
        Word::Identifier(_) if alone && cmd.args.len() == 1 => None,
        Word::Identifier(name) if &**name == "html" => Some(Escaper::AuthorHtml),
        Word::Identifier(name) if &**name == "urlquery" => Some(Escaper::AuthorUrlQuery),
        _ => None,
    });
    let mut merged = false;
    for escaper in &mut escapers {
        let equivalent = match escaper {
            Escaper::Attr | Escaper::Html | Escaper::RcData => Escaper::AuthorHtml,
            Escaper::UrlEscape | Escaper::UrlNormalize => Escaper::AuthorUrlQuery,
            _ => continue,
        };
        if author == Some(equivalent) {
            *escaper = equivalent;
            merged = true;
        }
    }
    if merged && alone {
        // Its arguments still become one text.
        cmds[0].args[0].kind = Word::Identifier("print".into());
    } else if merged {
        cmds.pop();
    }
    action.escapers = escapers;
    action
}
