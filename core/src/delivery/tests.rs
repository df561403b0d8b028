use alloc::{format, string::ToString as _, vec};

use super::*;
use crate::{
    id::FlightId,
    limits::RECEIVER_SENDS_MAX,
    nflog::{Decision, SkipReason},
    notify::{
        HttpConfig, Kind, SendErrorKind, Told, WebhookConfig,
        fixture::{firing, integration, notification, resolved, webhook},
    },
    rng::{Seed, Stream},
    schema::GoSpan,
    time::Timestamp,
};

const FIRST: Decision = Decision::Notify(nflog::Reason::FirstNotification);

const BASIS: Basis = Basis { wall: Timestamp::EPOCH, entry: None };

/// Deliveries on virtual time: carries out their effects and keeps what matters.
struct Bench {
    now: Instant,
    all: Deliveries,
    ids: Ids,
    decision: Decision,
    /// Whether steps are run as soon as they are asked for.
    runs: bool,
    work: Vec<(WorkId, StepWork)>,
    sends: Vec<(SendId, Instant)>,
    reads: Vec<ReadId>,
    canceled: Vec<SendId>,
    attempts: Vec<Attempted>,
    ends: Vec<Finished>,
    prints: usize,
    /// Every effect with its time, to compare runs.
    trace: String,
}

const fn ms(ms: u64) -> Instant {
    Instant::from_nanos(ms * 1_000_000)
}

impl Bench {
    fn new(seed: u64) -> Self {
        let rng = Rng::new(Seed::from_number(seed), Stream::Delivery);
        Self {
            now: ms(1000),
            all: Deliveries::new(rng.clone(), rng, "Alertmanager/test".into(), "am".into()),
            ids: Ids::default(),
            decision: FIRST,
            runs: true,
            work: Vec::new(),
            sends: Vec::new(),
            reads: Vec::new(),
            canceled: Vec::new(),
            attempts: Vec::new(),
            ends: Vec::new(),
            prints: 0,
            trace: String::new(),
        }
    }

    fn open(&mut self, plan: Plan) -> DeliveryId {
        let id = self.all.open(self.now, plan);
        self.drain();
        id
    }

    fn drain(&mut self) {
        while let Some(effect) = self.all.poll() {
            self.trace += &format!("{} {effect:?}\n", self.now.as_nanos());
            match effect {
                Effect::Attempted(attempted) => self.attempts.push(attempted),
                Effect::Cancel(send) => self.canceled.push(send),
                Effect::Decide(id) => {
                    self.all.decided(
                        self.now,
                        &mut self.ids,
                        id,
                        BASIS,
                        self.decision,
                        BTreeMap::new(),
                    );
                }
                Effect::Finished(finished) => self.ends.push(*finished),
                Effect::Print(_) => self.prints += 1,
                Effect::Read(read, _) => self.reads.push(read),
                Effect::Mail(send, _, deadline) | Effect::Send(send, _, deadline) => {
                    self.sends.push((send, deadline))
                }
                Effect::Work(id, work) if self.runs => {
                    assert!(self.all.on_worked(self.now, &mut self.ids, id, work.run()));
                }
                Effect::Work(id, work) => self.work.push((id, *work)),
            }
        }
    }

    /// Runs the steps that were held back; tells how many still mattered.
    fn work(&mut self) -> usize {
        let mut known = 0;
        for (id, work) in core::mem::take(&mut self.work) {
            known += usize::from(self.all.on_worked(self.now, &mut self.ids, id, work.run()));
        }
        self.drain();
        known
    }

    /// Lets time pass, stopping at each deadline on the way.
    fn pass_to(&mut self, to: Instant) {
        while let Some(deadline) = self.all.deadline().filter(|deadline| deadline.at <= to) {
            assert_eq!(deadline.reason, Reason::Delivery);
            self.now = self.now.max(deadline.at);
            self.all.on_timeout(self.now, &mut self.ids);
            self.drain();
            let later = self.all.deadline().is_none_or(|deadline| deadline.at > self.now);
            assert!(later, "what was due is done");
        }
        self.now = to;
    }

