//! Tables of counts, and the comparison of what was measured with what is allowed.

use std::fmt::Write as _;

/// How much more than its budget an operation may take, in percent; how much less it may take
/// before the budget is worth lowering.
pub const TOLERANCE_PERCENT: u64 = 5;

/// What one operation took, or may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The operation's name, without spaces.
    pub name: String,
    /// How many times it is done in the counted part: alerts, look-ups, packets.
    pub times: u64,
    /// What all of them took together.
    pub counts: Counts,
}

/// Instructions and allocations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Instructions, those of the allocator included.
    pub instructions: u64,
    /// Allocations, and reallocations.
    pub allocations: u64,
    /// Bytes that were asked for in them.
    pub bytes: u64,
}

impl Counts {
    const NAMES: [&str; 3] = ["instructions", "allocations", "bytes"];

    const fn figures(&self) -> [u64; 3] {
        [self.instructions, self.allocations, self.bytes]
    }
}

/// What a comparison found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// What must not be: figures above their budget, operations without one, budgets of none.
    pub failures: Vec<String>,
    /// Budgets that should be lowered.
    pub hints: Vec<String>,
}

/// Compares what was measured with the budgets.
pub fn compare(measured: &[Row], budgets: &[Row]) -> Findings {
    let mut findings = Findings::default();
    for row in measured {
        let Some(budget) = budgets.iter().find(|budget| budget.name == row.name) else {
            findings.failures.push(format!("{}: there is no budget for it", row.name));
            continue;
        };
        if budget.times != row.times {
            let why = format!("{}: done {} times, budget {}", row.name, row.times, budget.times);
            findings.failures.push(why);
            continue;
        }
        let pairs = row.counts.figures().into_iter().zip(budget.counts.figures());
        for ((found, allowed), what) in pairs.zip(Counts::NAMES) {
            let text = || {
                let percent = found as f64 * 100.0 / allowed as f64 - 100.0;
                format!("{}: {found} {what}, budget {allowed} ({percent:+.1} %)", row.name)
            };
            if found * 100 > allowed * (100 + TOLERANCE_PERCENT) {
                findings.failures.push(text());
            } else if found * 100 < allowed * (100 - TOLERANCE_PERCENT) {
                findings.hints.push(text());
            }
        }
    }
    for budget in
        budgets.iter().filter(|budget| !measured.iter().any(|row| row.name == budget.name))
    {
        findings.failures.push(format!("{}: a budget for what is not measured", budget.name));
    }
    findings
}

/// Writes a table: comment lines, then a row for each operation.
pub fn write(rows: &[Row], comments: &[String]) -> String {
    let mut out = String::new();
    for comment in comments {
        out += &format!("# {comment}\n");
    }
    let mut line = |cells: [String; 5]| {
        let [name, times, instructions, allocations, bytes] = cells;
        let numbers = format!("{times:>6} {instructions:>13} {allocations:>12} {bytes:>10}");
        writeln!(out, "{name:<28} {numbers}").expect("a String takes every write");
    };
    line(["# operation", "times", "instructions", "allocations", "bytes"].map(String::from));
    for row in rows {
        let [instructions, allocations, bytes] = row.counts.figures().map(|n| n.to_string());
        line([row.name.clone(), row.times.to_string(), instructions, allocations, bytes]);
    }
    out
}

/// Reads what [`write()`] wrote.
///
/// # Errors
/// A line that is no row, in words.
pub fn read(text: &str) -> Result<Vec<Row>, String> {
    let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.starts_with('#'));
    let row = |(number, line): (usize, &str)| {
        let cells: Vec<&str> = line.split_whitespace().collect();
        let numbers: Result<Vec<u64>, _> = cells.iter().skip(1).map(|cell| cell.parse()).collect();
        match (cells.first(), numbers.as_deref()) {
            (Some(name), Ok(&[times, instructions, allocations, bytes])) => Ok(Row {
                name: (*name).into(),
                times,
                counts: Counts { instructions, allocations, bytes },
            }),
            _ => Err(format!("line {number}: a name and four numbers expected, found {line:?}")),
        }
    };
    lines.filter(|(_, line)| !line.trim().is_empty()).map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, instructions: u64, allocations: u64) -> Row {
        let counts = Counts { instructions, allocations, bytes: 1000 };
        Row { name: name.into(), times: 64, counts }
    }

    #[test]
    fn six_percent_more_fails_and_five_does_not() {
        let budgets = [row("refresh", 10_000, 0)];
        let failures = |found: Row| compare(&[found], &budgets).failures;
        assert_eq!(failures(row("refresh", 10_500, 0)), [""; 0]);
        let text = "refresh: 10600 instructions, budget 10000 (+6.0 %)";
        assert_eq!(failures(row("refresh", 10_600, 0)), [text]);
        assert_eq!(failures(row("refresh", 10_501, 0)).len(), 1);
        // Nothing is a budget too: the first allocation is one too many.
        assert_eq!(failures(row("refresh", 10_000, 1)).len(), 1);
        let more_bytes =
            Row { counts: Counts { bytes: 1060, ..budgets[0].counts }, ..row("", 0, 0) };
        assert_eq!(failures(Row { name: "refresh".into(), ..more_bytes }).len(), 1);
    }

    #[test]
    fn six_percent_less_is_worth_a_hint() {
        let budgets = [row("flush", 10_000, 100)];
        let found = compare(&[row("flush", 9_400, 100)], &budgets);
        assert_eq!(found.hints, ["flush: 9400 instructions, budget 10000 (-6.0 %)"]);
        assert!(found.failures.is_empty());
        assert_eq!(compare(&[row("flush", 9_500, 100)], &budgets), Findings::default());
    }

    #[test]
    fn every_operation_has_a_budget_and_every_budget_an_operation() {
        let (old, new) = ([row("old", 1, 1)], [row("new", 1, 1)]);
        let found = compare(&new, &old).failures;
        assert_eq!(
            found,
            ["new: there is no budget for it", "old: a budget for what is not measured"]
        );
        let fewer = Row { times: 32, ..row("old", 1, 1) };
        assert_eq!(compare(&[fewer], &old).failures, ["old: done 32 times, budget 64"]);
    }

    #[test]
    fn a_table_reads_as_it_was_written() {
        let rows = [row("refresh", 123_456_789, 0), row("flush", 7, 100)];
        let text = write(&rows, &["made by a test".into()]);
        assert_eq!(read(&text).as_deref(), Ok(&rows[..]));
        assert_eq!(read("refresh 1 2 3").map_err(|e| e.starts_with("line 1: ")), Err(true));
        assert!(read("refresh 1 2 3 four").is_err());
    }
}
