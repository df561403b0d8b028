//! The records of the notification log and of the silences, as peers and Alertmanager's files
//! hold them.
//!
//! These are the messages field by field; what the fields mean is the business of
//! [`crate::nflog`] and [`crate::silence`]. A list is records one after the other, each after its
//! length: that is the data of a gossip part and the whole of the files `nflog` and `silences`.

use alloc::{borrow::Cow, vec::Vec};

use thiserror::Error;

use super::protobuf::{
    ProtobufError, Reader, Value, write_bytes, write_delimited, write_message, write_number,
    write_packed, write_set_bytes, write_set_double, write_set_number,
};
use crate::{
    limits::{MESH_ITEMS_MAX, MESH_RECORD_BYTES_MAX},
    time::Timestamp,
};

/// A point in time: seconds and nanoseconds since 1970, either of any value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Time {
    /// Whole seconds.
    pub secs: i64,
    /// Nanoseconds to add.
    pub nanos: i32,
}

/// Seconds from the epoch to Go's zero time, which stands for "not set".
const ZERO_SECS: i64 = -62_135_596_800;

impl From<Timestamp> for Time {
    fn from(at: Timestamp) -> Self {
        if at.is_zero() {
            return Self { secs: ZERO_SECS, nanos: 0 };
        }
        let (secs, nanos) = at.parts();
        Self { secs, nanos: i32::try_from(nanos).expect("less than a second") }
    }
}

/// Times out of the range of [`Timestamp`] are clamped to it.
impl From<Time> for Timestamp {
    fn from(Time { secs, nanos }: Time) -> Self {
        if (secs, nanos) == (ZERO_SECS, 0) {
            return Self::ZERO;
        }
        const SECOND: i32 = 1_000_000_000;
        let secs = secs.saturating_add(i64::from(nanos.div_euclid(SECOND)));
        Self::from_parts(secs, nanos.rem_euclid(SECOND).cast_unsigned())
    }
}

/// A record of the notification log (`MeshEntry`).
///
/// The fields `group_hash` and `resolved`, which nobody has written for years, are not kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NflogRecord<'a> {
    /// The group's key.
    pub group_key: &'a [u8],
    /// The receiver's name.
    pub receiver: &'a str,
    /// The integration's kind.
    pub integration: &'a str,
    /// The integration's position among those of its kind.
    pub index: u32,
    /// When the notification was sent.
    pub timestamp: Option<Time>,
    /// The hashes of the alerts that fired.
    pub firing: Cow<'a, [u64]>,
    /// The hashes of the alerts that were resolved.
    pub resolved: Cow<'a, [u64]>,
    /// What the integration keeps.
    pub receiver_data: Vec<(&'a str, DataValue<'a>)>,
    /// When the record may be forgotten.
    pub expires_at: Option<Time>,
}

/// A value that an integration keeps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum DataValue<'a> {
    /// A text.
    Str(&'a str),
    /// A whole number.
    Int(i64),
    /// A floating-point number.
    Double(f64),
}

/// A silence (`MeshSilence`).
///
/// The field `receiver_matcher_sets`, which nothing evaluates, is not kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SilenceRecord<'a> {
    /// The silence's name.
    pub id: &'a str,
    /// The first matcher set once more, for readers that know only one.
    pub matchers: Vec<MatcherRecord<'a>>,
    /// When it begins.
    pub starts_at: Option<Time>,
    /// When it ends.
    pub ends_at: Option<Time>,
    /// When it was last written.
    pub updated_at: Option<Time>,
    /// Comments in the form that very old versions wrote.
    pub comments: Vec<CommentRecord<'a>>,
    /// Who made it.
    pub created_by: &'a str,
    /// Why.
    pub comment: &'a str,
    /// Free names and values.
    pub annotations: Vec<(&'a str, &'a str)>,
    /// The matcher sets.
    pub matcher_sets: Vec<Vec<MatcherRecord<'a>>>,
    /// When it may be forgotten.
    pub expires_at: Option<Time>,
}

/// A matcher of a silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MatcherRecord<'a> {
    /// How it compares.
    pub kind: MatcherKind,
    /// The label's name.
    pub name: &'a str,
    /// The value or the expression.
    pub pattern: &'a str,
}

/// How a matcher compares. The numbers are those on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatcherKind {
    /// `=`
    Equal = 0,
    /// `=~`
    Regexp = 1,
    /// `!=`
    NotEqual = 2,
    /// `!~`
    NotRegexp = 3,
}