    /// Lets time pass until the next exchange is asked for.
    fn next_send(&mut self) -> SendId {
        while self.sends.is_empty() {
            let deadline = self.all.deadline().expect("something is still to come");
            self.pass_to(deadline.at);
        }
        self.sends.remove(0).0
    }

    fn answer(&mut self, send: SendId, result: Result<Answer, SendError>) -> bool {
        let known = self.all.on_sent(&mut self.ids, send, result);
        self.drain();
        known
    }

    fn end(&self) -> &End {
        assert_eq!(self.ends.len(), 1, "{:?}", self.ends);
        assert!(self.all.is_empty() && self.all.deadline().is_none());
        &self.ends[0].end
    }
}

fn plan_of(alerts: Vec<Told>, kind: Kind) -> Plan {
    Plan {
        flight: FlightId(1),
        notification: Arc::new(notification("x", alerts)),
        integration: Arc::new(integration(kind, HttpConfig::default())),
        due: ms(0),
        basis: BASIS,
        deadline: ms(301_000),
        repeat_interval: Duration::from_secs(3600),
        log_key: nflog::Key {
            group_key: "".into(),
            receiver: "x".into(),
            integration: "webhook".into(),
            index: 0,
        },
        hashes: Hashes::default(),
    }
}

fn plan() -> Plan {
    plan_of(vec![firing("a")], Kind::Webhook(webhook().into()))
}

fn status(status: u16) -> Result<Answer, SendError> {
    Ok(Answer { status, ..Answer::default() })
}

fn delivered() -> End {
    End::Delivered(nflog::Reason::FirstNotification)
}

fn failed(error: &str, cause: Cause, is_final: bool) -> End {
    End::Failed { error: error.to_string(), cause, is_final }
}

#[test]
fn a_delivery_is_made() {
    let mut bench = Bench::new(1);
    let id = bench.open(plan());
    assert_eq!(bench.all.plan(id).map(|plan| plan.flight), Some(FlightId(1)));
    assert_eq!((bench.all.len(), bench.sends[0].1), (1, ms(301_000)));
    let send = bench.next_send();
    bench.now = ms(1300);
    assert!(bench.answer(send, status(200)));
    assert_eq!(*bench.end(), delivered());
    assert_eq!((bench.ends[0].id, bench.ends[0].attempts), (id, 1));
    assert_eq!(bench.ends[0].took, Duration::from_millis(300));
    let attempt = &bench.attempts[0];
    assert_eq!((attempt.failed, attempt.attempt), (false, 1));
    assert_eq!(attempt.took, Duration::from_millis(300));
    assert!(bench.canceled.is_empty());
    assert!(!bench.answer(send, status(200)), "an id is answered once");
}

#[test]
fn the_turn_comes_before_the_decision() {
    let mut bench = Bench::new(1);
    let id = bench.open(Plan { due: ms(16_000), ..plan() });
    bench.pass_to(ms(15_999));
    assert!(bench.sends.is_empty());
    bench.decision = Decision::Skip(SkipReason::RepeatNotDue { due_at: Timestamp::EPOCH });
    bench.pass_to(ms(16_000));
    assert!(matches!(bench.end(), End::Skipped(SkipReason::RepeatNotDue { .. })));
    assert_eq!((bench.ends[0].attempts, bench.ends[0].took), (0, Duration::ZERO));
    assert!(bench.attempts.is_empty());
    // A late or repeated word changes nothing.
    bench.all.decided(bench.now, &mut bench.ids, id, BASIS, FIRST, BTreeMap::new());
    bench.drain();
    assert_eq!(bench.ends.len(), 1);
}

#[test]
fn a_second_decision_is_ignored() {
    let mut bench = Bench::new(1);
    let id = bench.open(plan());
    bench.all.decided(bench.now, &mut bench.ids, id, BASIS, FIRST, BTreeMap::new());
    bench.drain();
    assert_eq!((bench.sends.len(), bench.ends.len()), (1, 0));
}

