//! Every bound of the product, with the reason for its size and what happens at it.

/// Most words of a command line, those from `@file` arguments included. A file that names itself
/// would expand without end; parsing fails at the bound.
pub const CLI_ARGUMENTS_MAX: usize = 10_000;

/// The longest text, in bytes, that the matcher parsers read; a longer one is an error. Far above
/// what people write, and low enough that one request cannot keep the node parsing.
pub const MATCHERS_BYTES: usize = 256 * 1024;

/// Most values of one metric label whose values clients choose (alert names, group keys). A scrape
/// stays below a few megabytes; what comes beyond is counted under one shared value.
pub const METRIC_LABEL_VALUES_MAX: usize = 10_000;

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
