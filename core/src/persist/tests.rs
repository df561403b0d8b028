//! Files as they are written, damaged and read.

use alloc::{borrow::Cow, vec};

use proptest::prelude::*;

use super::*;
use crate::{
    event::Event,
    label::Labels,
    time::{Stamp, Timestamp},
};

fn saved() -> Saved {
    let alert = |name: &str| Alert {
        labels: Labels::from_pairs([("alertname", name)]),
        annotations: Labels::empty(),
        generator_url: "http://p/g".into(),
        starts_at: Stamp::utc(Timestamp::from_parts(1000, 5)),
        ends_at: Stamp::ZERO,
        updated_at: Timestamp::from_parts(1001, 0),
        timeout: true,
    };
    Saved { alerts: vec![alert("a"), alert("ü")], ..Saved::default() }
}

#[test]
fn what_is_encoded_decodes() {
    assert_eq!(decode(&encode(&saved())), Ok(saved()));
    assert_eq!(decode(&encode(&Saved::default())), Ok(Saved::default()));
}

#[test]
fn damage_is_told_apart() {
    let file = encode(&saved());
    let text = |file: &[u8]| decode(file).expect_err("damaged");
    assert!(text(b"").contains("cut short"));
    assert!(text(&file[..file.len() - 1]).contains("cut short"));
    assert!(text(b"nflog and silences of another").contains("not a checkpoint"));
    let mut newer = file;
    newer[8] = 9;
    assert!(text(&newer).contains("version 9"));
}

proptest! {
    #[test]
    fn every_flipped_bit_is_found(at in 0usize..200, bit in 0u8..8) {
        let mut file = encode(&saved());
        let at = at % file.len();
        file[at] ^= 1 << bit;
        prop_assert!(decode(&file).is_err());
    }
}

