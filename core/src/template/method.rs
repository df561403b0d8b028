//! The methods of values that templates may call.

use alloc::{format, string::String, sync::Arc, vec::Vec};

use super::{
    clock::Zone,
    func::Param,
    value::{Alert, IntType, StringsType, Text, Val, Value},
};

/// Implements a method; the error is what follows `error calling name:`.
pub(super) type Call = fn(&Value, &[Val]) -> Result<Value, String>;

/// A method's parameters and body, or why templates cannot call it (`{}` standing for its name).
pub(super) struct Method {
    pub(super) params: &'static [Param],
    pub(super) call: Result<Call, &'static str>,
}

const fn plain(call: Call) -> Option<Method> {
    Some(Method { params: &[], call: Ok(call) })
}

const fn with(params: &'static [Param], call: Call) -> Option<Method> {
    Some(Method { params, call: Ok(call) })
}

const fn never(why: &'static str) -> Option<Method> {
    Some(Method { params: &[], call: Err(why) })
}

/// Finds a method of a value.
pub(super) fn lookup(value: &Value, name: &str) -> Option<Method> {
    match value {
        Value::Kv(_) => kv(name),
        Value::Pairs(_) => match name {
            "Names" => plain(|value, _| Ok(names(value))),
            "Values" => plain(|value, _| Ok(texts(value))),
            "String" => plain(to_string),
            _ => None,
        },
        Value::Strings(_, StringsType::Named) if name == "Join" => with(&[Param::Str], join),
        Value::Alerts(_, true) => match name {
            "Firing" => plain(|value, _| Ok(with_status(value, "firing"))),
            "Resolved" => plain(|value, _| Ok(with_status(value, "resolved"))),
            _ => None,
        },
        Value::Time(_) => time(name),
        Value::Int(_, IntType::Duration) => duration(name),
        Value::Int(_, IntType::Month | IntType::Weekday) | Value::Zone(_) if name == "String" => {
            plain(to_string)
        }
        _ => None,
    }
}

fn to_string(value: &Value, _: &[Val]) -> Result<Value, String> {
    Ok(Value::text(value.stringer().unwrap_or_default()))
}

fn kv(name: &str) -> Option<Method> {
    match name {
        "SortedPairs" => plain(|value, _| Ok(pairs(value))),
        "Names" => plain(|value, _| Ok(names(&pairs(value)))),
        "Values" => plain(|value, _| Ok(texts(&pairs(value)))),
        "String" => plain(to_string),
        "Remove" => with(&[Param::Strings], |value, args| {
            let (Value::Kv(kv), Value::Strings(names, _)) = (value, &args[0].value) else {
                return Ok(Value::Nil);
            };
            Ok(Value::Kv(kv.remove(names)))
        }),
        _ => None,
    }
}

fn pairs(value: &Value) -> Value {
    match value {
        Value::Kv(kv) => Value::Pairs(kv.sorted_pairs().into()),
        other => other.clone(),
    }
}

fn strings(items: impl Iterator<Item = Text>) -> Value {
    Value::Strings(items.collect(), StringsType::Named)
}

fn names(value: &Value) -> Value {
    let Value::Pairs(pairs) = value else { return Value::Nil };
    strings(pairs.iter().map(|pair| pair.name.clone()))
}

fn texts(value: &Value) -> Value {
    let Value::Pairs(pairs) = value else { return Value::Nil };
    strings(pairs.iter().map(|pair| pair.value.clone()))
}

fn join(value: &Value, args: &[Val]) -> Result<Value, String> {
    let (Value::Strings(items, _), Value::Str(separator)) = (value, &args[0].value) else {
        return Ok(Value::Nil);
    };
    Ok(Value::text(super::funcs::join_texts(items, separator)?))
}

fn with_status(value: &Value, status: &str) -> Value {
    let Value::Alerts(alerts, _) = value else { return Value::Nil };
    let all = alerts.iter().flat_map(|alerts| alerts.iter());
    let some: Vec<Arc<Alert>> = all.filter(|alert| &*alert.status == status).cloned().collect();
    Value::Alerts(Some(some.into()), false)
}

const D: Param = Param::Int(IntType::Duration);
const I: Param = Param::Int(IntType::Int);

fn int(args: &[Val], at: usize) -> i64 {
    match args.get(at).map(|arg| &arg.value) {
        Some(Value::Int(value, _)) => *value,
        _ => 0,
    }
}

