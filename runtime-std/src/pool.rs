//! Bounded pools of threads, started when there is work and ended when there was none for a while.

use std::{
    collections::VecDeque,
    io,
    panic::{self, AssertUnwindSafe},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// How long a thread waits for its next job before it ends.
const IDLE: Duration = Duration::from_secs(10);

/// How long a job waits for one of the threads that are awake, where these are enough as long as
/// jobs are short: to wake another costs more than a short job.
const PATIENCE: Duration = Duration::from_millis(1);

type Job = Box<dyn FnOnce() + Send>;

/// Threads that run jobs in the order these come. One thread always stays, so that a host without
/// room for more still makes progress.
pub(crate) struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    name: &'static str,
    threads_max: usize,
    /// Threads that are woken at once.
    eager_max: usize,
    stack: usize,
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    /// Jobs and since when they wait.
    jobs: VecDeque<(Instant, Job)>,
    threads: usize,
    idle: usize,
    /// Whether one of the idle looks after jobs that wait too long.
    is_watched: bool,
}

impl Pool {
    /// Makes a pool of at most so many threads and starts the first.
    pub(crate) fn new(name: &'static str, threads_max: usize, stack: usize) -> io::Result<Self> {
        Self::patient(name, threads_max, threads_max, stack)
    }

    /// The same, but while `eager_max` threads are at work further jobs wait a moment for them.
    pub(crate) fn patient(
        name: &'static str,
        eager_max: usize,
        threads_max: usize,
        stack: usize,
    ) -> io::Result<Self> {
        let (state, wake) = (Mutex::default(), Condvar::new());
        let shared = Arc::new(Shared { name, threads_max, eager_max, stack, state, wake });
        let mut state = shared.state();
        state.threads = 1;
        shared.clone().start()?;
        drop(state);
        Ok(Self { shared })
    }

    /// Has a job done. The queue has no bound of its own: jobs come from the node, which bounds
    /// what it asks for.
    pub(crate) fn run(&self, job: impl FnOnce() + Send + 'static) {
        let mut state = self.shared.state();
        state.jobs.push_back((Instant::now(), Box::new(job)));
        self.shared.call(state);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(self: Arc<Self>) -> io::Result<()> {
        let builder = thread::Builder::new().name(self.name.into()).stack_size(self.stack);
        builder.spawn(move || self.work()).map(drop)
    }

    /// Has another thread look at the jobs, if it is wanted.
    fn call(self: &Arc<Self>, mut state: MutexGuard<'_, State>) {
        let at_work = state.threads - state.idle;
        if state.jobs.is_empty() || state.is_watched && at_work >= self.eager_max {
            return;
        }
        if state.jobs.len() > state.idle && state.threads < self.threads_max {
            state.threads += 1;
            // Without a new thread the job waits for one of the old.
            if self.clone().start().is_err() {
                state.threads -= 1;
            }
        }
        let is_awaited = state.idle > 0;
        drop(state);
        // Costs a call to the system even if nobody waits.
        if is_awaited {
            self.wake.notify_one();
        }
    }

    fn work(self: &Arc<Self>) {
        let mut state = self.state();
        // Whoever has just done a job takes the next one.
        let mut is_warm = false;
        loop {
            let is_one_of_few = is_warm || state.threads - state.idle <= self.eager_max;
            let waits = state.jobs.front().map(|(since, _)| since.elapsed());
            let patience = waits.map_or(IDLE, |waits| PATIENCE.saturating_sub(waits));
            if waits.is_some() && (is_one_of_few || patience.is_zero()) {
                let (_, job) = state.jobs.pop_front().expect("it waits");
                if is_warm {
                    drop(state);
                } else {
                    // Nobody looks after those that are left.
                    self.call(state);
                }
                // Jobs answer for their own panics; one that does not must not take a thread along.
                panic::catch_unwind(AssertUnwindSafe(job)).ok();
                state = self.state();
                is_warm = true;
                continue;
            }
            let watches = waits.is_some() && !state.is_watched;
            state.is_watched |= watches;
            state.idle += 1;
            let within = if watches { patience } else { IDLE };
            let (next, waited) =
                self.wake.wait_timeout(state, within).unwrap_or_else(PoisonError::into_inner);
            state = next;
            state.idle -= 1;
            is_warm = false;
            if watches {
                state.is_watched = false;
            } else if waited.timed_out() && state.jobs.is_empty() && state.threads > 1 {
                state.threads -= 1;
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn jobs_run_side_by_side_up_to_the_bound() {
        run_side_by_side(&Pool::new("test", 3, 64 << 10).expect("threads"));
    }

    #[test]
    fn jobs_that_wait_too_long_get_further_threads() {
        run_side_by_side(&Pool::patient("test", 1, 3, 64 << 10).expect("threads"));
    }

    fn run_side_by_side(pool: &Pool) {
        let (sender, receiver) = mpsc::channel();
        let barrier = Arc::new(std::sync::Barrier::new(3));
        for n in 0..9 {
            let (sender, barrier) = (sender.clone(), barrier.clone());
            pool.run(move || {
                // Passes only if three run at once.
                barrier.wait();
                sender.send(n).expect("the test waits");
            });
        }
        pool.run(|| panic!("expected by the test"));
        let mut seen: Vec<i32> = receiver.iter().take(9).collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..9).collect::<Vec<_>>());
        assert!(pool.shared.state().threads <= 3);
    }
}
