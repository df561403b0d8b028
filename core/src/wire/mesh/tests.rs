//! Recorded records, and laws.

use alloc::{string::String, string::ToString as _, vec};

use proptest::{collection::vec as list_of, option, prelude::*};

use super::*;
use crate::wire::{gossip::Part, vectors::*};

fn encoded(encode: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    encode(&mut out);
    out
}

fn equal<'a>(name: &'a str, pattern: &'a str) -> MatcherRecord<'a> {
    MatcherRecord { kind: MatcherKind::Equal, name, pattern }
}

const fn time(secs: i64, nanos: i32) -> Option<Time> {
    Some(Time { secs, nanos })
}

#[test]
fn recorded_records_are_read_and_written_alike() {
    let message = hex(&S06[12..]);
    let data = Part::decode(&message).unwrap().data;
    let records: Vec<_> = nflog_records(data).map(Result::unwrap).collect();
    let nflog = NflogRecord {
        group_key: b"{}:{alertname=\"foo\"}",
        receiver: "hook",
        integration: "webhook",
        timestamp: time(1_795_308_884, 600_908_824),
        firing: Cow::Owned(vec![2_242_123_891_344_353_454]),
        expires_at: time(1_795_316_084, 600_908_824),
        ..NflogRecord::default()
    };
    assert_eq!(records, [nflog]);
    assert_eq!(encoded(|out| records[0].encode(out)), data);

    let message = hex(&S05[12..]);
    let data = Part::decode(&message).unwrap().data;
    let records: Vec<_> = silence_records(data).map(Result::unwrap).collect();
    let [silence] = &records[..] else { panic!("one silence: {records:?}") };
    assert_eq!((silence.created_by, silence.comment), ("me", "test silence"));
    assert_eq!(silence.matchers, [equal("alertname", "bar")]);
    assert_eq!(silence.matcher_sets, [vec![equal("alertname", "bar")]]);
    assert_eq!(encoded(|out| silence.encode(out)), data);
}

#[test]
fn heads_of_records_equal_those_of_files() {
    let (long, short) = (u64::MAX, 1 << 62);
    let record = NflogRecord {
        group_key: b"{}:{}",
        receiver: "default",
        integration: "webhook",
        index: 0,
        timestamp: time(1_700_000_000, 123_456_789),
        // Numbers of ten and of nine bytes: 0x69 and 0x13 bytes in all.
        firing: Cow::Owned([[long; 6].as_slice(), &[short; 5]].concat()),
        resolved: Cow::Owned(vec![long, short]),
        receiver_data: vec![],
        expires_at: time(1_700_432_000, 123_456_789),
    };
    let bytes = encoded(|out| record.encode(out));
    let head = "b8010aa8010a057b7d3a7b7d12120a0764656661756c741207776562686f6f6b2a0b";
    assert_eq!(bytes[..34], hex(head));
    assert_eq!(bytes[45..47], [0x32, 0x69]);
    assert_eq!(bytes[152..154], [0x3a, 0x13]);
    assert_eq!(bytes[173..175], [0x12, 0x0b]);
    assert_eq!(bytes.len(), 2 + 0xb8);
    let silence = SilenceRecord {
        id: "8a1a8a0e-0f0c-4b7e-8d5e-3a0d9a3f1b11",
        matchers: vec![equal("a", "1")],
        starts_at: time(1_700_000_000, 123_456_789),
        ends_at: time(1_700_000_001, 123_456_789),
        updated_at: time(1_700_000_000, 123_456_789),
        created_by: "me",
        comment: "c",
        matcher_sets: vec![vec![equal("a", "1")]],
        expires_at: time(1_700_432_000, 123_456_789),
        ..SilenceRecord::default()
    };
    let bytes = encoded(|out| silence.encode(out));
    assert_eq!(bytes[..5], [0x75, 0x0a, 0x66, 0x0a, 0x24]);
    assert_eq!(bytes[41..49], *b"\x12\x06\x12\x01a\x1a\x011");
    for (at, head) in [(49, b"\x1a\x0b"), (62, b"\x22\x0b"), (75, b"\x2a\x0b"), (105, b"\x12\x0b")]
    {
        assert_eq!(&bytes[at..at + 2], head);
    }
    assert_eq!(bytes[88..95], *b"\x42\x02me\x4a\x01c");
    assert_eq!(bytes[95..105], *b"\x5a\x08\x0a\x06\x12\x01a\x1a\x011");
    assert_eq!(bytes.len(), 0x76);
}

