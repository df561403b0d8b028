//! Every bound of the product, with the reason for its size and what happens at it.

mod events;

use core::time::Duration;

pub use self::events::*;

/// Most words of a command line, those from `@file` arguments included. A file that names itself
/// would expand without end; parsing fails at the bound.
pub const CLI_ARGUMENTS_MAX: usize = 10_000;

/// The longest text, in bytes, that the matcher parsers read; a longer one is an error. Far above
/// what people write, and low enough that one request cannot keep the node parsing.
pub const MATCHERS_BYTES: usize = 256 * 1024;

/// Most values of one metric label whose values clients choose (alert names, group keys). A scrape
/// stays below a few megabytes; what comes beyond is counted under one shared value.
pub const METRIC_LABEL_VALUES_MAX: usize = 10_000;

/// Bytes of a body of `POST /api/v2/alerts`. Prometheus posts 64 to 256 alerts at once, a few
/// hundred kilobytes; beyond the limit the answer is 413.
pub const ALERTS_BODY_MAX: usize = 32 << 20;

/// Alerts of one request. The owner of the node takes them in one go, at about a microsecond each;
/// beyond the limit the answer is 413.
pub const ALERTS_PER_POST_MAX: usize = 50_000;

/// Labels, and annotations, of one posted alert or silence. Looking a label up takes time that
/// follows their number; an alert with more is refused.
pub const LABELS_PER_ALERT_MAX: usize = 1000;

/// Bytes of a body of `POST /api/v2/silences`; beyond the limit the answer is 413.
pub const SILENCE_BODY_MAX: usize = 1 << 20;

/// Matchers of one posted silence; one with more is refused.
pub const MATCHERS_PER_SILENCE_MAX: usize = 1000;

/// Bytes of a body that nobody looks at, as one sent with GET; beyond the limit the answer is 413.
pub const OTHER_BODY_MAX: usize = 64 << 10;

/// Nesting of a JSON body. What is asked for is four levels deep; a deeper body is refused before
/// it can exhaust the stack.
pub const JSON_DEPTH_MAX: usize = 64;

/// Matchers in one parameter of a GET request; one with more is refused.
pub const FILTERS_MAX: usize = 100;

// Configuration. The bounds keep a hostile or broken file from taking the memory of the process
// that reloads it; at each of them the file is refused and the running configuration stays.

/// Bytes of a configuration file. A file of 20,000 routes has under 3 MB.
pub const CONFIG_BYTES_MAX: usize = 16 << 20;
/// Levels of nested lists and maps in a configuration, aliases followed. The deepest sensible
/// routing trees use two levels a route and stay below ten routes.
pub const CONFIG_DEPTH_MAX: usize = 256;
/// Values in a configuration as written. Above what real files of the greatest size hold.
pub const CONFIG_NODES_MAX: usize = 2_000_000;
/// Values that aliases and merge keys may add to a configuration: stops files that double
/// themselves from line to line.
pub const CONFIG_ALIAS_NODES_MAX: usize = 250_000;
/// Problems shown for one configuration; the rest is counted.
pub const CONFIG_PROBLEMS_MAX: usize = 100;

/// Longest regular expression in bytes. The largest seen in use list a few thousand host names
/// (under 100 KiB); the parse of this many bytes stays within tens of milliseconds. Longer ones
/// are refused.
pub const REGEX_BYTES_MAX: usize = 256 << 10;

/// Deepest nesting of a regular expression, as in Go. Deeper ones are refused.
pub const REGEX_DEPTH_MAX: u32 = 1000;

/// Deepest nesting of a regular expression that has to run in the engine. Its compiler calls itself
/// for each level: this many take 0.2 MB of stack, 1.6 MB without optimization, and threads have
/// 2 MB. Deeper ones are refused, which Go would accept up to its own bound above.
pub const REGEX_ENGINE_DEPTH_MAX: u32 = 128;

/// Largest repeat count of a regular expression, alone or as the product of nested ones, as in Go.
pub const REGEX_REPEAT_MAX: u32 = 1000;

/// Budget for the character classes of one regular expression, counted in ranges: about 700 times
/// `\pL`, 4 MB. An expression that needs more is refused.
pub const REGEX_CLASS_RANGES_MAX: usize = 500_000;