/// Writes a journal file as a node does: block by block, synced up to where `synced` says.
fn journal(generation: u64, follows: u64, blocks: &[(&[Record<'_>], bool)]) -> Vec<u8> {
    let mut file = Vec::new();
    block::Header { generation, follows }.encode(&mut file);
    let mut synced = 0;
    for (records, sync) in blocks {
        let mut payload = Vec::new();
        records.iter().for_each(|record| record.encode(&mut payload));
        let offset = file.len() as u64;
        block::encode(&mut file, &payload, (generation, offset), synced);
        if *sync {
            synced = file.len() as u64;
        }
    }
    file
}

fn entry(n: i64) -> Record<'static> {
    let key = nflog::Key {
        group_key: "g".into(),
        receiver: alloc::format!("r{n}").into(),
        integration: "webhook".into(),
        index: 0,
    };
    let at = |secs| Timestamp::from_parts(secs, 0);
    let entry = nflog::Entry::new(at(n), at(n + 100), vec![1], vec![], Default::default());
    Record::Log(Cow::Owned(key), Cow::Owned(entry))
}

fn found(name: &str, bytes: &[u8]) -> Found {
    Found { name: name.into(), bytes: bytes.to_vec() }
}

/// Returns which entries a recovery found.
fn entries(recovery: &Recovery) -> Vec<i64> {
    let mut seen: Vec<i64> =
        recovery.saved.nflog.iter().map(|(_, entry)| entry.timestamp.parts().0).collect();
    seen.sort_unstable();
    seen
}

fn three_blocks(sync: bool) -> (Vec<u8>, [usize; 4]) {
    let records = [[entry(1)], [entry(2)], [entry(3)]];
    let file = journal(1, 0, &[(&records[0], sync), (&records[1], sync), (&records[2], sync)]);
    let mut ends = [block::HEADER; 4];
    for n in 0..3 {
        ends[n + 1] = block::read(&file, 1, ends[n]).expect("a block").end;
    }
    (file, ends)
}

const FIRST: &str = "campana.journal.00000001";
const SECOND: &str = "campana.journal.00000002";

#[test]
fn a_checkpoint_from_before_the_journal_is_read() {
    let old: Old = (saved().alerts, vec![], vec![]);
    let body = postcard::to_allocvec(&old).expect("encodes");
    let mut file = MAGIC.to_vec();
    file.extend_from_slice(&1u32.to_le_bytes());
    file.extend_from_slice(&(body.len() as u64).to_le_bytes());
    file.extend_from_slice(&crc32fast::hash(&body).to_le_bytes());
    file.extend_from_slice(&body);
    assert_eq!(decode(&file), Ok(saved()));
}

#[test]
fn records_add_to_the_checkpoint_in_their_order() {
    let mut later = saved().alerts[0].clone();
    later.generator_url = "http://p/h".into();
    let hash = (later.labels.fingerprint(), crate::hash::xxh64(later.labels.as_bytes()));
    let ends_at = Stamp::utc(Timestamp::from_parts(5000, 0));
    let refreshed = Refreshed { alert: hash, ends_at, updated_at: Timestamp::from_parts(1002, 0) };
    let stranger = Refreshed { alert: (hash.0, 1), ..refreshed };
    let records = [
        Record::Alert(Cow::Borrowed(&later)),
        Record::Refreshed(refreshed),
        Record::Refreshed(stranger),
        Record::Group(GroupMark(7), GroupState { next_flush: Timestamp::EPOCH, flushes: 1 }),
        Record::Group(GroupMark(7), GroupState { next_flush: Timestamp::EPOCH, flushes: 2 }),
    ];
    let first = journal(4, 3, &[(&records[..1], true)]);
    let second = journal(5, 4, &[(&records[1..], true)]);
    let stale = journal(3, 0, &[(&[entry(9)], true)]);
    let checkpoint = encode(&Saved { journal: 4, ..saved() });
    let recovery = recover(
        vec![
            found("campana.journal.00000005", &second),
            found("campana.journal.00000003", &stale),
            found(CHECKPOINT_FILE, &checkpoint),
            found("campana.journal.00000004", &first),
        ],
        false,
    )
    .expect("readable");
    let expected = Alert { ends_at, updated_at: Timestamp::from_parts(1002, 0), ..later };
    let got = recovery.saved;
    assert_eq!(got.alerts, [expected, saved().alerts[1].clone()]);
    assert_eq!((got.groups.len(), got.groups[0].1.flushes), (1, 2));
    assert_eq!((got.journal, got.follows, got.oldest, got.is_replayed), (6, 5, 4, true));
    assert!(got.nflog.is_empty(), "the checkpoint covers what came before");
    assert_eq!(recovery.steps, [Step::Remove("campana.journal.00000003".into())]);
}

#[test]
fn a_torn_end_is_dropped_and_named() {
    let (file, ends) = three_blocks(true);
    let recovery = recover(vec![found(FIRST, &file[..ends[3] - 1])], false).expect("readable");
    assert_eq!(entries(&recovery), [1, 2]);
    let [Event::TailDropped { file: name, offset, bytes, .. }] = &*recovery.events else {
        panic!("{:?}", recovery.events)
    };
    assert_eq!((&**name, *offset), (FIRST, ends[2] as u64));
    assert_eq!(*bytes, (ends[3] - 1 - ends[2]) as u64);
    // Nothing was ever synced: a power loss may leave a hole before a good block.
    let (mut file, ends) = three_blocks(false);
    file[ends[1]..ends[2]].fill(0);
    let recovery = recover(vec![found(FIRST, &file)], false).expect("readable");
    assert_eq!(entries(&recovery), [1]);
    assert_eq!(recovery.events.len(), 1);
    // A file that was made, and no more.
    let recovery = recover(vec![found(FIRST, &file[..10])], false).expect("readable");
    assert_eq!((entries(&recovery), recovery.saved.journal), (vec![], 2));
}

#[test]
fn damage_is_refused_and_repaired_when_asked_for() {
    let (good, ends) = three_blocks(true);
    for at in [ends[1] + 3, ends[1] + 9, ends[1] + 30, 3] {
        let mut file = good.clone();
        file[at] ^= 4;
        let error = recover(vec![found(FIRST, &file)], false).expect_err("damaged");
        let place = if at == 3 { 0 } else { ends[1] };
        assert!(error.starts_with(&alloc::format!("{FIRST}: offset {place}: ")), "{error}");
        assert!(error.contains("--storage.repair"), "{error}");
        let recovery = recover(vec![found(FIRST, &file)], true).expect("repaired");
        assert_eq!(entries(&recovery), if at == 3 { vec![1, 2, 3] } else { vec![1, 3] });
        let [Step::Copy { from, to }, Step::Write(written), Step::Remove(gone)] = &*recovery.steps
        else {
            panic!("{:?}", recovery.steps)
        };
        assert_eq!((&**from, &**gone), (FIRST, FIRST));
        assert!(to.starts_with(FIRST) && !is_state(to), "{to}");
        // After the steps the directory is as good as new.
        let after = recover(vec![written.clone()], false).expect("written");
        assert_eq!(after.saved.nflog, recovery.saved.nflog);
        assert_eq!(after.saved.journal, recovery.saved.journal);
    }
}

#[test]
fn a_damaged_checkpoint_and_a_missing_journal_are_refused() {
    let mut checkpoint = encode(&Saved { journal: 1, ..saved() });
    *checkpoint.last_mut().expect("bytes") ^= 1;
    let (file, _) = three_blocks(true);
    let all = || vec![found(CHECKPOINT_FILE, &checkpoint), found(FIRST, &file)];
    let error = recover(all(), false).expect_err("damaged");
    assert!(error.starts_with("campana.checkpoint: its checksum is wrong"), "{error}");
    let recovery = recover(all(), true).expect("repaired");
    assert_eq!(entries(&recovery), [1, 2, 3]);
    assert!(matches!(&recovery.events[..], [Event::FileSetAside { .. }]));

    let second = journal(2, 1, &[(&[entry(9)], true)]);
    let error = recover(vec![found(SECOND, &second)], false).expect_err("the first is missing");
    assert!(error.starts_with("campana.journal.00000001: it is missing"), "{error}");
    let renamed = recover(vec![found(FIRST, &second)], false).expect_err("renamed");
    assert!(renamed.contains("number 2 under another name"), "{renamed}");
}

#[test]
fn alertmanagers_files_are_taken_over_once_and_written_back() {
    let (Record::Log(key, logged), silence) = (entry(5), silence()) else { panic!("an entry") };
    let state = Saved {
        silences: vec![silence],
        nflog: vec![(key.into_owned(), logged.into_owned())],
        ..Saved::default()
    };
    let files = export(&state, core::time::Duration::from_secs(3600));
    let all: Vec<Found> = files.iter().map(|(_, name, _, bytes)| found(name, bytes)).collect();
    let recovery = recover(all.clone(), false).expect("imported");
    assert_eq!((&recovery.saved.silences, &recovery.saved.nflog), (&state.silences, &state.nflog));
    assert_eq!(recovery.events.len(), 2);
    let [Step::Write(checkpoint)] = &recovery.steps[..] else { panic!("{:?}", recovery.steps) };
    // With a checkpoint beside them they are history.
    let mut later = all;
    later[0].bytes.clear();
    later.push(checkpoint.clone());
    let again = recover(later, false).expect("read");
    assert_eq!(again.saved.silences, state.silences);
    assert!(again.events.is_empty());
    let broken = vec![found("nflog", b"\x05ab")];
    assert!(recover(broken.clone(), false).expect_err("broken").contains("--storage.repair"));
    assert!(recover(broken, true).expect("what there is").saved.nflog.is_empty());
}

fn silence() -> silence::Silence {
    let matcher = crate::label::Matcher::new("a", crate::label::Op::Equal, "b").expect("valid");
    silence::Silence {
        id: "7c2b".into(),
        matcher_sets: vec![crate::label::Matchers::new(vec![matcher])],
        starts_at: Timestamp::from_parts(10, 0),
        ends_at: Timestamp::from_parts(20, 0),
        updated_at: Timestamp::from_parts(10, 0),
        created_by: "me".into(),
        comment: "".into(),
        annotations: Default::default(),
    }
}

proptest! {
    #[test]
    fn reading_never_panics(
        bytes in proptest::collection::vec(any::<u8>(), 0..300), repair: bool, with_head: bool,
    ) {
        let mut file = if with_head { journal(1, 0, &[]) } else { Vec::new() };
        file.extend_from_slice(&bytes);
        recover(vec![found(FIRST, &file)], repair).ok();
        recover(vec![found(CHECKPOINT_FILE, &bytes)], repair).ok();
        recover(vec![found("nflog", &bytes), found("silences", &bytes)], repair).ok();
        Record::decode_all(&bytes).ok();
    }

    #[test]
    fn any_cut_leaves_a_prefix(cut in 0usize..1000, sync: bool) {
        let (file, ends) = three_blocks(sync);
        let cut = cut % (file.len() + 1);
        let recovery = recover(vec![found(FIRST, &file[..cut])], false);
        let whole = ends.iter().skip(1).filter(|end| **end <= cut).count() as i64;
        prop_assert_eq!(entries(&recovery.expect("a torn end")), (1..=whole).collect::<Vec<_>>());
    }

    #[test]
    fn any_flipped_bit_is_refused_or_leaves_a_prefix(
        at in 0usize..1000, bit in 0u8..8, sync: bool,
    ) {
        let (mut file, _) = three_blocks(sync);
        let at = at % file.len();
        file[at] ^= 1 << bit;
        if let Ok(recovery) = recover(vec![found(FIRST, &file)], false) {
            let seen = entries(&recovery);
            prop_assert!(seen.len() < 3, "a flip passed");
            prop_assert_eq!(&seen, &(1..=seen.len() as i64).collect::<Vec<_>>());
        }
        let repaired = recover(vec![found(FIRST, &file)], true).expect("repaired");
        prop_assert!(entries(&repaired).iter().all(|n| (1..=3).contains(n)));
    }
}