#[test]
fn nothing_left_to_tell_counts_as_told() {
    let mut bench = Bench::new(1);
    let mut plan = plan_of(vec![resolved("a")], Kind::Webhook(webhook().into()));
    Arc::get_mut(&mut plan.integration).expect("not shared").send_resolved = false;
    bench.open(plan);
    assert_eq!(*bench.end(), delivered());
    assert!(bench.attempts.is_empty() && bench.sends.is_empty());
}

#[test]
fn the_log_integration_prints() {
    let mut bench = Bench::new(1);
    bench.open(plan_of(vec![firing("a")], Kind::Log(Default::default())));
    assert_eq!(*bench.end(), delivered());
    assert_eq!((bench.prints, bench.attempts.len()), (1, 1));
}

#[test]
fn failures_are_tried_again_with_growing_waits() {
    let mut bench = Bench::new(1);
    bench.open(plan());
    let mut before = bench.now;
    for attempt in 1..=6_i32 {
        let send = bench.next_send();
        let wait = bench.now.since(before).as_secs_f64();
        if attempt > 1 {
            let middle = 0.5 * 1.5_f64.powi(attempt - 2);
            assert!((middle * 0.5..middle * 1.5).contains(&wait), "{attempt}: {wait}");
        }
        before = bench.now;
        // The wait counts from the attempt's start, not from its end.
        bench.pass_to(bench.now + Duration::from_millis(100));
        let code = if attempt == 3 { 502 } else { 500 };
        bench.answer(send, status(if attempt == 6 { 200 } else { code }));
    }
    assert_eq!(*bench.end(), delivered());
    assert_eq!(bench.ends[0].attempts, 6);
    // Only an error that differs from the one before is news.
    let news: Vec<_> = bench.attempts.iter().map(|a| a.retried.is_some()).collect();
    assert_eq!(news, [true, false, true, true, false, false]);
    let numbers: Vec<_> = bench.attempts.iter().map(|a| (a.attempt, a.failed)).collect();
    assert_eq!(numbers[4..], [(5, true), (6, false)]);
}

#[test]
fn a_slow_attempt_is_followed_at_once() {
    let mut bench = Bench::new(1);
    bench.open(plan());
    let send = bench.next_send();
    bench.pass_to(ms(31_000));
    bench.answer(send, status(500));
    bench.next_send();
    assert_eq!(bench.now, ms(31_000));
}

#[test]
fn a_final_error_ends_the_delivery() {
    let mut bench = Bench::new(1);
    bench.open(plan());
    let send = bench.next_send();
    bench.answer(send, status(404));
    assert_eq!(*bench.end(), failed("unexpected status code 404", Cause::ClientError, true));
    assert_eq!(bench.attempts[0].retried, None);
    assert!(bench.attempts[0].failed);
}

#[test]
fn retry_after_is_waited_for() {
    let mut bench = Bench::new(1);
    bench.open(plan());
    let send = bench.next_send();
    let headers = vec![("retry-after".to_string(), "20".to_string())];
    bench.answer(send, Ok(Answer { status: 429, headers, ..Answer::default() }));
    let send = bench.next_send();
    assert_eq!(bench.now, ms(21_000));
    // Asked to wait beyond the deadline, the delivery gives up there.
    let headers = vec![("retry-after".to_string(), "500".to_string())];
    bench.answer(send, Ok(Answer { status: 503, headers, ..Answer::default() }));
    bench.pass_to(ms(400_000));
    assert_eq!(*bench.end(), failed("unexpected status code 503", Cause::ServerError, false));
    assert_eq!(bench.ends[0].attempts, 2);
}

#[test]
fn the_deadline_breaks_an_exchange_off() {
    let mut bench = Bench::new(1);
    bench.open(plan());
    let send = bench.next_send();
    bench.pass_to(ms(301_000));
    let cause = Cause::ContextDeadlineExceeded;
    assert_eq!(*bench.end(), failed("context deadline exceeded", cause, false));
    assert_eq!(bench.canceled, [send]);
    assert!(bench.attempts[0].failed, "the attempt counts as failed");
    assert_eq!(bench.attempts[0].took, Duration::from_secs(300));
    assert!(!bench.answer(send, status(200)), "late answers are ignored");
}

