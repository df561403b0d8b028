//! Bounded pools of threads, started when there is work and ended when there was none for a while.

use std::{
    collections::VecDeque,
    io,
    panic::{self, AssertUnwindSafe},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

/// How long a thread waits for its next job before it ends.
const IDLE: Duration = Duration::from_secs(10);

type Job = Box<dyn FnOnce() + Send>;

/// Threads that run jobs in the order these come. One thread always stays, so that a host without
/// room for more still makes progress.
pub(crate) struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    name: &'static str,
    threads_max: usize,
    stack: usize,
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    threads: usize,
    idle: usize,
}

impl Pool {
    /// Makes a pool of at most so many threads and starts the first.
    pub(crate) fn new(name: &'static str, threads_max: usize, stack: usize) -> io::Result<Self> {
        let (state, wake) = (Mutex::default(), Condvar::new());
        let shared = Arc::new(Shared { name, threads_max, stack, state, wake });
        shared.clone().start()?;
        shared.state().threads = 1;
        Ok(Self { shared })
    }

    /// Has a job done. The queue has no bound of its own: jobs come from the node, which bounds
    /// what it asks for.
    pub(crate) fn run(&self, job: impl FnOnce() + Send + 'static) {
        let shared = &self.shared;
        let mut state = shared.state();
        state.jobs.push_back(Box::new(job));
        if state.jobs.len() > state.idle && state.threads < shared.threads_max {
            state.threads += 1;
            // Without a new thread the job waits for one of the old.
            if shared.clone().start().is_err() {
                state.threads -= 1;
            }
        }
        let is_awaited = state.idle > 0;
        drop(state);
        // Costs a call to the system even if nobody waits.
        if is_awaited {
            shared.wake.notify_one();
        }
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

    fn work(&self) {
        let mut state = self.state();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                drop(state);
                // Jobs answer for their own panics; one that does not must not take a thread along.
                panic::catch_unwind(AssertUnwindSafe(job)).ok();
                state = self.state();
                continue;
            }
            state.idle += 1;
            let (next, waited) =
                self.wake.wait_timeout(state, IDLE).unwrap_or_else(PoisonError::into_inner);
            state = next;
            state.idle -= 1;
            if waited.timed_out() && state.jobs.is_empty() && state.threads > 1 {
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
        let pool = Pool::new("test", 3, 64 << 10).expect("threads");
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
