//! What one more costs, with more and more of them on one server.

use std::time::Duration;

use super::{
    super::{
        Bench, Goal, Which,
        client::post_all,
        load::{self, Groups},
        micros_each,
    },
    quiet,
};

const SIZES: [usize; 4] = [1000, 10_000, 100_000, 1_000_000];

/// Until a size is reached over more connections than the usual four: that part is not measured,
/// and silences that come together share a write to the disk.
const FILLING: usize = 64;
const CONNECTIONS: usize = 4;

/// What is there more and more of.
struct Kind {
    name: &'static str,
    path: &'static str,
    /// Returns the bodies of posts of number `from` to `to`.
    make: fn(from: usize, to: usize) -> Vec<Vec<u8>>,
    /// Beyond it Alertmanager would need some minutes a round.
    peer_max: usize,
}

const KINDS: [Kind; 3] = [
    Kind {
        name: "alert",
        path: "/api/v2/alerts",
        make: |from, to| alerts(from, to, Groups::Some(100)),
        peer_max: 1_000_000,
    },
    Kind {
        name: "alert and group",
        path: "/api/v2/alerts",
        make: |from, to| alerts(from, to, Groups::Each),
        peer_max: 100_000,
    },
    Kind { name: "silence", path: "/api/v2/silences", make: load::silences, peer_max: 100_000 },
];

fn alerts(from: usize, to: usize, groups: Groups) -> Vec<Vec<u8>> {
    load::alerts(from, to, groups, &load::from_now(Duration::from_secs(3 * 3600)))
}

pub(super) fn growth(bench: &mut Bench) -> Result<(), String> {
    for kind in KINDS {
        bench.each(kind.name, |bench, which| climb(bench, which, &kind))?;
    }
    Ok(())
}

fn climb(bench: &mut Bench, which: Which, kind: &Kind) -> Result<(), String> {
    let server = bench.start(which, &quiet(), &[])?;
    let mut there = 0;
    for size in SIZES {
        if !bench.has_size(size) || which == Which::Alertmanager && size > kind.peer_max {
            continue;
        }
        while there < size {
            let next = size.min(there + 100_000);
            post_all(server.address(), kind.path, &(kind.make)(there, next), FILLING)?;
            there = next;
        }
        server.rest()?;
        let count = (size / 10).clamp(1000, 5000);
        let more = (kind.make)(there, there + count);
        let cpu = server.cpu()?;
        post_all(server.address(), kind.path, &more, CONNECTIONS)?;
        server.rest()?;
        there += count;
        let each = micros_each(server.cpu()? - cpu, count);
        let what = format!("one {} more, at {size}", kind.name);
        bench.note(&what, "µs", Goal::None, which, each);
    }
    Ok(())
}
