//! Membership of ten, held to the formulas.

use std::time::Duration;

use campana_sim::membership::{Fault, err, live};

const fn s(n: u64) -> Duration {
    Duration::from_secs(n)
}

#[test]
fn ten_members_live_as_expected() {
    for lifeguard in [false, true] {
        let life = live(10, 1, lifeguard, 3).expect("it ends");
        assert!(life.joined < s(11), "{:?}", life.joined);
        assert_eq!(life.settled.len(), 10);
        assert!(life.settled.iter().all(|&span| span >= s(10) && span < s(13)));
        assert!(life.healed.is_some_and(|span| span < s(15)), "{:?}", life.healed);
        assert_eq!(life.false_deaths, 0);
        for crash in &life.crashes {
            assert!(crash.suspected >= s(1) && crash.suspected < s(6), "{crash:?}");
            assert!(crash.first >= crash.suspected + s(4) - Duration::from_millis(1), "{crash:?}");
            assert!(crash.last - crash.first < s(2), "{crash:?}");
        }
        let packets = life.sent_at_rest.packets as f64 / life.rest.as_secs_f64() / 10.0;
        assert!((1.9..2.1).contains(&packets), "a ping and an ack a second: {packets}");
    }
}

#[test]
fn one_seed_gives_one_life() {
    assert_eq!(live(5, 3, true, 1), live(5, 3, true, 1));
    assert_ne!(live(5, 3, true, 1), live(5, 4, true, 1));
}

#[test]
fn a_blocked_member_harms_others_less_with_lifeguard() {
    let fault = Fault::Blocked { stopped: s(16), running: s(2) };
    let verdicts = |lifeguard| -> u64 {
        (0..3).map(|i| err(10, i, lifeguard, 1, fault, s(120)).expect("it starts").verdicts).sum()
    };
    let (swim, with) = (verdicts(false), verdicts(true));
    assert!(swim > 0 && with < swim, "{with} of {swim}");
}

#[test]
fn a_paused_process_or_loss_alone_harm_no_sound_member() {
    let paused = Fault::Paused { stopped: s(8), running: s(2) };
    for fault in [paused, Fault::Lossy { permille: 300 }] {
        let errors = err(10, 1, true, 1, fault, s(120)).expect("it starts");
        assert_eq!(errors.victims, 0, "{fault:?}");
    }
}
