//! Values whose types have fields that Go does not export: times and zones; and bytes.

use alloc::{format, vec::Vec};

use super::{
    super::{
        clock::{Time, Zone},
        quote::lossy,
        value::{IntType, Value},
    },
    Printer,
};

impl Printer {
    /// A time as the struct it is.
    pub(super) fn time(&mut self, time: &Time, verb: char, depth: usize) {
        self.open("time.Time");
        let wall = Value::Int(i64::from(time.nanos), IntType::Uint64);
        let ext = Value::Int(time.since_year_one(), IntType::Int64);
        self.field("wall", &wall, verb, depth);
        self.out.push_str(self.separator());
        self.field("ext", &ext, verb, depth);
        self.next("loc");
        match time.zone {
            Zone::Utc => self.nil_pointer("*time.Location", verb),
            _ => self.out.push_str("0xc000000000"),
        }
        self.out.push('}');
    }

    /// A zone as the struct it points to; the one of UTC has nothing in it but its name.
    pub(super) fn zone(&mut self, zone: &Zone, verb: char, depth: usize) {
        if depth > 0 {
            return self.out.push_str("0xc000000000");
        }
        self.out.push('&');
        self.open("time.Location");
        self.field("name", &Value::text(zone.name()), verb, depth);
        for (name, kind) in [("zone", "[]time.zone(nil)"), ("tx", "[]time.zoneTrans(nil)")] {
            self.next(name);
            self.out.push_str(if self.flags.sharp_v { kind } else { "[]" });
        }
        self.out.push_str(self.separator());
        self.field("extend", &Value::text(""), verb, depth);
        for name in ["cacheStart", "cacheEnd"] {
            self.out.push_str(self.separator());
            self.field(name, &Value::Int(0, IntType::Int64), verb, depth);
        }
        self.next("cacheZone");
        self.nil_pointer("*time.zone", verb);
        self.out.push('}');
    }

    fn open(&mut self, type_name: &str) {
        if self.flags.sharp_v {
            self.out.push_str(type_name);
        }
        self.out.push('{');
    }

    /// Begins a field; there is one before it.
    fn next(&mut self, name: &str) {
        self.out.push_str(self.separator());
        self.name(name);
    }

    fn name(&mut self, name: &str) {
        if self.flags.sharp_v || self.flags.plus_v {
            self.out.push_str(name);
            self.out.push(':');
        }
    }

    fn field(&mut self, name: &str, value: &Value, verb: char, depth: usize) {
        self.name(name);
        self.value(value, verb, depth + 1);
    }

    /// A pointer to nothing, as a field.
    fn nil_pointer(&mut self, type_name: &str, verb: char) {
        match verb {
            'v' if self.flags.sharp_v => {
                self.out.push_str(&format!("({type_name})(nil)"));
            }
            'v' => self.pad("<nil>"),
            'b' | 'o' | 'd' | 'x' | 'X' => {
                let base = [('b', 2), ('o', 8), ('d', 10)].iter().find(|(v, _)| *v == verb);
                self.digits(0, base.map_or(16, |(_, base)| *base), verb);
            }
            _ => {
                self.out.push_str(&format!("%!{verb}({type_name}="));
                self.pad("<nil>");
                self.out.push(')');
            }
        }
    }

    /// Bytes are a text or a list, as the verb asks.
    pub(super) fn bytes(&mut self, value: &Value, bytes: &[u8], verb: char, depth: usize) {
        match verb {
            's' | 'q' => self.string(&lossy(bytes), verb),
            'x' | 'X' => {
                let max = self.flags.precision.unwrap_or(usize::MAX).min(bytes.len());
                let text = self.hex(&bytes[..max], verb == 'X');
                self.pad(&text);
            }
            'v' if self.flags.sharp_v => {
                let name = if depth == 0 { "[]byte" } else { "[]uint8" };
                self.out.push_str(name);
                let items = (0..bytes.len()).filter_map(|i| Some(value.item(i)?.value));
                let items: Vec<Value> = items.collect();
                self.sequence(("{", "}"), items.iter(), verb, depth);
            }
            _ => self.list(value, verb, depth),
        }
    }
}