/// Memory one compiled regular expression may take for its automaton, in bytes. It allows some
/// hundred thousand states; an expression that needs more is refused.
pub const REGEX_NFA_BYTES_MAX: usize = 10 << 20;

/// Most literals that a regular expression is compared with directly; with more it runs in the
/// engine, where the cost no longer grows with their number.
pub const REGEX_WORDS_MAX: usize = 1024;

/// Most bytes of all those literals together, for the same reason.
pub const REGEX_WORD_BYTES_MAX: usize = 64 << 10;

/// Most literals a regular expression offers to an index; with more it counts as a pattern, since
/// every literal costs an index entry.
pub const REGEX_LITERALS_MAX: usize = 64;

/// Longest literal prefix in bytes that is worked out for a regular expression; a longer one is
/// cut, which only makes an index a little less selective.
pub const REGEX_PREFIX_BYTES_MAX: usize = 256;

/// Bytes of a receiver's answer that are kept for its error text and classification; the rest is
/// read and dropped, so that the connection can be used again.
pub const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Deliveries of one receiver that may be under way at once; further ones wait in line. Enough to
/// hide a receiver's latency, few enough that a hanging one cannot take every connection.
pub const RECEIVER_SENDS_MAX: usize = 64;

/// Bytes of a receiver's answer that an error text shows; the rest is replaced by an ellipsis. An
/// answer explains itself at its start, and the text is kept per delivery and printed.
pub const ERROR_DETAIL_BYTES_MAX: usize = 1024;

/// The longest wait that a receiver's `Retry-After` can ask for; a longer one is cut to it. Longer
/// than a receiver's usual rate window, short enough that a wrong date cannot silence a receiver.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(600);

/// Alerts that one line of the `log` integration shows; the line says how many more there are.
pub const LOG_ALERTS_MAX: usize = 10;

/// Bytes of one alert's labels that a line of the `log` integration shows; the rest is replaced by
/// an ellipsis.
pub const LOG_LABELS_BYTES_MAX: usize = 512;

/// Inputs from clients that may wait for the owner of the node; further clients wait for room. At
/// the owner's pace this is a few milliseconds of work, and memory for as many decoded requests.
pub const MAILBOX_MAX: usize = 1024;

/// Pairs of routes with the same parent that advice on a configuration compares; what comes after
/// them gets no advice on being reached. Enough for 600 routes side by side.
pub const ADVICE_PAIRS_MAX: usize = 200_000;

/// Bytes of a file that a receiver or the configuration names; a larger one is an error. Fits the
/// largest configuration.
pub const FILE_BYTES_MAX: usize = CONFIG_BYTES_MAX;

/// Connections of clients that may be open at once; further ones are closed at once. Above what a
/// large installation has, and at most some hundred megabytes of buffers. Where the process may
/// open few files, a share of those is the limit; see [`CONNECTIONS_SHARE`].
pub const CONNECTIONS_MAX: usize = 8192;

/// The part of the files the process may open that connections of clients may take, in percent;
/// the rest is for receivers and files, so that a flood of clients cannot stop notifications.
pub const CONNECTIONS_SHARE: usize = 70;

/// Connections that wait in the kernel to be accepted; further ones are retried by their clients.
pub const ACCEPT_BACKLOG: i32 = 1024;

/// How long accepting pauses when the system has no descriptors or memory left, so that the log
/// and a processor are not flooded meanwhile.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Bytes of a request's head; a larger one is refused with 431. Browsers and proxies stay below.
pub const HEADER_BYTES_MAX: usize = 64 * 1024;

/// Header lines of a request; more are refused with 431. What hyper takes by default.
pub const HEADERS_MAX: usize = 100;

/// How long a client may take to send a request's head before the connection is closed.
pub const HEADER_WAIT: Duration = Duration::from_secs(10);

/// How long a connection may stay idle between requests. Longer than the minute in which clients
/// repeat their alerts, so that they keep their connection.
pub const IDLE_WAIT: Duration = Duration::from_secs(180);

/// How long a client may take to send a request's body before the connection is closed.
pub const BODY_WAIT: Duration = Duration::from_secs(30);

