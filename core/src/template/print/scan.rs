//! Reads the directives of a format: flags, indexes, widths.

use super::super::value::Value;

/// The largest width and precision; beyond it Go calls them bad.
pub(super) const WIDTH_MAX: usize = 1_000_000;

/// The position in a format and among its arguments.
pub(super) struct Scan<'a> {
    pub(super) format: &'a str,
    pub(super) at: usize,
    pub(super) argument: usize,
    pub(super) reordered: bool,
    pub(super) good: bool,
}

impl Scan<'_> {
    pub(super) fn byte(&self) -> Option<u8> {
        self.format.as_bytes().get(self.at).copied()
    }

    /// Reads a number; one that is too large counts as none.
    pub(super) fn number(&mut self) -> Option<usize> {
        let rest = &self.format[self.at..];
        let len = rest.bytes().take_while(u8::is_ascii_digit).count();
        if len == 0 {
            return None;
        }
        self.at += len;
        let value = rest[..len].parse().ok().filter(|n| *n <= WIDTH_MAX);
        if value.is_none() {
            // Go stops reading the directive altogether.
            self.at = self.format.len();
        }
        value
    }

    /// Reads `[n]`, which chooses the next argument.
    pub(super) fn index(&mut self, count: usize) -> bool {
        if self.byte() != Some(b'[') {
            return false;
        }
        self.reordered = true;
        let rest = &self.format[self.at..];
        let Some(close) = rest.find(']').filter(|_| rest.len() >= 3) else {
            self.at += 1;
            self.good = false;
            return false;
        };
        self.at += close + 1;
        let number = rest[1..close].parse::<usize>().ok().filter(|n| *n <= WIDTH_MAX);
        let plain = rest[1..close].bytes().all(|b| b.is_ascii_digit());
        match number.filter(|_| plain) {
            Some(number) if (1..=count).contains(&number) => {
                self.argument = number - 1;
                true
            }
            number => {
                self.good = false;
                number.is_some()
            }
        }
    }

    /// Takes an argument as a width or precision.
    pub(super) fn int_argument(&mut self, args: &[Value]) -> Option<i64> {
        let value = args.get(self.argument)?;
        self.argument += 1;
        match value {
            Value::Int(int, _) if int.unsigned_abs() <= WIDTH_MAX as u64 => Some(*int),
            _ => None,
        }
    }
}