/// A comment in the old form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CommentRecord<'a> {
    /// Who wrote it.
    pub author: &'a str,
    /// What it says.
    pub comment: &'a str,
}

/// What is wrong with a list, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("record {index} at offset {at}: {problem}")]
pub struct MeshError {
    /// The record's position in the list, from 0.
    pub index: usize,
    /// The offset of its length.
    pub at: usize,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Problem {
    /// Its bytes are no message. Offsets are those in the list.
    #[error(transparent)]
    Protobuf(#[from] ProtobufError),
    /// It is larger than we take.
    #[error("{0} bytes, above the limit of {MESH_RECORD_BYTES_MAX}")]
    TooLarge(usize),
    /// It has more matchers, annotations or comments than we take.
    #[error("more than {MESH_ITEMS_MAX} elements")]
    TooMany,
    /// The entry, its receiver, or the silence is missing. The text is Alertmanager's.
    #[error("invalid state")]
    Incomplete,
    /// There is no such kind of matcher.
    #[error("unknown matcher type {0}")]
    Matcher(u64),
}

/// Reads the records of the notification log one by one; an error is the last item.
pub fn nflog_records(bytes: &[u8]) -> impl Iterator<Item = Result<NflogRecord<'_>, MeshError>> {
    records(bytes, NflogRecord::read)
}

/// Reads silences one by one; an error is the last item.
pub fn silence_records(bytes: &[u8]) -> impl Iterator<Item = Result<SilenceRecord<'_>, MeshError>> {
    records(bytes, SilenceRecord::read)
}

fn records<'a, T>(
    bytes: &'a [u8],
    read: impl Fn(Reader<'a>) -> Result<T, Problem>,
) -> impl Iterator<Item = Result<T, MeshError>> {
    let mut list = Reader::new(bytes, 0);
    let (mut index, mut failed) = (0, false);
    core::iter::from_fn(move || {
        if failed || list.is_empty() {
            return None;
        }
        let at = list.offset();
        let record = delimited(&mut list).and_then(&read);
        failed = record.is_err();
        let record = record.map_err(|problem| MeshError { index, at, problem });
        index += 1;
        Some(record)
    })
}

fn delimited<'a>(list: &mut Reader<'a>) -> Result<Reader<'a>, Problem> {
    let len = usize::try_from(list.clone().varint()?).unwrap_or(usize::MAX);
    if len > MESH_RECORD_BYTES_MAX {
        return Err(Problem::TooLarge(len));
    }
    Ok(list.delimited()?)
}

impl<'a> NflogRecord<'a> {
    /// Appends the record with its length.
    pub fn encode(&self, out: &mut Vec<u8>) {
        write_delimited(out, |out| {
            write_message(out, 1, |out| self.write_entry(out));
            write_time(out, 2, self.expires_at);
        });
    }

    fn write_entry(&self, out: &mut Vec<u8>) {
        write_bytes(out, 1, self.group_key);
        write_message(out, 2, |out| {
            write_bytes(out, 1, self.receiver.as_bytes());
            write_bytes(out, 2, self.integration.as_bytes());
            write_number(out, 3, u64::from(self.index));
        });
        write_time(out, 5, self.timestamp);
        write_packed(out, 6, &self.firing);
        write_packed(out, 7, &self.resolved);
        for (name, value) in &self.receiver_data {
            write_message(out, 8, |out| {
                write_set_bytes(out, 1, name.as_bytes());
                write_message(out, 2, |out| match value {
                    DataValue::Str(text) => write_set_bytes(out, 1, text.as_bytes()),
                    DataValue::Int(number) => write_set_number(out, 2, number.cast_unsigned()),
                    DataValue::Double(number) => write_set_double(out, 3, *number),
                });
            });
        }
    }

    fn read(mut reader: Reader<'a>) -> Result<Self, Problem> {
        let mut record = Self::default();
        let (mut has_entry, mut has_receiver) = (false, false);
        while let Some(field) = reader.field()? {
            match field {
                (1, Value::Bytes(entry)) => {
                    has_entry = true;
                    has_receiver |= record.read_entry(entry)?;
                }
                (2, Value::Bytes(time)) => record.expires_at = Some(read_time(time)?),
                _ => {}
            }
        }
        if has_entry && has_receiver { Ok(record) } else { Err(Problem::Incomplete) }
    }