/// How long a client may leave an answer untouched before the connection is closed.
pub const WRITE_WAIT: Duration = Duration::from_secs(30);

/// Bytes of an answer that are written at once, if it is a list; then they are sent. Few enough to
/// stay in the processor's cache from the writer to the socket, and enough to make the change
/// between the two cheap.
pub const ANSWER_PIECE_BYTES: usize = 64 * 1024;

/// Pieces of an answer that a thread with several connections writes before it looks after the
/// others: half a millisecond.
pub const ANSWER_TURN_PIECES: usize = 8;

/// How long what is left of a refused body is still read, so that the client sees the answer
/// instead of a broken connection.
pub const REFUSED_BODY_WAIT: Duration = Duration::from_millis(500);

/// Bodies above this many bytes count as large: they are decoded where long computations run.
pub const LARGE_BODY_BYTES: usize = 64 * 1024;

/// As many bytes are set aside for a body before its first ones come: a post of 64 usual alerts.
pub const USUAL_BODY_BYTES: usize = 64 * 1024;

/// Large bodies held at once; further ones wait before they are read. Bounds the memory that
/// requests can take together.
pub const LARGE_BODIES_MAX: usize = 8;

/// Bytes of a receiver's answer that are read at all; the connection to a receiver that sends more
/// is closed.
pub const ANSWER_DRAIN_MAX: usize = 256 * 1024;

/// Redirects followed for one request; one more is an error.
pub const REDIRECTS_MAX: usize = 10;

/// Bytes of a proxy's answer to `CONNECT` at most; it holds nothing of use but its first line. A
/// longer one counts as a refusal.
pub const PROXY_HEAD_BYTES_MAX: usize = 16 * 1024;

/// How long one address of a receiver may take to accept a connection, and TLS to be agreed.
pub const CONNECT_WAIT: Duration = Duration::from_secs(10);

/// Idle connections to receivers that are kept for further notifications; the oldest are closed.
pub const IDLE_SENDS_MAX: usize = 128;

/// How long an idle connection to a receiver is kept.
pub const IDLE_SEND_AGE: Duration = Duration::from_secs(300);

/// Inputs taken in one turn of the loop. At about a microsecond per refreshed alert and 64 alerts
/// per request this keeps a turn below some ten milliseconds, so timers stay close to their time.
pub const INPUTS_PER_TURN_MAX: usize = 128;

/// Light pieces of work that the owner runs itself in one turn: at 10 to 20 microseconds each it
/// keeps inputs waiting for some milliseconds at most.
pub const LIGHT_WORK_PER_TURN_MAX: usize = 256;

/// The most alerts, and bytes of their labels and annotations, that a light notification has.
pub const LIGHT_ALERTS_MAX: usize = 16;
/// See [`LIGHT_ALERTS_MAX`].
pub const LIGHT_ALERT_BYTES_MAX: usize = 16 << 10;

/// The longest answer of a receiver that is read in passing.
pub const LIGHT_ANSWER_BYTES_MAX: usize = 16 << 10;

/// Groups flushed in one call. What is left over makes the deadline "now", so that inputs get
/// their turn between two helpings of a burst.
pub const FLUSHES_PER_CALL_MAX: usize = 256;

/// How soon a checkpoint is tried again after it could not be written, as on a full disk. Nothing
/// is lost in memory meanwhile; each failure is an error in the log.
pub const CHECKPOINT_RETRY: Duration = Duration::from_secs(10);

/// Time between two syncs of what need not be synced at once. What a host loses when its power
/// fails; the same as databases lose that are told to sync every second.
pub const JOURNAL_SYNC_INTERVAL: Duration = Duration::from_secs(1);

/// How long the disk may take for one append before the journal counts as broken, so that replies
/// do not wait for ever for a disk that hangs.
pub const JOURNAL_PATIENCE: Duration = Duration::from_secs(10);

/// How soon a checkpoint is begun after an append failed: what was gathered is not on disk, and
/// only a checkpoint brings the journal back.
pub const JOURNAL_RETRY: Duration = Duration::from_secs(1);