#[test]
fn the_last_real_error_is_what_a_deadline_reports() {
    let mut bench = Bench::new(1);
    bench.open(plan());
    let send = bench.next_send();
    bench.answer(send, status(500));
    let send = bench.next_send();
    // The client's own timeout arrives just before the deadline's timer.
    bench.now = ms(301_000);
    let error = SendError { kind: SendErrorKind::Timeout, message: "timeout".to_string() };
    bench.answer(send, Err(error));
    bench.pass_to(ms(301_000));
    assert_eq!(*bench.end(), failed("unexpected status code 500", Cause::ServerError, false));
    assert_eq!(bench.attempts[1].retried, None);
}

#[test]
fn an_answer_that_is_being_judged_outlives_the_deadline() {
    let mut bench = Bench::new(1);
    bench.open(plan());
    let send = bench.next_send();
    bench.now = ms(300_999);
    bench.runs = false;
    bench.answer(send, status(200));
    bench.pass_to(ms(301_001));
    assert_eq!(bench.ends.len(), 0);
    assert_eq!(bench.work(), 1);
    assert_eq!(*bench.end(), delivered());
}

#[test]
fn a_step_that_ends_after_the_deadline_sends_nothing() {
    let mut bench = Bench::new(1);
    bench.runs = false;
    bench.open(plan());
    bench.pass_to(ms(301_001));
    assert_eq!((bench.work(), bench.sends.len()), (1, 0));
    let cause = Cause::ContextDeadlineExceeded;
    assert_eq!(*bench.end(), failed("context deadline exceeded", cause, false));
}

#[test]
fn a_decision_that_comes_too_late_starts_nothing() {
    let mut bench = Bench::new(1);
    bench.open(Plan { due: ms(2000), ..plan() });
    // The process was stopped for longer than the delivery had.
    bench.now = ms(400_000);
    bench.all.on_timeout(bench.now, &mut bench.ids);
    bench.drain();
    assert!(matches!(bench.end(), End::Failed { cause: Cause::ContextDeadlineExceeded, .. }));
    assert!(bench.attempts.is_empty());
}

#[test]
fn an_attempt_has_the_integrations_own_timeout() {
    let config = WebhookConfig { timeout: GoSpan(5_000_000_000), ..webhook() };
    let mut bench = Bench::new(1);
    bench.open(plan_of(vec![firing("a")], Kind::Webhook(config.clone().into())));
    assert_eq!(bench.sends[0].1, ms(6000));
    let mut bench = Bench::new(1);
    bench.open(Plan {
        deadline: ms(3000),
        ..plan_of(vec![firing("a")], Kind::Webhook(config.into()))
    });
    assert_eq!(bench.sends[0].1, ms(3000));
}

#[test]
fn files_are_read_for_every_attempt() {
    let config = WebhookConfig { url_file: "url".into(), ..WebhookConfig::default() };
    let mut bench = Bench::new(1);
    bench.open(plan_of(vec![firing("a")], Kind::Webhook(config.into())));
    let read = bench.reads[0];
    assert!(bench.all.on_read(&mut bench.ids, read, Ok("http://h/".into())));
    bench.drain();
    assert!(!bench.all.on_read(&mut bench.ids, read, Ok("http://h/".into())));
    let send = bench.next_send();
    bench.answer(send, status(500));
    bench.pass_to(ms(5000));
    assert_eq!((bench.reads.len(), bench.sends.len()), (2, 0));
    bench.pass_to(ms(400_000));
    assert!(!bench.all.on_read(&mut bench.ids, bench.reads[1], Ok("http://h/".into())));
    assert_eq!(bench.ends.len(), 1);
}

#[test]
fn a_step_that_panicked_fails_the_delivery() {
    let mut bench = Bench::new(1);
    bench.runs = false;
    bench.open(plan());
    let (work, step) = bench.work.pop().expect("a step");
    assert!(bench.all.on_work_lost(bench.now, &mut bench.ids, work));
    bench.drain();
    assert!(matches!(bench.end(), End::Failed { is_final: true, .. }));
    assert!(!bench.all.on_work_lost(bench.now, &mut bench.ids, work));
    assert!(!bench.all.on_worked(bench.now, &mut bench.ids, work, step.run()));
}

