//! The small runtime of campana: threads, tiny_http and ureq, for constrained hosts. Puts the
//! pieces together and ends in order.

// Where the contact with the host is the same, the source is the same file.
#[path = "../../runtime-smol/src/caught.rs"]
mod caught;
mod clock;
mod dial;
mod exchange;
#[path = "../../runtime-smol/src/files.rs"]
mod files;
mod frame;
mod gate;
mod gossip;
#[path = "../../runtime-smol/src/handed.rs"]
mod handed;
mod inner;
mod line;
mod listen;
#[path = "../../runtime-smol/src/log.rs"]
mod log;
mod node;
#[path = "../../runtime-smol/src/pack.rs"]
mod pack;
mod pool;
#[path = "../../runtime-smol/src/process.rs"]
mod process;
mod serve;
mod signal;
mod socket;
#[path = "../../runtime-smol/src/storage.rs"]
mod storage;
mod stream;
#[path = "../../runtime-smol/src/trust.rs"]
mod trust;
#[path = "../../runtime-smol/src/web.rs"]
mod web;
mod wire;

use std::{
    env, fs,
    io::{self, Write as _},
    net::TcpListener,
    path::Path,
    process::ExitCode,
    sync::{Arc, OnceLock},
    thread,
    time::Instant,
};

use campana_core::{
    api::Site,
    cli::{self, ExternalUrl, Invocation, Options},
    config,
    event::Event,
    limits::{CONNECTIONS_SHARE, SENDERS_MAX, THREADED_CONNECTIONS_MAX},
    node::{Node, Start, load_config},
    rng::Seed,
};
use socket2::SockRef;

use crate::{
    clock::Clock,
    dial::Mailer,
    exchange::Client,
    gate::Gate,
    gossip::Gossip,
    inner::Inner,
    log::Log,
    node::{Hands, Mailbox},
    pool::Pool,
    serve::Desk,
    storage::Writer,
    web::Watch,
};

/// The stack of a thread that computes: parsing nests within limits, and what is not touched
/// costs nothing.
const COMPUTE_STACK: usize = 2 << 20;

/// The stack of a thread that waits for a receiver; gzip needs most of it, then a TLS handshake.
const SENDER_STACK: usize = 1 << 20;

/// The stack of a thread that waits for a disk.
const DISK_STACK: usize = 128 << 10;

/// Files that are read or written at once; one that hangs must not stop the others.
const DISK_THREADS: usize = 4;

fn main() -> ExitCode {
    let clock = Clock::start();
    let files_max = process::raise_file_limit();
    let argv: Vec<String> =
        env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect();
    let read_file = &mut |path: &str| fs::read_to_string(path).map_err(|e| e.to_string());
    match cli::parse(&argv, read_file) {
        Ok(Invocation::Print(text)) => {
            // Whoever closed standard output does not want the text.
            io::stdout().write_all(text.as_bytes()).ok();
            ExitCode::SUCCESS
        }
        Ok(Invocation::Run(mut options)) => {
            options.environment = process::environment();
            let log = Log { level: options.log_level, format: options.log_format };
            let options = Arc::new(*options);
            let result = match storage::export(&log, &options) {
                Ok(false) => run(clock, log, files_max, options),
                done => done.map(drop),
            };
            match result {
                Ok(()) => ExitCode::SUCCESS,
                Err(event) => {
                    log.write(&event);
                    ExitCode::FAILURE
                }
            }
        }
        Err(text) => {
            writeln!(io::stderr(), "{text}").ok();
            ExitCode::FAILURE
        }
    }
}

/// Starts, serves until a signal, and ends. The error is what kept it from starting.
fn run(clock: Clock, log: Log, files_max: usize, options: Arc<Options>) -> Result<(), Event> {
    options.start_events().iter().for_each(|event| log.write(event));
    let config = Arc::new(read_config(&log, &options)?);
    let (saved, _lock) = storage::open(&log, &options)?;
    let watch = watch(&options, clock, log)?;
    let listeners = bind(&options)?;
    let external_url = external_url(&options, &listeners)?;
    let (doors, gossip) = gossip::open(&options, log)?.unzip();
    let signals = signal::take().map_err(|e| unfit("signals", &e))?;
    let seed = Seed(clock::seed().map_err(|e| unfit("/dev/urandom", &e))?);

    let external: Arc<str> = external_url.text.as_str().into();
    let start = Start {
        options: options.clone(),
        external_url: external,
        hostname: process::hostname().into(),
        config,
        gossip,
        saved,
        seed,
    };
    let node = Node::new(clock.now(), start);

    let cores = thread::available_parallelism().map_or(1, usize::from);
    let (mailbox, inbox) = Mailbox::new();
    let desk =
        Arc::new(Desk::new(Site::new(&options, &external_url, cores), mailbox.clone(), log, watch));
    let (inner, server) = Inner::start(&[Path::new(&options.storage_path)])
        .map_err(|e| unfit("the HTTP server", &e))?;
    desk.start(server).map_err(|e| unfit("threads", &e))?;
    let pool = |name, max, stack| Pool::new(name, max, stack).map_err(|e| unfit("threads", &e));
    let gossip = doors.map(|doors| Gossip::start(doors, mailbox.clone(), log));
    let hands = Hands {
        journal: writer(&options, mailbox.clone())?,
        compute: pool("compute", cores, COMPUTE_STACK)?,
        disk: pool("disk", DISK_THREADS, DISK_STACK)?,
        senders: senders(cores)?,
        client: Client::new(options.egress.clone()).into(),
        mailer: Mailer::new(options.egress.clone()).into(),
        gossip: gossip.transpose().map_err(|e| unfit("threads", &e))?,
        mailbox: mailbox.clone(),
        clock,
        log,
        storage: options.storage_path.as_str().into(),
    };
    let gate = Arc::new(Gate::new(inner, desk.clone(), connections_max(files_max), log));
    let stopping: Arc<OnceLock<Instant>> = Arc::default();
    let on_signal = {
        let (gate, stopping) = (gate.clone(), stopping.clone());
        let doors = own_listeners(&options, &listeners)?;
        move || {
            stopping.get_or_init(Instant::now);
            gate.close();
            for door in &doors {
                // On Linux this also wakes the thread that waits in accept.
                SockRef::from(door).shutdown(std::net::Shutdown::Both).ok();
            }
        }
    };
    signal::pass(signals, mailbox, log, on_signal).map_err(|e| unfit("threads", &e))?;
    open_gate(&gate, listeners, desk.watch(), &options, &external_url, log)?;
    node::run(node, &inbox, &hands, &gate);
    hands.journal.finish();
    let duration = stopping.get_or_init(Instant::now).elapsed();
    if !gate.is_empty() {
        log.write(&Event::ShutdownCut { sends: 0, requests: gate.len() });
    }
    log.write(&Event::Stopped { duration });
    Ok(())
}