fn duration(name: &str) -> Option<Method> {
    macro_rules! on {
        ($ns:ident => $result:expr) => {
            plain(|value, _| match value {
                Value::Int($ns, _) => Ok($result),
                _ => Ok(Value::Nil),
            })
        };
    }
    match name {
        "Hours" => on!(ns => Value::Float(in_units(*ns, 3_600_000_000_000))),
        "Minutes" => on!(ns => Value::Float(in_units(*ns, 60_000_000_000))),
        "Seconds" => on!(ns => Value::Float(in_units(*ns, 1_000_000_000))),
        "Milliseconds" => on!(ns => Value::Int(*ns / 1_000_000, IntType::Int64)),
        "Microseconds" => on!(ns => Value::Int(*ns / 1000, IntType::Int64)),
        "Nanoseconds" => on!(ns => Value::Int(*ns, IntType::Int64)),
        "Abs" => on!(ns => span(ns.saturating_abs())),
        "String" => plain(to_string),
        "Truncate" => with(&[D], |value, args| {
            let (ns, unit) = (int(&[value.clone().into()], 0), int(args, 0));
            Ok(span(if unit <= 0 { ns } else { ns - ns % unit }))
        }),
        "Round" => with(&[D], |value, args| {
            let (ns, unit) = (int(&[value.clone().into()], 0), int(args, 0));
            if unit <= 0 {
                return Ok(span(ns));
            }
            let rest = (ns % unit).abs();
            let away = if i128::from(rest) * 2 < i128::from(unit) { 0 } else { unit };
            let sign = if ns < 0 { -1 } else { 1 };
            let rounded = i128::from(ns) + sign * i128::from(away - rest);
            Ok(span(i64::try_from(rounded).unwrap_or(if sign < 0 { i64::MIN } else { i64::MAX })))
        }),
        _ => None,
    }
}

/// As Go: whole units and the fraction apart, so that the last digit agrees.
fn in_units(ns: i64, unit: i64) -> f64 {
    (ns / unit) as f64 + (ns % unit) as f64 / unit as f64
}

const fn span(ns: i64) -> Value {
    Value::Int(ns, IntType::Duration)
}

/// The time in the first argument.
fn other(args: &[Val]) -> super::Time {
    match args.first().map(|arg| &arg.value) {
        Some(Value::Time(time)) => time.clone(),
        _ => super::Time::default(),
    }
}

fn time(name: &str) -> Option<Method> {
    macro_rules! on {
        ($time:ident => $result:expr) => {
            plain(|value, _| match value {
                Value::Time($time) => Ok($result),
                _ => Ok(Value::Nil),
            })
        };
    }
    match name {
        "Unix" => on!(t => Value::Int(t.secs, IntType::Int64)),
        "UnixMilli" => {
            on!(t => Value::Int((t.total().div_euclid(1_000_000)) as i64, IntType::Int64))
        }
        "UnixMicro" => on!(t => Value::Int((t.total().div_euclid(1000)) as i64, IntType::Int64)),
        "UnixNano" => on!(t => Value::Int(t.total() as i64, IntType::Int64)),
        "UTC" => on!(t => Value::Time(t.in_zone(Zone::Utc))),
        "Local" => on!(t => Value::Time(t.in_zone(Zone::Fixed(0, "Local".into())))),
        "Location" => on!(t => Value::Zone(t.zone.clone())),
        "IsZero" => on!(t => Value::Bool(t.is_zero())),
        "IsDST" => on!(t => Value::Bool(t.is_dst())),
        "Year" => on!(t => Value::int(t.fields().civil.year)),
        "Month" => on!(t => Value::Int(i64::from(t.fields().civil.month), IntType::Month)),
        "Day" => on!(t => Value::int(i64::from(t.fields().civil.day))),
        "Hour" => on!(t => Value::int(i64::from(t.fields().civil.hour))),
        "Minute" => on!(t => Value::int(i64::from(t.fields().civil.minute))),
        "Second" => on!(t => Value::int(i64::from(t.fields().civil.second))),
        "Nanosecond" => on!(t => Value::int(i64::from(t.nanos))),
        "Weekday" => on!(t => Value::Int(i64::from(t.fields().weekday), IntType::Weekday)),
        "YearDay" => on!(t => Value::int(t.fields().year_day)),
        "String" => plain(to_string),
        "GoString" => on!(t => Value::text(t.to_go())),
        "Date" | "Clock" => never("function {} has 3 return values; should be 1 or 2"),
        "ISOWeek" | "Zone" => {
            never("invalid function signature for {}: second return value should be error; is int")
        }
        "ZoneBounds" => never(
            "invalid function signature for {}: second return value should be error; is time.Time",
        ),
        _ => time_with(name),
    }
}