#[test]
fn a_receiver_has_so_many_places() {
    let mut bench = Bench::new(1);
    for _ in 0..RECEIVER_SENDS_MAX + 2 {
        bench.open(plan());
    }
    assert_eq!(bench.sends.len(), RECEIVER_SENDS_MAX);
    let mut other = plan();
    other.notification = Arc::new(notification("y", vec![firing("a")]));
    bench.open(other);
    assert_eq!(bench.sends.len(), RECEIVER_SENDS_MAX + 1, "receivers do not share places");

    // A wait between attempts takes no place, and an end frees one; the line is served in order.
    let (first, second) = (bench.sends[0].0, bench.sends[1].0);
    bench.answer(first, status(500));
    assert_eq!(bench.sends.len(), RECEIVER_SENDS_MAX + 2);
    bench.answer(second, status(200));
    assert_eq!(bench.sends.len(), RECEIVER_SENDS_MAX + 3);
    bench.pass_to(ms(5000));
    assert_eq!(bench.sends.len(), RECEIVER_SENDS_MAX + 3, "the retry waits for a place");
    let third = bench.sends[2].0;
    bench.answer(third, status(200));
    assert_eq!(bench.sends.len(), RECEIVER_SENDS_MAX + 4);
}

#[test]
fn places_freed_at_the_deadline_start_nothing() {
    let mut bench = Bench::new(1);
    for _ in 0..3 * RECEIVER_SENDS_MAX {
        bench.open(plan());
    }
    bench.pass_to(ms(301_000));
    assert_eq!(bench.ends.len(), 3 * RECEIVER_SENDS_MAX);
    assert_eq!(bench.attempts.len(), RECEIVER_SENDS_MAX);
    assert_eq!(bench.canceled.len(), RECEIVER_SENDS_MAX);
    assert!(bench.all.is_empty());
    bench.open(Plan { deadline: ms(900_000), ..plan() });
    assert_eq!(bench.sends.len(), RECEIVER_SENDS_MAX + 1, "all places are free again");
}

#[test]
fn a_shutdown_cancels_everything() {
    let mut bench = Bench::new(1);
    let count = RECEIVER_SENDS_MAX + 3;
    for _ in 0..count {
        bench.open(plan());
    }
    bench.open(Plan { due: ms(50_000), ..plan() });
    let send = bench.sends[0].0;
    bench.answer(send, status(500));
    let sends = bench.sends.len();
    bench.all.cancel_all(bench.now, &mut bench.ids);
    bench.drain();
    assert_eq!(bench.sends.len(), sends, "nothing starts any more");
    assert_eq!(bench.ends.len(), count + 1);
    assert_eq!(bench.ends[0].end, failed("unexpected status code 500", Cause::ServerError, false));
    assert_eq!(bench.ends[1].end, failed("context canceled", Cause::ContextCanceled, false));
    assert_eq!(bench.canceled.len(), RECEIVER_SENDS_MAX);
    assert!(bench.all.is_empty() && bench.all.deadline().is_none());
    assert!(!bench.answer(send, status(200)));
}

/// Runs a mix of deliveries against a receiver that fails in a pattern.
fn run(seed: u64) -> String {
    let mut bench = Bench::new(seed);
    for i in 0..100_u64 {
        bench.open(Plan { due: ms(1000 + i % 7 * 300), ..plan() });
    }
    let mut turn = 0_u16;
    while !bench.all.is_empty() {
        let send = bench.next_send();
        turn += 1;
        bench.now = bench.now + Duration::from_millis(u64::from(turn % 5));
        bench.answer(send, status([200, 500, 503, 404][usize::from(turn) % 4]));
    }
    assert_eq!(bench.ends.len(), 100);
    bench.trace
}

#[test]
fn the_same_seed_gives_the_same_run() {
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}
