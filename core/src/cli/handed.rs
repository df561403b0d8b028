//! Sockets that a service manager hands over when it starts the process.

use alloc::{format, string::String};
use core::ops::Range;

use crate::limits::HANDED_SOCKETS_MAX;

/// The first file that is handed over.
const FIRST: i32 = 3;

/// Returns the numbers of the files that are handed over, from the variables `LISTEN_PID` and
/// `LISTEN_FDS` that tell them to the process `pid`.
///
/// # Errors
/// That there are none, or that the variables mean another process.
pub fn handed_over(
    pid: i32,
    listen_pid: Option<&str>,
    listen_fds: Option<&str>,
) -> Result<Range<i32>, String> {
    let none = "no socket activation file descriptors found";
    let (Some(meant), Some(count)) = (listen_pid, listen_fds) else { return Err(none.into()) };
    if meant.parse() != Ok(pid) {
        return Err(format!("{none}: LISTEN_PID is not this process"));
    }
    match count.parse::<u32>() {
        Ok(0) => Err(none.into()),
        Ok(count) if count <= HANDED_SOCKETS_MAX => Ok(FIRST..FIRST.saturating_add_unsigned(count)),
        _ => Err(format!("{none}: LISTEN_FDS must be a number up to {HANDED_SOCKETS_MAX}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_meant_for_this_process_is_taken() {
        assert_eq!(handed_over(7, Some("7"), Some("2")), Ok(3..5));
        for (pid, fds) in [
            (None, None),
            (Some("7"), None),
            (Some("8"), Some("1")),
            (Some("7"), Some("0")),
            (Some("7"), Some("-1")),
            (Some("7"), Some("65")),
            (Some(""), Some("1")),
        ] {
            let error = handed_over(7, pid, fds).expect_err("nothing is handed over");
            assert!(error.starts_with("no socket activation file descriptors found"));
        }
    }
}
