//! The log's records as peers and Alertmanager's files hold them.

use alloc::{borrow::Cow, collections::BTreeMap};
use core::str;

use thiserror::Error;

use super::{Entry, Key, Value};
use crate::{
    time::Timestamp,
    wire::mesh::{DataValue, NflogRecord},
};

/// Why a peer's record cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum InvalidRecord {
    /// The group's key is not UTF-8.
    #[error("group key is not UTF-8")]
    GroupKey,
}

/// Returns a record for peers.
pub fn to_wire<'a>(key: &'a Key, entry: &'a Entry) -> NflogRecord<'a> {
    let data = |value: &'a Value| match value {
        Value::Str(text) => DataValue::Str(text),
        Value::Int(number) => DataValue::Int(*number),
        Value::Double(number) => DataValue::Double(*number),
    };
    NflogRecord {
        group_key: key.group_key.as_bytes(),
        receiver: &key.receiver,
        integration: &key.integration,
        index: key.index,
        timestamp: Some(entry.timestamp.into()),
        firing: Cow::Borrowed(&entry.firing),
        resolved: Cow::Borrowed(&entry.resolved),
        receiver_data: entry.receiver_data.iter().map(|(k, v)| (&**k, data(v))).collect(),
        expires_at: Some(entry.expires_at.into()),
    }
}

/// Reads a peer's record. The hashes are put in order; of equal names of data the last one counts;
/// a time that is missing is [`Timestamp::ZERO`].
///
/// # Errors
/// The group's key is no text.
pub fn from_wire(record: NflogRecord<'_>) -> Result<(Key, Entry), InvalidRecord> {
    let group_key = str::from_utf8(record.group_key).map_err(|_| InvalidRecord::GroupKey)?;
    let data: BTreeMap<_, _> = record
        .receiver_data
        .into_iter()
        .map(|(name, value)| {
            let value = match value {
                DataValue::Str(text) => Value::Str(text.into()),
                DataValue::Int(number) => Value::Int(number),
                DataValue::Double(number) => Value::Double(number),
            };
            (name.into(), value)
        })
        .collect();
    let key = Key {
        group_key: group_key.into(),
        receiver: record.receiver.into(),
        integration: record.integration.into(),
        index: record.index,
    };
    let time = |time: Option<_>| time.map_or(Timestamp::ZERO, Timestamp::from);
    let entry = Entry::new(
        time(record.timestamp),
        time(record.expires_at),
        record.firing.into_owned(),
        record.resolved.into_owned(),
        data,
    );
    Ok((key, entry))
}

#[cfg(test)]
mod tests {
    use alloc::{string::String, vec, vec::Vec};

    use proptest::{collection::vec as list_of, prelude::*};

    use super::*;
    use crate::wire::{
        gossip::Part,
        mesh::{Time, nflog_records},
        vectors::{S06, hex},
    };

    #[test]
    fn a_recorded_record_becomes_an_entry_and_back() {
        let message = hex(&S06[12..]);
        let data = Part::decode(&message).unwrap().data;
        let (key, entry) = from_wire(nflog_records(data).next().unwrap().unwrap()).unwrap();
        assert_eq!(alloc::format!("{key}"), "{}:{alertname=\"foo\"}:hook/webhook/0");
        assert_eq!(entry.timestamp, Timestamp::from_parts(1_795_308_884, 600_908_824));
        assert_eq!(&*entry.firing, &[2_242_123_891_344_353_454]);
        let mut out = Vec::new();
        to_wire(&key, &entry).encode(&mut out);
        assert_eq!(out, data);
    }

    #[test]
    fn what_old_or_strange_peers_send_is_put_in_order() {
        let record = NflogRecord {
            firing: Cow::Owned(vec![9, 1, 9]),
            timestamp: Some(Time { secs: 1, nanos: -1 }),
            receiver_data: vec![("a", DataValue::Int(1)), ("a", DataValue::Int(2))],
            ..NflogRecord::default()
        };
        let (_, entry) = from_wire(record).unwrap();
        assert_eq!(&*entry.firing, &[1, 9]);
        assert_eq!(entry.timestamp, Timestamp::from_nanos(999_999_999));
        assert_eq!(entry.expires_at, Timestamp::ZERO);
        assert_eq!(entry.receiver_data[&String::from("a")], Value::Int(2));
        let record = NflogRecord { group_key: b"\xff", ..NflogRecord::default() };
        assert_eq!(from_wire(record), Err(InvalidRecord::GroupKey));
    }

    proptest! {
        #[test]
        fn entries_come_back(
            texts in ("\\PC{0,9}", "\\PC{0,9}", "\\PC{0,9}"), index: u32, times: (i64, i64),
            hashes: (Vec<u64>, Vec<u64>),
            data in list_of(("\\PC{0,9}", any::<(i64, f64, u8)>()), 0..5),
        ) {
            let key = Key {
                group_key: (&*texts.0).into(),
                receiver: (&*texts.1).into(),
                integration: (&*texts.2).into(),
                index,
            };
            let data = data.into_iter().map(|(text, (int, double, choice))| match choice % 3 {
                0 => (text.clone(), Value::Str(text)),
                1 => (text, Value::Int(int)),
                _ => (text, Value::Double(double)),
            });
            let (sent, expires) =
                (Timestamp::from_nanos(times.0), Timestamp::from_nanos(times.1));
            let entry = Entry::new(sent, expires, hashes.0, hashes.1, data.collect());
            let mut out = Vec::new();
            to_wire(&key, &entry).encode(&mut out);
            let read = nflog_records(&out).next().expect("a record").expect("a good one");
            prop_assert_eq!(from_wire(read), Ok((key, entry)));
        }
    }
}
