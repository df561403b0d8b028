//! The owner of the node: one thread that takes inputs, runs turns and starts what they ask for.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    time::{Duration, Instant},
};

use campana_core::{
    api::{Call, Reply},
    drive::{self, Execute},
    id::{CallId, SendId},
    limits::{MAILBOX_MAX, SHUTDOWN_GRACE},
    node::{Done, Input, Node, Output, Work},
    notify::{Answer, SendError, dialogue::Dialogue},
    view::View,
};

use crate::{
    caught::finish,
    clock::Clock,
    dial::Mailer,
    exchange::Client,
    files,
    gate::Gate,
    gossip::{self, Gossip},
    log::Log,
    pool::Pool,
    storage::Writer,
    trust,
};

/// How often the owner looks whether the last requests were answered, at the end.
const DRAIN_PACE: Duration = Duration::from_millis(10);

/// What the owner is told.
pub(crate) enum Message {
    /// Something happened.
    Input(Input),
    /// A request wants a change.
    Call(Call, SyncSender<Reply>),
    /// A reader wants the state after everything that came before.
    View(SyncSender<Arc<View>>),
}

/// The queue before the owner. Whoever finds it full waits; the owner itself never sends.
#[derive(Clone)]
pub(crate) struct Mailbox {
    sender: SyncSender<Message>,
    dropped: Arc<AtomicU64>,
    /// Whether the owner wants to know of each request that was answered.
    pub(crate) is_traced: Arc<AtomicBool>,
}

/// The request's own time limit passed.
#[derive(Debug)]
pub(crate) struct Late;

impl Mailbox {
    /// Makes an empty queue and its owner's end.
    pub(crate) fn new() -> (Self, Receiver<Message>) {
        let (sender, receiver) = sync_channel(MAILBOX_MAX);
        (Self { sender, dropped: Arc::default(), is_traced: Arc::default() }, receiver)
    }

    /// Tells the owner what happened. Without an owner nobody wants to know.
    pub(crate) fn push(&self, input: Input) {
        self.sender.send(Message::Input(input)).ok();
    }

    /// Tells the owner what happened, unless it has too much to do.
    pub(crate) fn offer(&self, input: Input) {
        if self.sender.try_send(Message::Input(input)).is_err() {
            self.dropped.fetch_add(1, Relaxed);
        }
    }

    /// Returns how much of what was offered there was no room for.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }

    /// Has a change made; `None` when the owner is gone.
    pub(crate) fn call(&self, call: Call, within: Option<Duration>) -> Result<Option<Reply>, Late> {
        let (sender, receiver) = sync_channel(1);
        self.sender.send(Message::Call(call, sender)).ok();
        wait(&receiver, within)
    }

    /// Asks for the state; `None` when the owner is gone.
    pub(crate) fn view(&self, within: Option<Duration>) -> Result<Option<Arc<View>>, Late> {
        let (sender, receiver) = sync_channel(1);
        self.sender.send(Message::View(sender)).ok();
        wait(&receiver, within)
    }
}

fn wait<T>(receiver: &Receiver<T>, within: Option<Duration>) -> Result<Option<T>, Late> {
    let Some(within) = within else { return Ok(receiver.recv().ok()) };
    match receiver.recv_timeout(within) {
        Ok(value) => Ok(Some(value)),
        Err(RecvTimeoutError::Disconnected) => Ok(None),
        Err(RecvTimeoutError::Timeout) => Err(Late),
    }
}

/// Where outputs are carried out.
pub(crate) struct Hands {
    /// Runs what computes.
    pub(crate) compute: Pool,
    /// Runs what waits for disks.
    pub(crate) disk: Pool,
    /// Runs what waits for receivers.
    pub(crate) senders: Pool,
    pub(crate) client: Arc<Client>,
    pub(crate) mailer: Arc<Mailer>,
    /// Talks to peers; `None` without a cluster.
    pub(crate) gossip: Option<Gossip>,
    pub(crate) mailbox: Mailbox,
    pub(crate) clock: Clock,
    pub(crate) log: Log,
    /// Writes the journal.
    pub(crate) journal: Writer,
    /// The data directory.
    pub(crate) storage: Arc<str>,
}

/// What waits for an answer.
#[derive(Default)]
struct Open {
    /// A message that ended the owner's sleep.
    next: Option<Message>,
    last_call: u64,
    calls: BTreeMap<CallId, SyncSender<Reply>>,
    /// Exchanges under way, and whether they were given up.
    sends: BTreeMap<SendId, Arc<AtomicBool>>,
    views: Vec<SyncSender<Arc<View>>>,
}

/// Runs the node on this thread until it has stopped and the last requests were answered.
pub(crate) fn run(mut node: Node, inbox: &Receiver<Message>, hands: &Hands, gate: &Gate) {
    let open = RefCell::new(Open::default());
    let mut acting = Acting { hands, open: &open, stopped: None };
    loop {
        let next = || next_input(inbox, &open);
        let deadline = drive::turn(&mut node, hands.clock.now(), next, &mut acting);
        let readers = std::mem::take(&mut open.borrow_mut().views);
        if !readers.is_empty() {
            let view = node.view();
            for reader in readers {
                // A reader that is gone needs no view.
                reader.send(view.clone()).ok();
            }
        }
        let mut within = deadline.map(|deadline| hands.clock.until(deadline.at));
        if let Some(stopped) = acting.stopped {
            if gate.is_empty() || stopped.elapsed() > SHUTDOWN_GRACE {
                return;
            }
            within = Some(DRAIN_PACE);
        }
        open.borrow_mut().next = match within {
            None => inbox.recv().ok(),
            Some(within) => inbox.recv_timeout(within).ok(),
        };
    }
}

