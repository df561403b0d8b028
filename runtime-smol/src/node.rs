//! The owner of the node: one thread that takes inputs, runs turns and starts what they ask for.

use std::{
    cell::RefCell,
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread::{self, Thread},
    time::Instant,
};

use campana_core::{
    api::{Call, Reply},
    drive::{self, Execute},
    id::{CallId, SendId},
    limits::{GOSSIP_MAILBOX_MAX, MAILBOX_MAX},
    node::{Done, Input, Node, Output, Work},
    notify::dialogue::Dialogue,
    view::View,
};
use smol::{Executor, Task, channel, lock::Semaphore};

use crate::{
    caught::finish, clock::Clock, dial::Mailer, exchange::Client, files, gossip::Gossip, log::Log,
    storage::Writer, trust,
};

/// What the owner is told.
enum Message {
    /// Something happened.
    Input(Input),
    /// A peer said something.
    Gossip(Input),
    /// A request wants a change.
    Call(Call, channel::Sender<Reply>),
    /// A reader wants the state after everything that came before.
    View(channel::Sender<Arc<View>>),
}

/// The queue before the owner.
///
/// Clients wait for room, and so do peers, who have room of their own. Results of what the node
/// asked for never do: their number is bounded by what it asks for.
pub(crate) struct Mailbox {
    /// `None` when the owner is gone.
    messages: Mutex<Option<VecDeque<Message>>>,
    room: Semaphore,
    gossip_room: Semaphore,
    dropped: AtomicU64,
    /// Whether the owner wants to know of each request that was answered.
    pub(crate) is_traced: AtomicBool,
    owner: OnceLock<Thread>,
}

impl Mailbox {
    /// Makes an empty queue.
    pub(crate) fn new() -> Self {
        Self {
            messages: Mutex::new(Some(VecDeque::new())),
            room: Semaphore::new(MAILBOX_MAX),
            gossip_room: Semaphore::new(GOSSIP_MAILBOX_MAX),
            dropped: AtomicU64::new(0),
            is_traced: AtomicBool::new(false),
            owner: OnceLock::new(),
        }
    }

    /// Gives up all messages, so that whoever waits for an answer learns that none will come.
    pub(crate) fn close(&self) {
        *self.lock() = None;
        self.room.add_permits(MAILBOX_MAX);
    }

    fn lock(&self) -> MutexGuard<'_, Option<VecDeque<Message>>> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the owner what happened.
    pub(crate) fn push(&self, input: Input) {
        self.put(Message::Input(input));
    }

    /// Tells the owner what a peer said, once there is room.
    pub(crate) async fn gossip(&self, input: Input) {
        self.gossip_room.acquire().await.forget();
        self.put(Message::Gossip(input));
    }

    /// Tells the owner what a peer said, if there is room.
    pub(crate) fn try_gossip(&self, input: Input) {
        if let Some(room) = self.gossip_room.try_acquire() {
            room.forget();
            self.put(Message::Gossip(input));
        } else {
            self.dropped.fetch_add(1, Relaxed);
        }
    }

    /// Returns how much of what peers said there was no room for.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }

    /// Has a change made; `None` when the owner is gone.
    pub(crate) async fn call(&self, call: Call) -> Option<Reply> {
        let (sender, receiver) = channel::bounded(1);
        self.put_with_room(Message::Call(call, sender)).await;
        receiver.recv().await.ok()
    }

    /// Asks for the state; `None` when the owner is gone.
    pub(crate) async fn view(&self) -> Option<Arc<View>> {
        let (sender, receiver) = channel::bounded(1);
        self.put_with_room(Message::View(sender)).await;
        receiver.recv().await.ok()
    }

    async fn put_with_room(&self, message: Message) {
        self.room.acquire().await.forget();
        self.put(message);
    }

    fn put(&self, message: Message) {
        if let Some(messages) = &mut *self.lock() {
            messages.push_back(message);
        }
        if let Some(owner) = self.owner.get() {
            owner.unpark();
        }
    }

    fn take(&self) -> Option<Message> {
        let message = self.lock().as_mut()?.pop_front()?;
        match &message {
            Message::Input(_) => {}
            Message::Gossip(_) => self.gossip_room.add_permits(1),
            Message::Call(..) | Message::View(_) => self.room.add_permits(1),
        }
        Some(message)
    }

    /// Sleeps until there is a message or the deadline passes.
    fn wait(&self, deadline: Option<Instant>) {
        while self.lock().as_ref().is_some_and(VecDeque::is_empty) {
            match deadline {
                None => thread::park(),
                Some(deadline) => match deadline.checked_duration_since(Instant::now()) {
                    Some(rest) if !rest.is_zero() => thread::park_timeout(rest),
                    _ => return,
                },
            }
        }
    }
}

