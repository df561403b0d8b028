//! Go's print family: `%v` and all other verbs, flags, and what they say about mistakes.

use alloc::{
    format,
    string::{String, ToString as _},
    vec::Vec,
};

use super::{
    float::format_float,
    quote::{is_print, quote_with},
    value::{IntType, Value},
};

mod opaque;
mod scan;

use self::scan::{Scan, WIDTH_MAX};

/// Prints values, up to about a number of bytes.
pub(super) struct Printer {
    pub(super) out: String,
    flags: Flags,
    max: usize,
    /// Whether what is printed is the value of a mistake.
    erroring: bool,
}

#[derive(Clone, Copy, Default)]
struct Flags {
    minus: bool,
    plus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    plus_v: bool,
    sharp_v: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// `fmt.Sprint`.
pub(super) fn sprint(args: &[Value], max: usize) -> String {
    let mut printer = Printer::new(max);
    let is_string = |value: &Value| value.as_text().is_some();
    for (i, arg) in args.iter().enumerate() {
        if i > 0 && !is_string(arg) && !is_string(&args[i - 1]) {
            printer.out.push(' ');
        }
        printer.argument(arg, 'v');
    }
    printer.out
}

/// `fmt.Sprintln`.
pub(super) fn sprintln(args: &[Value], max: usize) -> String {
    let mut printer = Printer::new(max);
    for (i, arg) in args.iter().enumerate() {
        if i > 0 {
            printer.out.push(' ');
        }
        printer.argument(arg, 'v');
    }
    printer.out.push('\n');
    printer.out
}

/// `fmt.Sprintf`. The text may be over `max` bytes by one operand's width; then it is cut short.
pub(super) fn sprintf(format: &str, args: &[Value], max: usize) -> String {
    let mut printer = Printer::new(max);
    printer.printf(format, args);
    printer.out
}

impl Printer {
    pub(super) fn new(max: usize) -> Self {
        Self { out: String::new(), flags: Flags::default(), max, erroring: false }
    }

    fn full(&self) -> bool {
        self.out.len() > self.max
    }

    fn printf(&mut self, format: &str, args: &[Value]) {
        let mut scan = Scan { format, at: 0, argument: 0, reordered: false, good: true };
        while scan.at < format.len() && !self.full() {
            scan.good = true;
            let percent = memchr::memchr(b'%', &format.as_bytes()[scan.at..]);
            let Some(percent) = percent.map(|i| scan.at + i) else {
                self.out.push_str(&format[scan.at..]);
                break;
            };
            self.out.push_str(&format[scan.at..percent]);
            scan.at = percent + 1;
            self.directive(&mut scan, args);
        }
        if !scan.reordered && scan.argument < args.len() {
            self.flags = Flags::default();
            self.out.push_str("%!(EXTRA ");
            for (i, arg) in args[scan.argument..].iter().enumerate() {
                if i > 0 {
                    self.out.push_str(", ");
                }
                self.typed(arg);
            }
            self.out.push(')');
        }
    }

    /// Writes `type=value`, or `<nil>`.
    fn typed(&mut self, value: &Value) {
        if matches!(value, Value::Nil) {
            return self.out.push_str("<nil>");
        }
        self.out.push_str(value.type_name());
        self.out.push('=');
        self.argument(value, 'v');
    }

    fn directive(&mut self, scan: &mut Scan<'_>, args: &[Value]) {
        self.flags = Flags::default();
        while let Some(byte) = scan.byte() {
            match byte {
                b'#' => self.flags.sharp = true,
                b'0' => self.flags.zero = true,
                b'+' => self.flags.plus = true,
                b'-' => self.flags.minus = true,
                b' ' => self.flags.space = true,
                _ => break,
            }
            scan.at += 1;
        }
        let mut after_index = scan.index(args.len());
        if scan.byte() == Some(b'*') {
            scan.at += 1;
            match scan.int_argument(args) {
                Some(width) => {
                    if width < 0 {
                        self.flags.minus = true;
                        self.flags.zero = false;
                    }
                    self.flags.width = Some(width.unsigned_abs() as usize);
                }
                None => self.out.push_str("%!(BADWIDTH)"),
            }
            after_index = false;
        } else {
            self.flags.width = scan.number();
            if after_index && self.flags.width.is_some() {
                scan.good = false;
            }
        }
        if scan.byte() == Some(b'.') {
            scan.at += 1;
            if after_index {
                scan.good = false;
            }
            after_index = scan.index(args.len());
            if scan.byte() == Some(b'*') {
                scan.at += 1;
                let precision = scan.int_argument(args);
                self.flags.precision = precision.and_then(|p| usize::try_from(p).ok());
                if self.flags.precision.is_none() {
                    self.out.push_str("%!(BADPREC)");
                }
                after_index = false;
            } else {
                self.flags.precision = Some(scan.number().unwrap_or(0));
            }
        }
        if !after_index {
            scan.index(args.len());
        }
        self.verb(scan, args);
    }