    /// Reads the inner message; tells whether there was a receiver.
    fn read_entry(&mut self, mut reader: Reader<'a>) -> Result<bool, Problem> {
        let mut has_receiver = false;
        let (mut firing, mut resolved) = (Vec::new(), Vec::new());
        while let Some(field) = reader.field()? {
            match field {
                (1, Value::Bytes(key)) => self.group_key = key.as_bytes(),
                (2, Value::Bytes(receiver)) => {
                    has_receiver = true;
                    self.read_receiver(receiver)?;
                }
                (5, Value::Bytes(time)) => self.timestamp = Some(read_time(time)?),
                (6, value) => read_numbers(value, &mut firing)?,
                (7, value) => read_numbers(value, &mut resolved)?,
                (8, Value::Bytes(pair)) => {
                    if let Some(pair) = read_data(pair)? {
                        push(&mut self.receiver_data, pair)?;
                    }
                }
                _ => {}
            }
        }
        self.firing = Cow::Owned(firing);
        self.resolved = Cow::Owned(resolved);
        Ok(has_receiver)
    }

    fn read_receiver(&mut self, mut reader: Reader<'a>) -> Result<(), Problem> {
        while let Some(field) = reader.field()? {
            match field {
                (1, Value::Bytes(name)) => self.receiver = name.as_text()?,
                (2, Value::Bytes(kind)) => self.integration = kind.as_text()?,
                (3, Value::Number(index)) => self.index = index as u32,
                _ => {}
            }
        }
        Ok(())
    }
}

/// Reads one pair of the receiver data; `None` when it has no value of a kind that we know.
fn read_data<'a>(mut reader: Reader<'a>) -> Result<Option<(&'a str, DataValue<'a>)>, Problem> {
    let (mut name, mut data) = ("", None);
    while let Some(field) = reader.field()? {
        match field {
            (1, Value::Bytes(text)) => name = text.as_text()?,
            (2, Value::Bytes(mut value)) => {
                while let Some(field) = value.field()? {
                    data = match field {
                        (1, Value::Bytes(text)) => Some(DataValue::Str(text.as_text()?)),
                        (2, Value::Number(number)) => Some(DataValue::Int(number.cast_signed())),
                        (3, Value::Fixed64(bits)) => Some(DataValue::Double(f64::from_bits(bits))),
                        _ => data,
                    };
                }
            }
            _ => {}
        }
    }
    Ok(data.map(|data| (name, data)))
}

/// Reads a list of numbers, packed or one at a time.
fn read_numbers(value: Value<'_>, numbers: &mut Vec<u64>) -> Result<(), Problem> {
    match value {
        Value::Number(number) => numbers.push(number),
        Value::Bytes(mut packed) => {
            while !packed.is_empty() {
                numbers.push(packed.varint()?);
            }
        }
        Value::Fixed32(_) | Value::Fixed64(_) => {}
    }
    Ok(())
}

impl<'a> SilenceRecord<'a> {
    /// Appends the record with its length.
    pub fn encode(&self, out: &mut Vec<u8>) {
        write_delimited(out, |out| {
            write_message(out, 1, |out| self.write_silence(out));
            write_time(out, 2, self.expires_at);
        });
    }

    fn write_silence(&self, out: &mut Vec<u8>) {
        write_bytes(out, 1, self.id.as_bytes());
        write_matchers(out, 2, &self.matchers);
        write_time(out, 3, self.starts_at);
        write_time(out, 4, self.ends_at);
        write_time(out, 5, self.updated_at);
        for comment in &self.comments {
            write_message(out, 7, |out| {
                write_bytes(out, 1, comment.author.as_bytes());
                write_bytes(out, 2, comment.comment.as_bytes());
            });
        }
        write_bytes(out, 8, self.created_by.as_bytes());
        write_bytes(out, 9, self.comment.as_bytes());
        for (name, value) in &self.annotations {
            write_message(out, 10, |out| {
                write_set_bytes(out, 1, name.as_bytes());
                write_set_bytes(out, 2, value.as_bytes());
            });
        }
        for set in &self.matcher_sets {
            write_message(out, 11, |out| write_matchers(out, 1, set));
        }
    }

    fn read(mut reader: Reader<'a>) -> Result<Self, Problem> {
        let mut record = Self::default();
        let mut has_silence = false;
        while let Some(field) = reader.field()? {
            match field {
                (1, Value::Bytes(silence)) => {
                    has_silence = true;
                    record.read_silence(silence)?;
                }
                (2, Value::Bytes(time)) => record.expires_at = Some(read_time(time)?),
                _ => {}
            }
        }
        if has_silence { Ok(record) } else { Err(Problem::Incomplete) }
    }