/// Where outputs are carried out.
pub(crate) struct Hands {
    /// Runs what mostly waits.
    pub(crate) executor: &'static Executor<'static>,
    /// Runs what computes.
    pub(crate) compute: &'static Executor<'static>,
    pub(crate) mailbox: &'static Mailbox,
    pub(crate) client: &'static Client,
    pub(crate) mailer: &'static Mailer,
    /// The sockets towards peers, if this instance has any.
    pub(crate) gossip: Option<&'static Gossip>,
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
    last_call: u64,
    calls: BTreeMap<CallId, channel::Sender<Reply>>,
    sends: BTreeMap<SendId, Task<()>>,
    views: Vec<channel::Sender<Arc<View>>>,
}

/// Runs the node on this thread until it has stopped.
pub(crate) fn run(mut node: Node, hands: &Hands) {
    hands.mailbox.owner.set(thread::current()).expect("the node has one owner");
    let open = RefCell::new(Open::default());
    let mut acting = Acting { hands, open: &open, stopped: false };
    while !acting.stopped {
        let next = || next_input(hands.mailbox, &open);
        let deadline = drive::turn(&mut node, hands.clock.now(), next, &mut acting);
        let readers = std::mem::take(&mut open.borrow_mut().views);
        if !readers.is_empty() {
            let view = node.view();
            for reader in readers {
                // A reader that is gone needs no view.
                reader.try_send(view.clone()).ok();
            }
        }
        if !acting.stopped {
            hands.mailbox.wait(deadline.and_then(|deadline| hands.clock.system(deadline.at)));
        }
    }
}

fn next_input(mailbox: &Mailbox, open: &RefCell<Open>) -> Option<Input> {
    let mut open = open.borrow_mut();
    loop {
        match mailbox.take()? {
            Message::Input(input) | Message::Gossip(input) => {
                if let Input::Sent(id, _) = &input {
                    open.sends.remove(id);
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
    stopped: bool,
}

impl Acting<'_> {
    fn converse(
        &self,
        open: &mut Open,
        id: SendId,
        dialogue: Box<dyn Dialogue>,
        at: campana_core::time::Instant,
    ) {
        let &Hands { executor, mailbox, mailer, clock, .. } = self.hands;
        let task = executor.spawn(async move {
            let result = mailer.deliver(dialogue, clock.system(at)).await;
            mailbox.push(Input::Sent(id, result));
        });
        open.sends.insert(id, task);
    }

    /// Does what waits for a disk.
    fn on_disk(&self, work: impl FnOnce() -> Input + Send + 'static) {
        let mailbox = self.hands.mailbox;
        smol::unblock(move || mailbox.push(work())).detach();
    }

    fn gossip(&self) -> &'static Gossip {
        self.hands.gossip.expect("only a node that takes part in a cluster gossips")
    }
}

impl Execute for Acting<'_> {
    fn execute(&mut self, output: Output) {
        let &Hands { executor, compute, mailbox, client, clock, log, .. } = self.hands;
        let mut open = self.open.borrow_mut();
        match output {
            Output::Append(append) => self.hands.journal.append(append),
            Output::Remove(name) => self.hands.journal.remove(name),
            // Dropping a task ends it.
            Output::Cancel(id) => drop(open.sends.remove(&id)),
            Output::Datagram { to, bytes } => self.gossip().send(to, &bytes),
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
                    waiting.try_send(reply).ok();
                }
            }
            Output::Resolve(id, host) => self.gossip().resolve(id, host),
            Output::Save(id, name, bytes) => {
                let storage = self.hands.storage.clone();
                self.on_disk(move || Input::Saved(id, files::save(&storage, name, &bytes)));
            }
            Output::Send(id, exchange, at) => {
                let task = executor.spawn(async move {
                    let result = client.deliver(*exchange, clock.system(at)).await;
                    mailbox.push(Input::Sent(id, result));
                });
                open.sends.insert(id, task);
            }
            Output::Stream(id, command) => self.gossip().command(id, command),
            Output::Stopped => self.stopped = true,
            Output::Trace(is_on) => mailbox.is_traced.store(is_on, Relaxed),
            Output::Work(id, work) => compute
                .spawn(async move {
                    mailbox.push(Input::Worked(id, finish(work)));
                })
                .detach(),
        }
    }

    fn run(&mut self, work: Work) -> Done {
        finish(work)
    }
}