/// Returns the listeners to shut at the end. Those handed over go on without this process.
fn own_listeners(options: &Options, listeners: &Listeners) -> Result<Vec<TcpListener>, Event> {
    let own = listeners.iter().filter(|_| !options.web_systemd_socket);
    let doors = own.map(|(listener, _)| listener.try_clone());
    doors.collect::<Result<_, _>>().map_err(|e| unfit("files", &e))
}

/// Begins to serve, and says where.
fn open_gate(
    gate: &Arc<Gate>,
    listeners: Vec<(TcpListener, String)>,
    watch: Option<&Watch>,
    options: &Options,
    external_url: &ExternalUrl,
    log: Log,
) -> Result<(), Event> {
    let first = listeners.first().map_or_else(String::new, |(_, address)| address.clone());
    for (listener, address) in listeners {
        gate.open(listener).map_err(|e| unfit("threads", &e))?;
        log.write(&Event::Listening { address: address.clone() });
        log.write(&Watch::listening(watch, address));
    }
    if options.config_file.is_none() {
        log.welcome(&cli::welcome(&first, external_url));
    }
    Ok(())
}

fn writer(options: &Options, mailbox: Mailbox) -> Result<Writer, Event> {
    let done = move |input| mailbox.push(input);
    Writer::start(&options.storage_path, done).map_err(|e| unfit("threads", &e))
}

/// Makes the pool for exchanges: while they are short, a few threads serve them all.
fn senders(cores: usize) -> Result<Pool, Event> {
    Pool::patient("sender", cores.max(2) * 2, SENDERS_MAX, SENDER_STACK)
        .map_err(|e| unfit("threads", &e))
}

/// How many clients may be connected: what is free of the files, in part.
fn connections_max(files_max: usize) -> usize {
    let used = fs::read_dir("/proc/self/fd").map_or(64, Iterator::count);
    let share = files_max.saturating_sub(used).saturating_mul(CONNECTIONS_SHARE) / 100;
    share.clamp(1, THREADED_CONNECTIONS_MAX)
}

fn read_config(log: &Log, options: &Options) -> Result<config::Config, Event> {
    let text = match &options.config_file {
        None => config::default_text().as_bytes().to_vec(),
        Some(file) => {
            log.write(&Event::ConfigurationLoading { file: file.clone() });
            files::read(file)
                .map_err(|err| Event::ConfigurationFailed { file: file.clone(), err })?
        }
    };
    let failed = |err| Event::ConfigurationFailed {
        file: options.config_file.clone().unwrap_or_default(),
        err,
    };
    let config = load_config(&text, options).map_err(|e| failed(e.to_string()))?;
    if config.templates.is_some() {
        return Ok(config);
    }
    let files = trust::gather(&config.needs()).map_err(failed)?;
    config.complete(&files).map_err(|e| failed(e.to_string()))
}

type Listeners = Vec<(TcpListener, String)>;

fn watch(options: &Options, clock: Clock, log: Log) -> Result<Option<Watch>, Event> {
    let Some(file) = &options.web_config_file else { return Ok(None) };
    let failed = |err| Event::ListenFailed { address: "--web.config.file".into(), err };
    Watch::open(file, false, clock, log).map(Some).map_err(failed)
}

fn bind(options: &Options) -> Result<Listeners, Event> {
    let open = |listener: TcpListener| {
        let bound = listener.local_addr()?.to_string();
        Ok((listener, bound))
    };
    if options.web_systemd_socket {
        let address = "--web.systemd-socket";
        let failed = |err| Event::ListenFailed { address: address.into(), err };
        let handed = handed::listeners().map_err(failed)?.into_iter();
        return handed.map(|it| open(it).map_err(|e: io::Error| unfit(address, &e))).collect();
    }
    let listeners = options.web_listen_addresses.iter().map(|address| {
        listen::bind(address).and_then(open).map_err(|e: io::Error| unfit(address, &e))
    });
    listeners.collect()
}

fn external_url(options: &Options, listeners: &Listeners) -> Result<ExternalUrl, Event> {
    let first = listeners.first().and_then(|(listener, _)| listener.local_addr().ok());
    let port = first.map_or(0, |address| address.port());
    cli::resolve_external_url(options, &process::hostname(), port)
        .map_err(|err| Event::ListenFailed { address: "--web.external-url".into(), err })
}

fn unfit(what: &str, e: &io::Error) -> Event {
    Event::ListenFailed { address: what.into(), err: e.to_string() }
}
