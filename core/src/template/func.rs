//! The functions templates may call: their parameters and where they are implemented.

use alloc::string::String;

use super::{
    builtin, compare,
    exec::Exec,
    funcs,
    value::{IntType, StringsType, Val, Value},
};

/// Implements a function; the error is what follows `error calling name:`.
pub(super) type Call = fn(&mut Exec<'_>, &[Val]) -> Result<Val, String>;

/// A function's signature and body.
pub(super) struct Function {
    pub(super) name: &'static str,
    pub(super) params: &'static [Param],
    /// The type of any further parameters.
    pub(super) rest: Option<Param>,
    pub(super) call: Call,
}

/// The type of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Param {
    /// `interface {}`
    Any,
    /// `reflect.Value`: anything, and nothing too
    Reflect,
    Str,
    Strings,
    Bytes,
    List,
    Time,
    Zone,
    Int(IntType),
}

impl Param {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Any => "interface {}",
            Self::Reflect => "reflect.Value",
            Self::Str => "string",
            Self::Strings => "[]string",
            Self::Bytes => "[]uint8",
            Self::List => "[]interface {}",
            Self::Time => "time.Time",
            Self::Zone => "*time.Location",
            Self::Int(IntType::Int) => "int",
            Self::Int(IntType::Int64) => "int64",
            Self::Int(IntType::Duration) => "time.Duration",
            Self::Int(_) => "uint8",
        }
    }

    /// Returns the nil of the type, if it has one.
    pub(super) fn nil(self) -> Option<Value> {
        match self {
            Self::Any | Self::Reflect => Some(Value::Nil),
            Self::Strings => Some(Value::Strings([].into(), StringsType::Plain)),
            Self::Bytes => Some(Value::Bytes([].into())),
            Self::List => Some(Value::list([].into())),
            // What takes a zone says itself that it is missing.
            Self::Zone => Some(Value::Nil),
            _ => None,
        }
    }

    /// Tells whether a value can be assigned to the type.
    pub(super) fn accepts(self, value: &Value) -> bool {
        match (self, value) {
            (Self::Any | Self::Reflect, _)
            | (Self::Str, Value::Str(_))
            | (Self::Strings, Value::Strings(..))
            | (Self::Bytes, Value::Bytes(_))
            | (Self::List, Value::List(..))
            | (Self::Time, Value::Time(_))
            | (Self::Zone, Value::Zone(_)) => true,
            (Self::Int(want), Value::Int(_, have)) => want == *have,
            _ => false,
        }
    }
}

const S: Param = Param::Str;
const A: Param = Param::Any;
const R: Param = Param::Reflect;

const fn fixed(name: &'static str, params: &'static [Param], call: Call) -> Function {
    Function { name, params, rest: None, call }
}

const fn open(name: &'static str, params: &'static [Param], rest: Param, call: Call) -> Function {
    Function { name, params, rest: Some(rest), call }
}

/// All functions, by name.
static FUNCTIONS: [Function; 44] = [
    open("and", &[R], R, builtin::nothing),
    open("append", &[Param::List], A, funcs::append),
    fixed("base64decode", &[S], funcs::base64_decode),
    fixed("base64encode", &[S], funcs::base64_encode),
    open("call", &[R], R, builtin::call),
    fixed("date", &[S, Param::Time], funcs::date),
    open("dict", &[], A, funcs::dict),
    open("eq", &[R], R, compare::eq),
    fixed("ge", &[R, R], compare::ge),
    fixed("gt", &[R, R], compare::gt),
    open("html", &[], A, builtin::html),
    fixed("humanizeDuration", &[A], funcs::humanize_duration),
    open("index", &[R], R, builtin::index),
    fixed("join", &[S, Param::Strings], funcs::join),
    open("js", &[], A, builtin::js),
    fixed("le", &[R, R], compare::le),
    fixed("len", &[R], builtin::len),
    open("list", &[], A, funcs::list),
    fixed("lt", &[R, R], compare::lt),
    fixed("match", &[S, S], funcs::is_match),
    fixed("mustToDate", &[S, S], funcs::must_to_date),
    fixed("ne", &[R, R], compare::ne),
    fixed("not", &[R], builtin::not),
    fixed("now", &[], funcs::now),
    open("or", &[R], R, builtin::nothing),
    open("print", &[], A, builtin::print),
    open("printf", &[S], A, builtin::printf),
    open("println", &[], A, builtin::println),
    fixed("reReplaceAll", &[S, S, S], funcs::replace_all),
    fixed("routeLabels", &[S], funcs::route_labels),
    fixed("safeHtml", &[S], funcs::safe_html),
    fixed("safeUrl", &[S], funcs::safe_url),
    fixed("since", &[Param::Time], funcs::since),
    open("slice", &[R], R, builtin::slice),
    open("stringSlice", &[], S, funcs::string_slice),
    fixed("title", &[S], funcs::title),
    fixed("toDate", &[S, S], funcs::to_date),
    fixed("toJson", &[A], funcs::to_json),
    fixed("toLower", &[S], funcs::to_lower),
    fixed("toUpper", &[S], funcs::to_upper),
    fixed("trimSpace", &[S], funcs::trim_space),
    fixed("tz", &[S, Param::Time], funcs::tz),
    fixed("urlUnescape", &[S], funcs::url_unescape),
    open("urlquery", &[], A, builtin::url_query),
];

/// Finds a function.
pub(super) fn lookup(name: &str) -> Option<&'static Function> {
    FUNCTIONS.binary_search_by(|function| function.name.cmp(name)).ok().map(|i| &FUNCTIONS[i])
}

/// The functions that Go itself brings.
const GO: [&str; 18] = [
    "and", "call", "eq", "ge", "gt", "html", "index", "js", "le", "len", "lt", "ne", "not", "or",
    "print", "printf", "println", "slice",
];

/// Finds a function that Go itself brings.
pub(super) fn lookup_go(name: &str) -> Option<&'static Function> {
    lookup(name).filter(|_| name == "urlquery" || GO.contains(&name))
}

#[cfg(test)]
mod tests {
    use super::FUNCTIONS;

    #[test]
    fn the_table_is_sorted() {
        assert!(FUNCTIONS.is_sorted_by(|a, b| a.name < b.name));
    }
}