#[test]
fn damage_names_the_record_and_its_offset() {
    let good = encoded(|out| NflogRecord::default().encode(out));
    assert_eq!(good, [4, 0x0a, 2, 0x12, 0]);
    let error = |bytes: &[u8]| {
        let bytes = [&good[..], bytes].concat();
        let mut all: Vec<_> = nflog_records(&bytes).collect();
        assert_eq!(all.len(), 2);
        all.pop().unwrap().unwrap_err().to_string()
    };
    assert_eq!(error(&[9, 1]), "record 1 at offset 5: unexpected EOF at offset 5");
    assert_eq!(error(&[0x80]), "record 1 at offset 5: unexpected EOF at offset 5");
    assert_eq!(error(&[2, 0x0a, 9]), "record 1 at offset 5: unexpected EOF at offset 7");
    assert_eq!(error(&[0]), "record 1 at offset 5: invalid state");
    assert_eq!(error(&[2, 0x0a, 0]), "record 1 at offset 5: invalid state");
    let large = "record 1 at offset 5: 4194305 bytes, above the limit of 4194304";
    assert_eq!(error(&[0x81, 0x80, 0x80, 2]), large);
    let receiver = [8, 0x0a, 6, 0x12, 4, 0x0a, 2, 0xff, 0xff];
    assert_eq!(error(&receiver), "record 1 at offset 5: invalid UTF-8 at offset 12");
    let silence = |bytes| silence_records(bytes).next().unwrap().map_err(|e| e.problem);
    assert_eq!(silence(&[0][..]), Err(Problem::Incomplete));
    assert_eq!(silence(&[6, 0x0a, 4, 0x12, 2, 0x08, 9]), Err(Problem::Matcher(9)));
    assert_eq!(silence_records(b"").count(), 0);
}

#[test]
fn many_tiny_elements_are_refused() {
    for field in [0x12, 0x3a, 0x52, 0x5a] {
        let elements = [field, 0].repeat(MESH_ITEMS_MAX + 1);
        let bytes = encoded(|out| {
            write_delimited(out, |out| {
                write_message(out, 1, |out| out.extend_from_slice(&elements));
            });
        });
        let problem = silence_records(&bytes).next().unwrap().unwrap_err().problem;
        assert_eq!(problem, Problem::TooMany);
    }
    // Many sets of some matchers.
    let set = encoded(|out| write_matchers(out, 1, &[equal("", ""); 100]));
    let bytes = encoded(|out| {
        write_delimited(out, |out| {
            write_message(out, 1, |out| {
                for _ in 0..=MESH_ITEMS_MAX / 100 {
                    write_set_bytes(out, 11, &set);
                }
            });
        });
    });
    let problem = silence_records(&bytes).next().unwrap().unwrap_err().problem;
    assert_eq!(problem, Problem::TooMany);
}

#[test]
fn unknown_and_old_fields_are_skipped() {
    // Hash, flag, unpacked numbers, a field of the future, data without a value.
    let entry = [
        &[0x1a, 1, 9, 0x20, 1, 0x12, 0, 0x30, 5, 0x30, 6, 0x32, 1, 7][..],
        &[0xa2, 0x06, 1, 0, 0x42, 3, 0x0a, 1, b'k', 0x42, 2, 0x12, 0],
    ]
    .concat();
    let bytes = encoded(|out| write_delimited(out, |out| write_set_bytes(out, 1, &entry)));
    let record = nflog_records(&bytes).next().unwrap().unwrap();
    let firing = Cow::Owned(vec![5, 6, 7]);
    assert_eq!(record, NflogRecord { firing, ..NflogRecord::default() });
}