/// Bytes of changes that may gather while the disk is busy; beyond, the journal counts as broken
/// until a checkpoint, which is smaller than as many changes, has been written.
pub const JOURNAL_PENDING_BYTES_MAX: usize = 64 << 20;

/// Bytes of the buffer for changes that are kept between two appends.
pub const JOURNAL_BUFFER_BYTES_KEPT: usize = 256 << 10;

/// How many times the length of a file is read at most in search of a good block after a bad one.
pub const JOURNAL_SCAN_FACTOR: usize = 64;

/// How long a shutdown waits for notifications under way before it gives them up. Alertmanager's
/// budget for the same.
pub const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);

/// The least time a flush has for its notifications, whatever its group interval. Alertmanager's
/// value.
pub const FLUSH_TIME_MIN: Duration = Duration::from_secs(10);

/// The least time that a first attempt must have before its flush ends, where peers had their turn
/// before; with less, the next flush makes it.
pub const FIRST_ATTEMPT_TIME_MIN: Duration = Duration::from_secs(2);

/// Bytes of bodies that the threaded runtime holds for clients at once; further requests are
/// refused with 503, and further answers are streamed.
pub const BODIES_BYTES_MAX: usize = 64 << 20;

/// Connections of clients that the threaded runtime keeps open at once, each of which costs it a
/// small thread. At the limit the one that idled longest gives way.
pub const THREADED_CONNECTIONS_MAX: usize = 256;

/// Exchanges with receivers that the threaded runtime has under way at once, each on a thread of
/// its own while it lasts; further ones wait in line, and their deadlines go on.
pub const SENDERS_MAX: usize = 64;

// Gossip. Whoever can reach the cluster port can send anything there; these bounds keep one packet
// or stream from costing more memory than the largest honest one. What is beyond is refused, and
// the packet or the stream is dropped.

/// Bytes of a packet that campana sends, the checksum not counted, as in Alertmanager; fits the
/// usual 1500 of an Ethernet frame.
pub const GOSSIP_PACKET_BYTES: usize = 1400;

/// Bytes that may come out of one received packet, all layers of compression added up. Peers pack
/// [`GOSSIP_PACKET_BYTES`] at most, so this only stops bombs.
pub const GOSSIP_UNPACKED_BYTES_MAX: usize = 256 << 10;

/// Layers of compounds and compression in one packet. Peers use two.
pub const GOSSIP_NESTING_MAX: u32 = 4;

/// Bytes of a member's name. Above any host name.
pub const GOSSIP_NAME_BYTES_MAX: usize = 1024;

/// Bytes of a member's metadata: memberlist's own bound.
pub const GOSSIP_META_BYTES_MAX: usize = 512;

/// Bytes of one structure on a stream, as a member or a header; fits the longest name and metadata
/// and fields that we do not know.
pub const GOSSIP_STRUCT_BYTES_MAX: usize = 8 << 10;

/// Bytes of an error text on a stream; a longer one is refused.
pub const GOSSIP_ERROR_BYTES_MAX: usize = 4 << 10;

/// Members in one exchange of state. Far above a cluster of alert managers; memberlist itself
/// allows a million.
pub const GOSSIP_NODES_MAX: usize = 10_000;

/// Bytes of the application's state in one exchange, and of one user message on a stream, as in
/// memberlist from Alertmanager 0.34 on.
pub const GOSSIP_STATE_BYTES_MAX: usize = 20 << 20;

/// Bytes that may come out of a compressed stream: the state, and the members beside it.
pub const GOSSIP_STREAM_BYTES_MAX: usize = 24 << 20;

/// Bytes of a compressed stream. The compression can grow what it packs by a half.
pub const GOSSIP_PACKED_BYTES_MAX: usize = 36 << 20;

/// Bytes of one frame of the TLS transport. A frame holds one packet; the rest is names.
pub const GOSSIP_FRAME_BYTES_MAX: usize = 128 << 10;

/// Bytes of one record of a peer's state or a state file, as in Alertmanager; a larger one is
/// refused.
pub const MESH_RECORD_BYTES_MAX: usize = 4 << 20;

/// Matchers, annotations and the like that one such record may have: an empty one takes two bytes
/// on the wire and many times that in memory.
pub const MESH_ITEMS_MAX: usize = 50_000;

