//! The loop policy: how many inputs one turn takes, and in which order things happen.
//!
//! Both runtimes and the simulator call [`turn`] and nothing else, so that batching, order and
//! fairness are decided, and tested, once.

use crate::{
    limits::{INPUTS_PER_TURN_MAX, LIGHT_WORK_PER_TURN_MAX},
    node::{Done, Input, Node, Output, Work},
    time::{Deadline, Now},
};

/// Carries out outputs: starts what they ask for and returns at once.
pub trait Execute {
    /// Starts one output. Results come back as inputs of a later turn.
    fn execute(&mut self, output: Output);

    /// Runs work that is light on the thread that called, and catches its panic.
    fn run(&mut self, work: Work) -> Done;
}

/// Takes the inputs at hand, lets the node react, carries out what it asks for, and returns when to
/// come back at the latest.
///
/// Inputs are taken until there are none or [`INPUTS_PER_TURN_MAX`] were; then a passed deadline is
/// handled, in every turn, so that a flood of inputs cannot starve timers. In this order, because
/// what is due decides on all that is known: a tick must not tell an alert whose silence or whose
/// inhibiting alert is already there, and no wait is over for an answer that has come. Call it once
/// more at the returned deadline or when there is an input, whichever is first; `None` means that
/// only an input can make the node act.
///
/// Work that is [light](Work::is_light) is run at once: to hand it to another thread and take back
/// its result costs more than the work. What exceeds [`LIGHT_WORK_PER_TURN_MAX`] in one turn is
/// handed over all the same, so that a burst cannot keep inputs waiting.
pub fn turn(
    node: &mut Node,
    now: Now,
    mut next_input: impl FnMut() -> Option<Input>,
    executor: &mut impl Execute,
) -> Option<Deadline> {
    for _ in 0..INPUTS_PER_TURN_MAX {
        let Some(input) = next_input() else { break };
        node.handle(now, input);
    }
    if node.deadline().is_some_and(|deadline| deadline.at <= now.instant) {
        node.handle(now, Input::Timeout);
    }
    let mut run = 0;
    while let Some(output) = node.poll() {
        match output {
            Output::Work(id, work) if run < LIGHT_WORK_PER_TURN_MAX && work.is_light() => {
                run += 1;
                let done = executor.run(work);
                node.handle(now, Input::Worked(id, done));
            }
            output => executor.execute(output),
        }
    }
    node.deadline()
}