    fn read_silence(&mut self, mut reader: Reader<'a>) -> Result<(), Problem> {
        let mut in_sets = 0;
        while let Some(field) = reader.field()? {
            match field {
                (1, Value::Bytes(id)) => self.id = id.as_text()?,
                (2, Value::Bytes(matcher)) => push(&mut self.matchers, read_matcher(matcher)?)?,
                (3, Value::Bytes(time)) => self.starts_at = Some(read_time(time)?),
                (4, Value::Bytes(time)) => self.ends_at = Some(read_time(time)?),
                (5, Value::Bytes(time)) => self.updated_at = Some(read_time(time)?),
                (7, Value::Bytes(comment)) => push(&mut self.comments, read_comment(comment)?)?,
                (8, Value::Bytes(text)) => self.created_by = text.as_text()?,
                (9, Value::Bytes(text)) => self.comment = text.as_text()?,
                (10, Value::Bytes(pair)) => push(&mut self.annotations, read_texts(pair)?)?,
                (11, Value::Bytes(mut set)) => {
                    let mut matchers = Vec::new();
                    while let Some(field) = set.field()? {
                        if let (1, Value::Bytes(matcher)) = field {
                            push(&mut matchers, read_matcher(matcher)?)?;
                        }
                    }
                    in_sets += matchers.len();
                    push(&mut self.matcher_sets, matchers)?;
                }
                _ => {}
            }
            if in_sets > MESH_ITEMS_MAX {
                return Err(Problem::TooMany);
            }
        }
        Ok(())
    }
}

fn write_matchers(out: &mut Vec<u8>, field: u32, matchers: &[MatcherRecord<'_>]) {
    for MatcherRecord { kind, name, pattern } in matchers {
        write_message(out, field, |out| {
            write_number(out, 1, *kind as u64);
            write_bytes(out, 2, name.as_bytes());
            write_bytes(out, 3, pattern.as_bytes());
        });
    }
}

fn read_matcher<'a>(mut reader: Reader<'a>) -> Result<MatcherRecord<'a>, Problem> {
    let mut matcher = MatcherRecord { kind: MatcherKind::Equal, name: "", pattern: "" };
    while let Some(field) = reader.field()? {
        match field {
            (1, Value::Number(number)) => {
                matcher.kind = match number {
                    0 => MatcherKind::Equal,
                    1 => MatcherKind::Regexp,
                    2 => MatcherKind::NotEqual,
                    3 => MatcherKind::NotRegexp,
                    other => return Err(Problem::Matcher(other)),
                };
            }
            (2, Value::Bytes(text)) => matcher.name = text.as_text()?,
            (3, Value::Bytes(text)) => matcher.pattern = text.as_text()?,
            _ => {}
        }
    }
    Ok(matcher)
}

fn read_comment<'a>(reader: Reader<'a>) -> Result<CommentRecord<'a>, Problem> {
    let (author, comment) = read_texts(reader)?;
    Ok(CommentRecord { author, comment })
}

/// Reads the texts of the fields 1 and 2.
fn read_texts<'a>(mut reader: Reader<'a>) -> Result<(&'a str, &'a str), Problem> {
    let mut texts = ("", "");
    while let Some(field) = reader.field()? {
        match field {
            (1, Value::Bytes(text)) => texts.0 = text.as_text()?,
            (2, Value::Bytes(text)) => texts.1 = text.as_text()?,
            _ => {}
        }
    }
    Ok(texts)
}

fn write_time(out: &mut Vec<u8>, field: u32, time: Option<Time>) {
    if let Some(Time { secs, nanos }) = time {
        write_message(out, field, |out| {
            write_number(out, 1, secs.cast_unsigned());
            write_number(out, 2, i64::from(nanos).cast_unsigned());
        });
    }
}

fn read_time(mut reader: Reader<'_>) -> Result<Time, Problem> {
    let mut time = Time::default();
    while let Some(field) = reader.field()? {
        match field {
            (1, Value::Number(secs)) => time.secs = secs.cast_signed(),
            (2, Value::Number(nanos)) => time.nanos = nanos as i32,
            _ => {}
        }
    }
    Ok(time)
}

fn push<T>(items: &mut Vec<T>, item: T) -> Result<(), Problem> {
    if items.len() == MESH_ITEMS_MAX {
        return Err(Problem::TooMany);
    }
    items.push(item);
    Ok(())
}

#[cfg(test)]
mod tests;