/// Members of the gossip cluster, the dead not yet forgotten included. Strangers beyond are not
/// believed; as many as fit in one full exchange.
pub const GOSSIP_MEMBERS_MAX: usize = GOSSIP_NODES_MAX;

/// Missing peers that are remembered and tried again; beyond, the one missing longest is forgotten.
/// Bounds what a stranger that comes and goes for ever can leave behind.
pub const GOSSIP_FAILED_PEERS_MAX: usize = 1024;

/// Pings relayed for others at once; further requests are dropped, and the asking member counts the
/// missing word against itself. Three a second and member is the most that healthy members ask.
pub const GOSSIP_RELAYS_MAX: usize = 4096;

/// Members of a cluster up to which every member is told each record directly, as most clusters of
/// alert managers are; above, a few at random are, and pass it on.
pub const GOSSIP_TELLS_ALL_MAX: usize = 8;

/// Records that wait to be gossiped in packets. The queue is cut to it every 15 minutes, as
/// Alertmanager does; records of others beyond it are not passed on, and arrive by full exchange.
pub const GOSSIP_QUEUE_MAX: usize = 4096;

/// Records of a full exchange that are passed on; what the other members still miss beyond that
/// they get by their own exchanges. Keeps a joining node from repeating all it learned.
pub const GOSSIP_FULL_STATE_RELAYS_MAX: usize = 128;

/// Bytes of records that wait to go to members by stream, for each key; beyond, the oldest are
/// dropped and arrive by full exchange. A storm of 50,000 notifications fits.
pub const GOSSIP_BULK_BYTES_MAX: usize = 16 << 20;

/// Bytes of records in one stream; what is more waits for the next. Far below what any receiver
/// takes (20 MiB), and large enough that a storm of 5,000 notifications fits in one.
pub const GOSSIP_BULK_MESSAGE_BYTES: usize = 1 << 20;

/// Streams of records open at once; members beyond wait for their turn.
pub const GOSSIP_BULK_STREAMS_MAX: usize = 64;

/// Full exchanges that this node has open at once; further peers wait to be called.
pub const GOSSIP_DIALS_MAX: usize = 16;

/// Streams of gossip that peers may have open at once; further ones are closed at once.
pub const GOSSIP_STREAMS_MAX: usize = 512;

/// Full exchanges that are answered at once, as in memberlist; further ones are closed.
pub const GOSSIP_ANSWERS_MAX: usize = 128;

/// Topics of gossip that were told to the log in the last minutes and are not told again; what
/// comes beyond is only counted.
pub const GOSSIP_NAMES_TOLD_MAX: usize = 256;

/// Connections that carry gossip packets with TLS, in each direction, as in Alertmanager. Of more
/// peers the one not written to for longest loses its connection.
pub const GOSSIP_PIPES_MAX: usize = 1024;

/// Packets that wait for such a connection to open; further ones are dropped, as UDP may.
pub const GOSSIP_PIPE_PACKETS_MAX: usize = 64;

/// Packets and pieces of streams from peers that may wait for the owner of the node. Further
/// packets are lost, further pieces wait; room of their own keeps clients from drowning the peers'
/// probes.
pub const GOSSIP_MAILBOX_MAX: usize = 1024;

/// Writes that wait for one stream of gossip. A full exchange is one or two of them, and what
/// waited for a connection to open comes all at once; a peer that lets more wait does not read.
pub const GOSSIP_WRITES_MAX: usize = 4 * GOSSIP_PIPE_PACKETS_MAX;

/// Sockets of streams that peers opened, those included that the node has closed and that the peer
/// has not.
pub const GOSSIP_SOCKETS_MAX: usize = 2 * GOSSIP_STREAMS_MAX + GOSSIP_PIPES_MAX;

/// How long a closed stream waits for the peer to close it too: resetting it at once could cost the
/// peer what it has not read yet.
pub const GOSSIP_LINGER: Duration = Duration::from_secs(1);

/// Bytes of gossiped records that are decoded at once; more are decoded elsewhere, so that a large
/// state does not hold up the node.
pub const GOSSIP_INLINE_BYTES_MAX: usize = 16 << 10;