    fn verb(&mut self, scan: &mut Scan<'_>, args: &[Value]) {
        let Some(verb) = scan.format[scan.at..].chars().next() else {
            return self.out.push_str("%!(NOVERB)");
        };
        scan.at += verb.len_utf8();
        if verb == '%' {
            return self.out.push('%');
        }
        let problem = match args.get(scan.argument) {
            _ if !scan.good => "(BADINDEX)",
            None => "(MISSING)",
            Some(arg) => {
                if matches!(verb, 'v' | 'w') {
                    self.flags.sharp_v = core::mem::take(&mut self.flags.sharp);
                    self.flags.plus_v = core::mem::take(&mut self.flags.plus);
                }
                self.argument(arg, verb);
                scan.argument += 1;
                return;
            }
        };
        self.out.push_str("%!");
        self.out.push(verb);
        self.out.push_str(problem);
    }

    /// Prints an operand.
    pub(super) fn argument(&mut self, value: &Value, verb: char) {
        match (value, verb) {
            (Value::Nil, 'v') | (Value::Nil, 'T') => self.pad("<nil>"),
            (Value::Nil, _) => self.bad_verb(verb, value),
            (_, 'T') => self.string(value.type_name(), 's'),
            (_, 'p' | 'w') => self.bad_verb(verb, value),
            _ => self.value(value, verb, 0),
        }
    }

    fn bad_verb(&mut self, verb: char, value: &Value) {
        self.out.push_str("%!");
        self.out.push(verb);
        self.out.push('(');
        // A value that does not fit its verb is shown as it is, not as its type would print it.
        let outer = core::mem::replace(&mut self.erroring, true);
        self.typed(value);
        self.erroring = outer;
        self.out.push(')');
    }

    fn value(&mut self, value: &Value, verb: char, depth: usize) {
        if self.full() || self.by_method(value, verb) {
            return;
        }
        match value {
            Value::Nil if verb == 'v' && self.flags.sharp_v => {
                self.out.push_str("interface {}(nil)");
            }
            Value::Nil if depth > 0 => self.out.push_str("<nil>"),
            Value::Nil => self.argument(value, verb),
            Value::Bool(truth) => match verb {
                't' | 'v' => self.pad(if *truth { "true" } else { "false" }),
                _ => self.bad_verb(verb, value),
            },
            Value::Int(int, kind) => self.integer(*int, *kind, verb, value),
            Value::Float(float) => match verb {
                'v' | 'b' | 'g' | 'G' | 'x' | 'X' | 'f' | 'F' | 'e' | 'E' => {
                    self.float(*float, verb);
                }
                _ => self.bad_verb(verb, value),
            },
            Value::Complex(re, im) => match verb {
                'v' | 'b' | 'g' | 'G' | 'x' | 'X' | 'f' | 'F' | 'e' | 'E' => {
                    let plus = self.flags.plus;
                    self.out.push('(');
                    self.float(*re, verb);
                    self.flags.plus = true;
                    self.float(*im, verb);
                    self.out.push_str("i)");
                    self.flags.plus = plus;
                }
                _ => self.bad_verb(verb, value),
            },
            Value::Str(text) | Value::Safe(_, text) => match verb {
                'v' if self.flags.sharp_v => self.string(text, 'q'),
                'v' | 's' | 'x' | 'X' | 'q' => self.string(text, verb),
                _ => self.bad_verb(verb, value),
            },
            Value::Time(time) => self.time(time, verb, depth),
            Value::Zone(zone) => self.zone(zone, verb, depth),
            Value::Bytes(bytes) => self.bytes(value, bytes, verb, depth),
            Value::Map(..) | Value::Kv(_) => self.map(value, verb, depth),
            _ => match value.fields() {
                Some(fields) => self.structure(value, &fields, verb, depth),
                None => self.list(value, verb, depth),
            },
        }
    }

    /// Lets the value's type say how it prints, where it does.
    fn by_method(&mut self, value: &Value, verb: char) -> bool {
        if self.erroring {
            return false;
        }
        if self.flags.sharp_v {
            let Value::Time(time) = value else { return false };
            self.string(&time.to_go(), 's');
            return true;
        }
        if !matches!(verb, 'v' | 's' | 'x' | 'X' | 'q') {
            return false;
        }
        let Some(text) = value.stringer() else { return false };
        self.string(&text, if verb == 'v' { 's' } else { verb });
        true
    }

    fn separator(&self) -> &'static str {
        if self.flags.sharp_v { ", " } else { " " }
    }

