//! `eq` and its family, with Go's rules about types.

use alloc::{format, string::String};
use core::cmp::Ordering;

use super::{
    exec::Exec,
    print::shown,
    value::{IntType, Val, Value},
};

type Result = core::result::Result<Val, String>;

/// The kinds that can be compared with themselves.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Bool,
    Complex,
    Int,
    Float,
    Str,
    Uint,
}

const fn kind(value: &Value) -> Option<Kind> {
    Some(match value {
        Value::Bool(_) => Kind::Bool,
        Value::Complex(..) => Kind::Complex,
        Value::Int(_, IntType::Uint8 | IntType::Uint64) => Kind::Uint,
        Value::Int(..) => Kind::Int,
        Value::Float(_) => Kind::Float,
        Value::Str(_) | Value::Safe(..) => Kind::Str,
        _ => return None,
    })
}

fn incompatible(a: &Value, b: &Value) -> String {
    let (a, b) = (a.type_name(), b.type_name());
    format!("incompatible types for comparison: {a} and {b}")
}

fn same_kind(a: Option<Kind>, b: Option<Kind>) -> bool {
    let signed = |kind| if kind == Some(Kind::Uint) { Some(Kind::Int) } else { kind };
    signed(a) == signed(b)
}

fn equal(a: &Value, b: &Value) -> core::result::Result<bool, String> {
    let (kind_a, kind_b) = (kind(a), kind(b));
    let nothing = matches!(a, Value::Nil) || matches!(b, Value::Nil);
    if !same_kind(kind_a, kind_b) {
        return if nothing { Ok(false) } else { Err(incompatible(a, b)) };
    }
    Ok(match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Complex(a, b), Value::Complex(c, d)) => (a, b) == (c, d),
        (Value::Int(a, _), Value::Int(b, _)) => a == b,
        (Value::Float(a), Value::Float(b)) => a == b,
        _ => match (a.as_text(), b.as_text()) {
            (Some(a), Some(b)) => a == b,
            _ => return equal_composite(a, b),
        },
    })
}

fn equal_composite(a: &Value, b: &Value) -> core::result::Result<bool, String> {
    let nil = |value: &Value| match value {
        Value::Nil | Value::Alerts(None, _) => true,
        Value::Kv(kv) => kv.is_nil(),
        _ => false,
    };
    if group(a) != group(b) && group(a) != 0 && group(b) != 0 {
        let (ta, tb) = (a.type_name(), b.type_name());
        return Err(format!("non-comparable types {}: {ta}, {tb}: {}", shown(a), shown(b)));
    }
    if nil(a) || nil(b) {
        return Ok(nil(a) == nil(b));
    }
    match (a, b) {
        (Value::Time(a), Value::Time(b)) => {
            Ok(a.total() == b.total() && a.zone.name() == b.zone.name())
        }
        (Value::Pair(a), Value::Pair(b)) => Ok(a == b),
        (Value::Zone(a), Value::Zone(b)) => Ok(a.name() == b.name()),
        (_, Value::Time(_) | Value::Pair(_) | Value::Zone(_)) => Ok(false),
        _ => Err(format!("non-comparable type {}: {}", shown(b), b.type_name())),
    }
}

/// Which kind of Go's reflection a composite is of.
const fn group(value: &Value) -> u8 {
    match value {
        Value::Nil => 0,
        Value::Map(..) | Value::Kv(_) => 1,
        Value::Pair(_) | Value::Data(_) | Value::Alert(_) | Value::Time(_) => 2,
        Value::Zone(_) => 3,
        _ => 4,
    }
}

fn less(a: &Value, b: &Value) -> core::result::Result<bool, String> {
    let invalid = || String::from("invalid type for comparison");
    let (Some(kind_a), Some(kind_b)) = (kind(a), kind(b)) else { return Err(invalid()) };
    if !same_kind(Some(kind_a), Some(kind_b)) {
        return Err(incompatible(a, b));
    }
    match (a, b) {
        (Value::Int(a, _), Value::Int(b, _)) => Ok(a < b),
        (Value::Float(a), Value::Float(b)) => Ok(a.partial_cmp(b) == Some(Ordering::Less)),
        _ => match (a.as_text(), b.as_text()) {
            (Some(a), Some(b)) => Ok(a < b),
            _ => Err(invalid()),
        },
    }
}

/// Whether the first operand equals any of the others.
pub(super) fn eq(_: &mut Exec<'_>, args: &[Val]) -> Result {
    if args.len() < 2 {
        return Err("missing argument for comparison".into());
    }
    for other in &args[1..] {
        if equal(&args[0].value, &other.value)? {
            return Ok(Value::Bool(true).into());
        }
    }
    Ok(Value::Bool(false).into())
}

pub(super) fn ne(_: &mut Exec<'_>, args: &[Val]) -> Result {
    Ok(Value::Bool(!equal(&args[0].value, &args[1].value)?).into())
}

pub(super) fn lt(_: &mut Exec<'_>, args: &[Val]) -> Result {
    Ok(Value::Bool(less(&args[0].value, &args[1].value)?).into())
}

fn less_or_equal(args: &[Val]) -> core::result::Result<bool, String> {
    Ok(less(&args[0].value, &args[1].value)? || equal(&args[0].value, &args[1].value)?)
}

pub(super) fn le(_: &mut Exec<'_>, args: &[Val]) -> Result {
    Ok(Value::Bool(less_or_equal(args)?).into())
}

pub(super) fn gt(_: &mut Exec<'_>, args: &[Val]) -> Result {
    Ok(Value::Bool(!less_or_equal(args)?).into())
}

pub(super) fn ge(_: &mut Exec<'_>, args: &[Val]) -> Result {
    Ok(Value::Bool(!less(&args[0].value, &args[1].value)?).into())
}