/// The methods of a time that take arguments.
fn time_with(name: &str) -> Option<Method> {
    macro_rules! on {
        ($params:expr, $time:ident, $args:ident => $result:expr) => {
            with($params, |value, $args| match value {
                Value::Time($time) => Ok($result),
                _ => Ok(Value::Nil),
            })
        };
    }
    const T: &[Param] = &[Param::Time];
    match name {
        "Format" => on!(&[Param::Str], t, args => match &args[0].value {
            Value::Str(layout) => Value::text(t.format(layout)),
            _ => Value::Nil,
        }),
        "Add" => on!(&[D], t, args => Value::Time(t.plus(int(args, 0)))),
        "AddDate" => on!(&[I, I, I], t, args => {
            Value::Time(t.add_date(int(args, 0), int(args, 1), int(args, 2)))
        }),
        "Sub" => on!(T, t, args => span(t.minus(&other(args)))),
        "Before" => on!(T, t, args => Value::Bool(t.total() < other(args).total())),
        "After" => on!(T, t, args => Value::Bool(t.total() > other(args).total())),
        "Equal" => on!(T, t, args => Value::Bool(t.total() == other(args).total())),
        "Compare" => on!(T, t, args => Value::int(t.total().cmp(&other(args).total()) as i64)),
        "Truncate" => on!(&[D], t, args => Value::Time(t.round(int(args, 0), false))),
        "Round" => on!(&[D], t, args => Value::Time(t.round(int(args, 0), true))),
        "In" => with(&[Param::Zone], |value, args| match (value, &args[0].value) {
            (Value::Time(t), Value::Zone(zone)) => Ok(Value::Time(t.in_zone(zone.clone()))),
            _ => Err("time: missing Location in call to Time.In".into()),
        }),
        _ => time_as_bytes(name),
    }
}

/// The methods of a time that give it as bytes. Those that read one would change the data of the
/// notification, so there are none.
fn time_as_bytes(name: &str) -> Option<Method> {
    const B: Param = Param::Bytes;
    match name {
        "MarshalJSON" => plain(|value, _| match value {
            Value::Time(t) => Ok(bytes(&[], format!("\"{}\"", t.to_json()?).as_bytes())),
            _ => Ok(Value::Nil),
        }),
        "MarshalText" => plain(|value, _| text(value, &[], "Time.MarshalText")),
        "AppendText" => {
            with(&[B], |value, args| text(value, &args[0].value.bytes(), "Time.AppendText"))
        }
        "MarshalBinary" | "GobEncode" => plain(|value, _| binary(value, &[])),
        "AppendBinary" => with(&[B], |value, args| binary(value, &args[0].value.bytes())),
        "AppendFormat" => with(&[B, Param::Str], |value, args| match (value, &args[1].value) {
            (Value::Time(t), Value::Str(layout)) => {
                Ok(bytes(&args[0].value.bytes(), t.format(layout).as_bytes()))
            }
            _ => Ok(Value::Nil),
        }),
        _ => None,
    }
}

fn bytes(head: &[u8], tail: &[u8]) -> Value {
    Value::Bytes([head, tail].concat().into())
}

fn text(value: &Value, head: &[u8], name: &str) -> Result<Value, String> {
    let Value::Time(time) = value else { return Ok(Value::Nil) };
    let text = time.to_json().map_err(|why| why.replace("Time.MarshalJSON", name))?;
    Ok(bytes(head, text.as_bytes()))
}

/// As Go: a version, the seconds since its zero time, nanoseconds, and the offset in minutes, which
/// is -1 for UTC; further seconds of the offset make the second version.
fn binary(value: &Value, head: &[u8]) -> Result<Value, String> {
    let Value::Time(time) = value else { return Ok(Value::Nil) };
    let offset = time.fields().offset;
    let minutes = match time.zone {
        Zone::Utc => -1,
        _ => i16::try_from(offset / 60).unwrap_or(-1),
    };
    let seconds = (offset % 60) as i8;
    let mut out = head.to_vec();
    out.push(if seconds == 0 { 1 } else { 2 });
    out.extend(time.since_year_one().to_be_bytes());
    out.extend(time.nanos.to_be_bytes());
    out.extend(minutes.to_be_bytes());
    if seconds != 0 {
        out.extend(seconds.to_be_bytes());
    }
    Ok(Value::Bytes(out.into()))
}
