//! Journals whose sums are right, around records of any content: what a disk that lies, or a newer
//! program, could leave. They are read, or refused as a whole, and never half taken.
#![no_main]

use campana_core::persist::{CHECKPOINT_FILE, Found, Record, decode, recover};
use libfuzzer_sys::fuzz_target;
use xxhash_rust::xxh64::xxh64;

fuzz_target!(|parts: (Vec<Vec<u8>>, bool)| {
    let (blocks, repair) = parts;
    let mut journal = header();
    for records in &blocks {
        let _ = Record::decode_all(records);
        block(&mut journal, records);
    }
    let found = |name: &str, bytes: Vec<u8>| Found { name: name.to_owned(), bytes };
    let _ = recover(vec![found("campana.journal.00000001", journal.clone())], repair);
    // With a checkpoint before it, whose body is the first block.
    let body = blocks.first().map_or(&[][..], |block| block);
    let checkpoint = checkpoint(body);
    let decodes = decode(&checkpoint).is_ok();
    let files =
        vec![found(CHECKPOINT_FILE, checkpoint), found("campana.journal.00000001", journal)];
    let recovered = recover(files, false);
    assert!(decodes || recovered.is_err(), "a bad checkpoint is never taken for none");
});

fn header() -> Vec<u8> {
    let mut out = b"campjrnl".to_vec();
    out.extend(1_u32.to_le_bytes());
    out.extend(1_u64.to_le_bytes());
    out.extend(0_u64.to_le_bytes());
    let sum = xxh64(&out, 0);
    out.extend(sum.to_le_bytes());
    out
}

fn block(out: &mut Vec<u8>, records: &[u8]) {
    let start = out.len();
    out.extend([0; 8]);
    out.extend((records.len() as u32).to_le_bytes());
    out.extend((start as u64).to_le_bytes());
    out.extend(records);
    let sum = xxh64(&out[start + 8..], 1_u64.rotate_left(40) ^ start as u64);
    out[start..start + 8].copy_from_slice(&sum.to_le_bytes());
}

fn checkpoint(body: &[u8]) -> Vec<u8> {
    let mut out = b"campana\n".to_vec();
    out.extend(2_u32.to_le_bytes());
    out.extend((body.len() as u64).to_le_bytes());
    out.extend(crc32fast::hash(body).to_le_bytes());
    out.extend(body);
    out
}
