//! campana on smol and hyper: puts the pieces together and ends in order.

mod body;
mod caught;
mod clock;
mod dial;
mod exchange;
mod files;
mod gossip;
mod handed;
mod listen;
mod log;
mod node;
mod pace;
mod pack;
mod process;
mod serve;
mod signal;
mod storage;
mod tls;
mod trust;
mod web;
mod wire;

use std::{
    env, fs,
    future::Future,
    io::{self, Write as _},
    net::TcpListener,
    process::ExitCode,
    sync::{Arc, Mutex, OnceLock, atomic::AtomicUsize},
    thread,
    time::{Duration, Instant},
};

use async_io::{Async, Timer};
use campana_core::{
    api::Site,
    cli::{self, ExternalUrl, Invocation, Options},
    config,
    event::Event,
    limits::{CONNECTIONS_MAX, CONNECTIONS_SHARE, LARGE_BODIES_MAX, SHUTDOWN_GRACE},
    metrics::Traffic,
    node::{Node, Start, load_config},
    rng::Seed,
};
use smol::{Executor, channel, future, lock::Semaphore};

use crate::{
    body::Spare,
    caught::caught,
    clock::Clock,
    dial::Mailer,
    exchange::Client,
    gossip::Gossip,
    listen::Hall,
    log::Log,
    node::{Hands, Mailbox},
    serve::Door,
    storage::Writer,
    web::Watch,
};

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
    let (sockets, gossip) = gossip::open(&log, &options)?.unzip();
    let patience = options.cluster.tcp_timeout;
    let external_url = external_url(&options, &listeners)?;
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
    let (executor, compute) = (workers(cores, "io", true)?, workers(cores, "compute", false)?);
    let mailbox: &'static Mailbox = leak(Mailbox::new());
    let door: &'static Door = leak(Door {
        site: Site::new(&options, &external_url, cores),
        mailbox,
        executor,
        compute,
        log,
        traffic: Mutex::new(Traffic::new(options.get_concurrency(cores))),
        large_bodies: Semaphore::new(LARGE_BODIES_MAX),
        watch,
        proofs: Semaphore::new(1),
        spare: Spare::default(),
    });
    let (stop, stopping) = channel::bounded::<()>(1);
    let hall: &'static Hall = leak(Hall {
        door,
        connections_max: CONNECTIONS_MAX.min(files_max.saturating_mul(CONNECTIONS_SHARE) / 100),
        open: AtomicUsize::new(0),
        stop: stopping,
    });
    let (alive, gone) = channel::bounded::<()>(1);
    let first = listeners.first().map_or_else(String::new, |(_, address)| address.clone());
    for (listener, address) in listeners {
        executor.spawn(listen::accept(hall, listener, alive.clone())).detach();
        log.write(&Event::Listening { address: address.clone() });
        log.write(&Watch::listening(watch, address));
    }
    drop(alive);
    if options.config_file.is_none() {
        log.welcome(&cli::welcome(&first, &external_url));
    }
    let asked: &'static OnceLock<Instant> = leak(OnceLock::new());
    let on_signal = move || {
        stop.close();
        asked.get_or_init(Instant::now);
    };
    executor.spawn(async move { signal::pass(signals, mailbox, &log, on_signal).await }).detach();

    let gossip = sockets.map(|it| Gossip::new(executor, mailbox, it, patience)).transpose();
    let gossip = gossip.map_err(|e| unfit("--cluster.listen-address", &e))?;
    let gossip: Option<&'static Gossip> = gossip.map(|it| leak(it) as _);
    gossip.inspect(|gossip| gossip.start());
    let journal = Writer::start(&options.storage_path, |input| mailbox.push(input));
    let hands = Hands {
        journal: journal.map_err(|e| unfit("threads", &e))?,
        executor,
        compute,
        mailbox,
        client: leak(Client::new(executor, options.egress.clone())),
        mailer: leak(Mailer::new(options.egress.clone())),
        gossip,
        clock,
        log,
        storage: options.storage_path.as_str().into(),
    };
    node::run(node, &hands);
    hands.journal.finish();
    if let Some(gossip) = gossip {
        async_io::block_on(gossip.finish());
    }
    mailbox.close();
    let asked = *asked.get_or_init(Instant::now);
    let cut = SHUTDOWN_GRACE.saturating_sub(asked.elapsed()).max(Duration::from_millis(100));
    let finished = async { gone.recv().await.is_err() };
    let late = async {
        Timer::after(cut).await;
        false
    };
    if !async_io::block_on(future::or(finished, late)) {
        let requests = hall.open.load(std::sync::atomic::Ordering::Relaxed) as u64;
        log.write(&Event::ShutdownCut { sends: 0, requests });
    }
    log.write(&Event::Stopped { duration: asked.elapsed() });
    Ok(())
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

fn watch(options: &Options, clock: Clock, log: Log) -> Result<Option<&'static Watch>, Event> {
    let Some(file) = &options.web_config_file else { return Ok(None) };
    let watch = Watch::open(file, true, clock, log);
    let failed = |err| Event::ListenFailed { address: "--web.config.file".into(), err };
    watch.map(|watch| Some(leak(watch) as _)).map_err(failed)
}

type Listeners = Vec<(Async<TcpListener>, String)>;

fn bind(options: &Options) -> Result<Listeners, Event> {
    let open = |listener: TcpListener| {
        let listener = Async::new(listener)?;
        let bound = listener.get_ref().local_addr()?.to_string();
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
    let first = listeners.first().and_then(|(listener, _)| listener.get_ref().local_addr().ok());
    let port = first.map_or(0, |address| address.port());
    cli::resolve_external_url(options, &process::hostname(), port)
        .map_err(|err| Event::ListenFailed { address: "--web.external-url".into(), err })
}

fn unfit(what: &str, e: &io::Error) -> Event {
    Event::ListenFailed { address: what.into(), err: e.to_string() }
}

/// Starts threads that run tasks. At least two, so that one long task does not stop everything.
fn workers(
    cores: usize,
    name: &str,
    with_reactor: bool,
) -> Result<&'static Executor<'static>, Event> {
    let executor: &'static Executor<'static> = leak(Executor::new());
    for _ in 0..cores.max(2) {
        let work = move || {
            // A task that panics was reported by the hook; its thread goes on with the others.
            while caught(|| block_on(executor.run(future::pending::<()>()), with_reactor)).is_err()
            {
            }
        };
        let builder = thread::Builder::new().name(format!("campana-{name}"));
        builder.spawn(work).map_err(|e| unfit("threads", &e))?;
    }
    Ok(executor)
}

fn block_on<T>(future: impl Future<Output = T>, with_reactor: bool) -> T {
    if with_reactor { async_io::block_on(future) } else { future::block_on(future) }
}

/// What lives as long as the process.
fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}