fn next_input(inbox: &Receiver<Message>, open: &RefCell<Open>) -> Option<Input> {
    let mut open = open.borrow_mut();
    loop {
        match open.next.take().or_else(|| inbox.try_recv().ok())? {
            Message::Input(input) => {
                // One that was given up is not waited for any more.
                if let Input::Sent(id, _) = &input
                    && open.sends.remove(id).is_none()
                {
                    continue;
                }
                return Some(input);
            }
            Message::Call(call, reply) => {
                open.last_call += 1;
                let id = CallId(open.last_call);
                open.calls.insert(id, reply);
                return Some(Input::Call(id, call));
            }
            Message::View(reply) => open.views.push(reply),
        }
    }
}

struct Acting<'a> {
    hands: &'a Hands,
    open: &'a RefCell<Open>,
    stopped: Option<Instant>,
}

impl Execute for Acting<'_> {
    fn execute(&mut self, output: Output) {
        let Hands { compute, senders, client, gossip, mailbox, clock, log, .. } = self.hands;
        let storage = &self.hands.storage;
        let mut open = self.open.borrow_mut();
        match output {
            Output::Append(append) => self.hands.journal.append(append),
            Output::Remove(name) => self.hands.journal.remove(name),
            Output::Cancel(id) => {
                // One that runs goes on to its end, but nobody hears of it.
                if let Some(given_up) = open.sends.remove(&id) {
                    given_up.store(true, Relaxed);
                }
            }
            Output::Datagram { to, bytes } => {
                if let Some(gossip) = gossip {
                    gossip.send(to, &bytes);
                }
            }
            Output::Glob(id, needs) => {
                self.on_disk(move || Input::Globbed(id, trust::gather(&needs)));
            }
            Output::Log(event) => log.write(&event),
            Output::Grpc(id, call, at) => self.converse(&mut open, id, call, at),
            Output::Mail(id, session, at) => self.converse(&mut open, id, session, at),
            Output::Read(id, path) => {
                self.on_disk(move || Input::Read(id, files::read(&path)));
            }
            Output::Record(id, path, bytes) => {
                self.on_disk(move || Input::Recorded(id, files::record(path.as_deref(), &bytes)));
            }
            Output::Reply(id, reply) => {
                if let Some(waiting) = open.calls.remove(&id) {
                    // A client that is gone needs no reply.
                    waiting.send(reply).ok();
                }
            }
            Output::Resolve(id, host) => {
                let mailbox = mailbox.clone();
                senders.run(move || mailbox.push(gossip::resolve(id, &host)));
            }
            Output::Save(id, name, bytes) => {
                let storage = storage.clone();
                self.on_disk(move || Input::Saved(id, files::save(&storage, name, &bytes)));
            }
            Output::Send(id, exchange, at) => {
                let (client, clock) = (client.clone(), *clock);
                self.send(&mut open, id, move || client.deliver(*exchange, clock.until(at)));
            }
            Output::Trace(is_on) => mailbox.is_traced.store(is_on, Relaxed),
            Output::Stopped => self.stopped = Some(Instant::now()),
            Output::Stream(id, command) => {
                if let Some(gossip) = gossip {
                    gossip.command(id, command);
                }
            }
            Output::Work(id, work) => {
                let mailbox = mailbox.clone();
                compute.run(move || mailbox.push(Input::Worked(id, finish(work))));
            }
        }
    }

    fn run(&mut self, work: Work) -> Done {
        finish(work)
    }
}

impl Acting<'_> {
    fn converse(
        &self,
        open: &mut Open,
        id: SendId,
        dialogue: Box<dyn Dialogue>,
        at: campana_core::time::Instant,
    ) {
        let (mailer, clock) = (self.hands.mailer.clone(), self.hands.clock);
        self.send(open, id, move || mailer.deliver(dialogue, clock.until(at)));
    }

    /// Does what waits for a disk.
    fn on_disk(&self, work: impl FnOnce() -> Input + Send + 'static) {
        let mailbox = self.hands.mailbox.clone();
        self.hands.disk.run(move || mailbox.push(work()));
    }

    /// Delivers something on a sender's thread, unless it is given up before its turn.
    fn send(
        &self,
        open: &mut Open,
        id: SendId,
        deliver: impl FnOnce() -> Result<Answer, SendError> + Send + 'static,
    ) {
        let given_up = Arc::new(AtomicBool::new(false));
        open.sends.insert(id, given_up.clone());
        let mailbox = self.hands.mailbox.clone();
        self.hands.senders.run(move || {
            if !given_up.load(Relaxed) {
                mailbox.push(Input::Sent(id, deliver()));
            }
        });
    }
}
