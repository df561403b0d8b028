//! `campana-probe`: answers questions about core, one JSON object a line.
//!
//! Reads questions on standard input and writes one answer a line, in order. A line that is no
//! question is answered with an error; nothing but the end of the input ends the program.

use std::io::{self, BufRead as _, Write as _};

use campana_tests::probe;

fn main() -> io::Result<()> {
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let mut answer = probe::answer(&line);
        answer.push('\n');
        output.write_all(answer.as_bytes())?;
        output.flush()?;
    }
}