fn text() -> impl Strategy<Value = String> {
    "\\PC{0,9}"
}

fn any_time() -> impl Strategy<Value = Option<Time>> {
    option::of((any::<i64>(), any::<i32>()).prop_map(|(secs, nanos)| Time { secs, nanos }))
}

fn kind() -> impl Strategy<Value = MatcherKind> {
    use MatcherKind::*;
    proptest::sample::select(&[Equal, Regexp, NotEqual, NotRegexp][..])
}

proptest! {
    #[test]
    fn nflog_records_read_back(
        key: Vec<u8>, texts in (text(), text()), index: u32, times in (any_time(), any_time()),
        hashes: (Vec<u64>, Vec<u64>),
        data in list_of((text(), any::<(i64, f64, u8)>()), 0..5), count in 0usize..4,
    ) {
        let receiver_data = data.iter().map(|(text, (int, double, choice))| match choice % 3 {
            0 => (&**text, DataValue::Str(text)),
            1 => (&**text, DataValue::Int(*int)),
            _ => (&**text, DataValue::Double(*double)),
        });
        let record = NflogRecord {
            group_key: &key,
            receiver: &texts.0,
            integration: &texts.1,
            index,
            timestamp: times.0,
            firing: Cow::Borrowed(&hashes.0),
            resolved: Cow::Borrowed(&hashes.1),
            receiver_data: receiver_data.collect(),
            expires_at: times.1,
        };
        let bytes = encoded(|out| (0..count).for_each(|_| record.encode(out)));
        let read: Result<Vec<_>, _> = nflog_records(&bytes).collect();
        prop_assert_eq!(read, Ok(vec![record; count]));
    }

    #[test]
    fn silence_records_read_back(
        texts in (text(), text(), text()),
        times in (any_time(), any_time(), any_time(), any_time()),
        sets in list_of(list_of((kind(), "[a-z]{0,3}", text()), 0..3), 0..3),
        pairs in list_of((text(), text()), 0..5), count in 0usize..4,
    ) {
        let record = |(kind, name, pattern)| MatcherRecord { kind, name, pattern };
        let matcher_sets: Vec<Vec<_>> = sets
            .iter()
            .map(|set| set.iter().map(|(kind, a, b)| record((*kind, &**a, &**b))).collect())
            .collect();
        let pairs = || pairs.iter().map(|(a, b)| (&**a, &**b));
        let record = SilenceRecord {
            id: &texts.0,
            matchers: matcher_sets.first().cloned().unwrap_or_default(),
            starts_at: times.0,
            ends_at: times.1,
            updated_at: times.2,
            comments: pairs().map(|(author, comment)| CommentRecord { author, comment }).collect(),
            created_by: &texts.1,
            comment: &texts.2,
            annotations: pairs().collect(),
            matcher_sets,
            expires_at: times.3,
        };
        let bytes = encoded(|out| (0..count).for_each(|_| record.encode(out)));
        let read: Result<Vec<_>, _> = silence_records(&bytes).collect();
        prop_assert_eq!(read, Ok(vec![record; count]));
    }

    #[test]
    fn no_bytes_make_the_readers_panic(
        edits in list_of(any::<(usize, u8)>(), 0..8), noise in list_of(any::<u8>(), 0..80),
    ) {
        for vector in [S05, S06] {
            let message = hex(&vector[12..]);
            let mut data = Part::decode(&message).expect("a part").data.to_vec();
            for &(at, byte) in &edits {
                let at = at % data.len();
                data[at] = byte;
            }
            for bytes in [&data, &noise] {
                let _ = nflog_records(bytes).count();
                let _ = silence_records(bytes).count();
            }
        }
    }
}
