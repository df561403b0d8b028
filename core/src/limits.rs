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