    fn sequence<'a>(
        &mut self,
        (open, close): (&str, &str),
        items: impl Iterator<Item = &'a Value>,
        verb: char,
        depth: usize,
    ) {
        self.out.push_str(open);
        for (i, item) in items.enumerate() {
            if i > 0 {
                self.out.push_str(self.separator());
            }
            self.value(item, verb, depth + 1);
        }
        self.out.push_str(close);
    }

    fn list(&mut self, value: &Value, verb: char, depth: usize) {
        let items: Vec<Value> =
            (0..value.len().unwrap_or(0)).filter_map(|i| Some(value.item(i)?.value)).collect();
        if self.flags.sharp_v {
            self.out.push_str(value.type_name());
            if matches!(value, Value::Alerts(None, _)) {
                return self.out.push_str("(nil)");
            }
            return self.sequence(("{", "}"), items.iter(), verb, depth);
        }
        self.sequence(("[", "]"), items.iter(), verb, depth);
    }

    fn map(&mut self, value: &Value, verb: char, depth: usize) {
        if self.flags.sharp_v {
            self.out.push_str(value.type_name());
            if matches!(value, Value::Kv(kv) if kv.is_nil()) {
                return self.out.push_str("(nil)");
            }
        }
        self.out.push_str(if self.flags.sharp_v { "{" } else { "map[" });
        for (i, (key, item)) in super::exec::entries(value).into_iter().enumerate() {
            if i > 0 {
                self.out.push_str(self.separator());
            }
            self.value(&Value::Str(key), verb, depth + 1);
            self.out.push(':');
            self.value(&item.value, verb, depth + 1);
        }
        self.out.push(if self.flags.sharp_v { '}' } else { ']' });
    }

    fn structure(&mut self, value: &Value, fields: &[(&str, Value)], verb: char, depth: usize) {
        if self.flags.sharp_v {
            self.out.push_str(value.type_name());
        }
        self.out.push('{');
        for (i, (name, field)) in fields.iter().enumerate() {
            if i > 0 {
                self.out.push_str(self.separator());
            }
            if self.flags.sharp_v || self.flags.plus_v {
                self.out.push_str(name);
                self.out.push(':');
            }
            self.value(field, verb, depth + 1);
        }
        self.out.push('}');
    }

    /// Writes a text padded to the width.
    fn pad(&mut self, text: &str) {
        let width = self.flags.width.unwrap_or(0);
        let padding = width.saturating_sub(text.chars().count());
        if self.flags.minus {
            self.out.push_str(text);
        }
        let c = if self.flags.zero && !self.flags.minus { '0' } else { ' ' };
        self.out.extend(core::iter::repeat_n(c, padding));
        if !self.flags.minus {
            self.out.push_str(text);
        }
    }

    fn pad_blank(&mut self, text: &str) {
        let zero = core::mem::take(&mut self.flags.zero);
        self.pad(text);
        self.flags.zero = zero;
    }

    fn string(&mut self, text: &str, verb: char) {
        let cut = match self.flags.precision {
            Some(max) if matches!(verb, 's' | 'q' | 'v') => {
                text.char_indices().nth(max).map_or(text, |(end, _)| &text[..end])
            }
            _ => text,
        };
        match verb {
            'q' => {
                let raw = cut.chars().all(|c| match c {
                    '\t' => true,
                    '`' | '\u{feff}' => false,
                    c => is_print(c) || c > '\u{7f}',
                });
                if self.flags.sharp && raw {
                    self.pad(&format!("`{cut}`"));
                } else {
                    self.pad(&quote_with(cut, '"', self.flags.plus));
                }
            }
            'x' | 'X' => {
                let bytes = text.as_bytes();
                let max = self.flags.precision.unwrap_or(usize::MAX).min(bytes.len());
                let text = self.hex(&bytes[..max], verb == 'X');
                self.pad(&text);
            }
            _ => self.pad(cut),
        }
    }

    fn hex(&self, bytes: &[u8], upper: bool) -> String {
        let mut out = String::with_capacity(bytes.len() * 2);
        for (i, byte) in bytes.iter().enumerate() {
            if self.flags.space && i > 0 {
                out.push(' ');
            }
            if self.flags.sharp && (self.flags.space || i == 0) {
                out.push_str(if upper { "0X" } else { "0x" });
            }
            out.push_str(&if upper { format!("{byte:02X}") } else { format!("{byte:02x}") });
        }
        out
    }

    fn integer(&mut self, int: i64, kind: IntType, verb: char, value: &Value) {
        let character = || {
            u32::try_from(int).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER)
        };
        match verb {
            'v' if self.flags.sharp_v && matches!(kind, IntType::Uint8 | IntType::Uint64) => {
                let sharp = core::mem::replace(&mut self.flags.sharp, true);
                self.digits(int, 16, verb);
                self.flags.sharp = sharp;
            }
            'v' | 'd' => self.digits(int, 10, verb),
            'b' => self.digits(int, 2, verb),
            'o' | 'O' => self.digits(int, 8, verb),
            'x' | 'X' => self.digits(int, 16, verb),
            'c' => self.pad(&character().to_string()),
            'q' => {
                let text = character().to_string();
                self.pad(&quote_with(&text, '\'', self.flags.plus));
            }
            'U' => {
                let width = self.flags.precision.unwrap_or(4).clamp(4, WIDTH_MAX);
                let mut text = format!("U+{int:0width$X}");
                if self.flags.sharp && is_print(character()) && char::from_u32(int as u32).is_some()
                {
                    text.push_str(&format!(" '{}'", character()));
                }
                self.pad_blank(&text);
            }
            _ => self.bad_verb(verb, value),
        }
    }

    fn digits(&mut self, int: i64, base: u32, verb: char) {
        let negative = int < 0;
        let abs = int.unsigned_abs();
        let mut digits = match base {
            2 => format!("{abs:b}"),
            8 => format!("{abs:o}"),
            16 if verb == 'X' => format!("{abs:X}"),
            16 => format!("{abs:x}"),
            _ => abs.to_string(),
        };
        let signed = negative || self.flags.plus || self.flags.space;
        let least = match (self.flags.precision, self.flags.width) {
            (Some(0), _) if int == 0 => return self.pad_blank(""),
            (Some(precision), _) => precision,
            (None, Some(width)) if self.flags.zero && !self.flags.minus => {
                width.saturating_sub(usize::from(signed))
            }
            _ => 0,
        };
        if digits.len() < least {
            digits.insert_str(0, &"0".repeat(least - digits.len()));
        }
        let mut prefix = "";
        if self.flags.sharp {
            prefix = match base {
                2 => "0b",
                8 if !digits.starts_with('0') => "0",
                16 if verb == 'X' => "0X",
                16 => "0x",
                _ => "",
            };
        }
        if verb == 'O' {
            prefix = if prefix.is_empty() { "0o" } else { "0o0" };
        }
        let sign = if negative {
            "-"
        } else if self.flags.plus {
            "+"
        } else if self.flags.space {
            " "
        } else {
            ""
        };
        self.pad_blank(&format!("{sign}{prefix}{digits}"));
    }

    fn float(&mut self, value: f64, verb: char) {
        let default = match verb {
            'e' | 'E' | 'f' | 'F' => Some(6),
            _ => None,
        };
        let precision = self.flags.precision.or(default);
        let verb = if verb == 'v' { 'g' } else { verb };
        let mut text = format_float(value, verb, precision);
        if !text.starts_with(['-', '+']) {
            text.insert(0, '+');
        }
        if self.flags.space && !self.flags.plus && text.starts_with('+') {
            text.replace_range(..1, " ");
        }
        if !value.is_finite() {
            let bare = value.is_nan() && !self.flags.space && !self.flags.plus;
            return self.pad_blank(if bare { &text[1..] } else { &text });
        }
        if self.flags.sharp && verb != 'b' {
            text = with_point(&text, verb, precision);
        }
        if !self.flags.plus && text.starts_with('+') {
            return self.pad(&text[1..]);
        }
        let width = self.flags.width.unwrap_or(0);
        if self.flags.zero && !self.flags.minus && width > text.len() {
            self.out.push_str(&text[..1]);
            self.out.extend(core::iter::repeat_n('0', width - text.len()));
            return self.out.push_str(&text[1..]);
        }
        self.pad(&text);
    }
}

/// What `#` does to a float: there is a point, and `%g` and `%x` keep zeros up to their precision.
fn with_point(text: &str, verb: char, precision: Option<usize>) -> String {
    let cut = if matches!(verb, 'x' | 'X') { text.find(['p', 'P']) } else { text.find(['e', 'E']) };
    let (head, tail) = text.split_at(cut.unwrap_or(text.len()));
    let mut missing = match verb {
        'g' | 'G' | 'x' => precision.unwrap_or(6),
        _ => 0,
    };
    let digits = head[1..].chars().filter(|c| *c != '.').skip_while(|c| *c == '0');
    missing = missing.saturating_sub(digits.count());
    let mut head = head.to_string();
    if !head.contains('.') {
        // A zero before the point counts too.
        missing = missing.saturating_sub(usize::from(&head[1..] == "0"));
        head.push('.');
    }
    head.extend(core::iter::repeat_n('0', missing));
    head + tail
}

/// How messages show a value: as `%v`.
pub(super) fn shown(value: &Value) -> String {
    const SHOWN_MAX: usize = 64 * 1024;
    match value {
        Value::Nil => "<nil>".into(),
        _ => sprint(core::slice::from_ref(value), SHOWN_MAX),
    }
}