/// Claims of peers that are kept; beyond it new ones are not heard, which costs at most a
/// notification sent twice.
pub const CLAIMS_MAX: usize = 100_000;

/// Peers whose claims to one delivery are kept; of more than a few only the first matter.
pub const CLAIMANTS_MAX: usize = 32;

/// When the first in line claims a delivery that has not ended: most end before, and cost nothing.
pub const CLAIM_DELAY: Duration = Duration::from_millis(100);

/// How long everybody else waits between a claim and the first attempt: long enough that what the
/// first in line began before it heard the claim is heard here, which takes [`CLAIM_DELAY`] and two
/// gossip ticks of 200 ms on a network that is not worse than slow.
pub const CLAIM_PAUSE: Duration = Duration::from_secs(1);

/// How far a peer's clock may be ahead for its timestamps to be compared with ours; beyond, its
/// news counts, and what came before or after it is not known.
pub const CLOCK_SKEW_MAX: Duration = Duration::from_secs(60);

/// The longest a peer's claim counts, whatever it says.
pub const CLAIM_LIFE_MAX: Duration = Duration::from_secs(120);

/// How long a node that ends waits for its peers to learn that it leaves. Alertmanager's value.
pub const LEAVE_WAIT: Duration = Duration::from_secs(10);

// Templates. Users write them, and a mistake in one must not stop the process; each bound makes the
// rendering, or the loading, fail with an error that names it.

/// Bytes of one source of templates. The default templates together are 30 kilobytes.
pub const TEMPLATE_BYTES_MAX: usize = 4 << 20;

/// Blocks and parentheses nested in a template's text, `else if` counting as one. Reading them
/// recurses.
pub const TEMPLATE_NESTING_MAX: usize = 200;

/// Templates, blocks and parentheses nested in each other while a template runs, which recurses.
/// Go's own bound of 100000 relies on stacks that grow.
pub const TEMPLATE_DEPTH_MAX: usize = 400;

/// Steps of one rendering: a notification about 10000 alerts with 50 labels each takes about two
/// million.
pub const TEMPLATE_STEPS_MAX: u64 = 10_000_000;

/// Steps of one label of a route, which is rendered on the node's own thread: some milliseconds.
/// The label is left out.
pub const ROUTE_LABEL_STEPS_MAX: u64 = 20_000;

/// Bytes of one label of a route. A label over it is left out.
pub const ROUTE_LABEL_BYTES_MAX: usize = 16 * 1024;

/// Labels of a route that may wait for one another. The one beyond is left out.
pub const ROUTE_LABEL_DEPTH_MAX: usize = 8;

/// Bytes of one rendering, and of any text on the way to it. The largest thing an integration takes
/// is a mail of some megabytes.
pub const TEMPLATE_OUTPUT_MAX: usize = 16 << 20;

/// Nesting of the lists and maps that a template builds. Printing and dropping them recurses.
pub const TEMPLATE_VALUE_DEPTH_MAX: u16 = 100;

/// The most requests of one attempt: the longest conversation, Jira's, has four.
pub const ATTEMPT_REQUESTS_MAX: usize = 12;

/// Groups and notifications that the answer to a rehearsed reload lists of each kind.
pub const REHEARSAL_ITEMS_MAX: usize = 1000;

/// Users of the web side: each is a line of a file that a person writes.
pub const WEB_USERS_MAX: usize = 1000;

/// The largest burst of a rate limit.
pub const WEB_RATE_BURST_MAX: u64 = 1_000_000;

/// Passwords of the web side that are remembered as right.
pub const WEB_PROOFS_MAX: usize = 100;

/// Passwords of the web side that wait to be checked, one after the other; further ones are refused
/// with 503. At the usual cost the last of them waits five seconds.
pub const WEB_PROOFS_OPEN_MAX: usize = 64;

/// How often the web side's file, and what it names, is read again at most; only when a request or
/// a connection comes.
pub const WEB_LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Requests at once on one connection of HTTP/2; further ones wait.
pub const HTTP2_STREAMS_MAX: u32 = 100;

/// Bytes of bodies on one connection of HTTP/2 that arrive before anybody reads them.
pub const HTTP2_WINDOW_BYTES: u32 = 256 << 10;

/// Sockets that a service manager may hand over.
pub const HANDED_SOCKETS_MAX: u32 = 64;

// Mail servers.

/// Bytes of one reply of a mail server, all its lines together; a longer one ends the session. The
/// longest honest ones, lists of extensions, have some hundred bytes.
pub const SMTP_REPLY_BYTES_MAX: usize = 32 << 10;

/// How long a mail server may take to answer a command: the least that RFC 5321 asks clients for.
/// The notification's own deadline mostly comes first.
pub const SMTP_REPLY_WAIT: Duration = Duration::from_secs(300);

/// How long a mail server may take to accept a mail, likewise.
pub const SMTP_ACCEPT_WAIT: Duration = Duration::from_secs(600);

/// How long a mail server that has accepted a mail may take to say goodbye; nothing depends on it.
pub const SMTP_FAREWELL_WAIT: Duration = Duration::from_secs(2);

/// Addresses in one list of recipients; more are an error. Mail servers mostly take a hundred.
pub const MAIL_ADDRESSES_MAX: usize = 1000;

/// Comments nested in a mail address. Reading them counts only, but no honest one nests.
pub const MAIL_COMMENTS_MAX: usize = 50;
/// Decisions that are remembered for explanations: about 150 bytes each.
pub const TRAIL_RECORDS_MAX: usize = 4096;

/// Groups on one page of alerts.
pub const PAGE_GROUPS_MAX: usize = 30;

/// Alerts on one page, of all its groups together, about 1.7 kB each. The rest is a click away,
/// group by group, in pages of as many.
pub const PAGE_ALERTS_MAX: usize = 40;

/// Bytes of a page of groups, without its frame: with that and the files it loads the page stays
/// below 150 kB. Groups are always there; alerts as long as there is room.
pub const PAGE_LIST_BYTES_MAX: usize = 75_000;

/// Alerts of one group on a page with others.
pub const PAGE_GROUP_ALERTS_MAX: usize = 10;

/// On a page with at most this many alerts, groups are open at first.
pub const PAGE_OPEN_ALERTS_MAX: usize = 30;

/// Labels and annotations of an alert in lists; the page of the alert has all of them.
pub const CHIPS_MAX: usize = 24;

/// Characters of a label's name or value in lists.
pub const CHIP_TEXT_MAX: usize = 120;

/// Bytes of a matcher that a label in a list links to: a longer one makes no sensible address.
pub const CHIP_LINK_MAX: usize = 600;

/// Characters of an annotation in lists.
pub const ANNOTATION_TEXT_MAX: usize = 600;

/// Silences on one page.
pub const PAGE_SILENCES_MAX: usize = 50;

/// Alerts in a preview.
pub const PREVIEW_ALERTS_MAX: usize = 20;

/// Texts offered while somebody types a filter.
pub const COMPLETIONS_MAX: usize = 20;

/// Routes that a picture of the tree shows: more would be no picture.
pub const PICTURE_ROUTES_MAX: usize = 500;

/// Decisions shown about one alert.
pub const EXPLAINED_RECORDS_MAX: usize = 200;

/// Spans that wait for their export; the oldest are dropped beyond. As the original's library.
pub const SPANS_WAITING_MAX: usize = 2048;

/// Spans of one export, which goes out when as many wait. As the original's library.
pub const SPANS_PER_EXPORT_MAX: usize = 512;

/// How long spans wait for others before they are exported. As the original's library.
pub const SPAN_WAIT: Duration = Duration::from_secs(5);

/// How long a shutdown waits for spans that are still to be exported. Alertmanager's budget.
pub const SPAN_DRAIN: Duration = Duration::from_secs(5);

/// Bytes that a server may say during one gRPC call, whose answer is empty where all is well; more
/// ends the call.
pub const GRPC_ANSWER_MAX: usize = 1 << 20;

/// Bytes of the header lines of an answer to a gRPC call; more ends it.
pub const GRPC_HEADERS_MAX: usize = 32 << 10;

/// How long a gRPC call waits for the next word of the server. Its own deadline is shorter.
pub const GRPC_WAIT: Duration = Duration::from_secs(120);
