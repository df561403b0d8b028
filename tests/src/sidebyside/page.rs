//! The page `BENCHMARKS.md`.

use std::fmt::Write as _;

use super::{Figures, Row, Which, scenarios};

/// Writes a figure with three digits that count.
pub(super) fn short(value: f64) -> String {
    match value.abs() {
        large if large >= 99.95 => format!("{value:.0}"),
        middle if middle >= 9.995 => format!("{value:.1}"),
        small if small >= 0.9995 => format!("{value:.2}"),
        0.0 => "0".into(),
        _ => format!("{value:.3}"),
    }
}

/// Writes the page: what was measured where, every row, and what limits what falls short.
pub fn write_page(figures: &Figures, about: &[(String, String)], limits: &str) -> String {
    let mut text = String::from(
        "# Benchmarks\n\n\
         campana beside Alertmanager: the same work, by turns, on one machine, over loopback.\n\
         Written by the runner, which anybody can repeat:\n\n\
         \x20   CAMPANA_PEERS=FOLDER cargo run --release -p campana-tests --bin sidebyside\n\n\
         Each value is the median of the rounds, with the least and the greatest in brackets. \
         *Times less* is\nthe median of the ratios within a round. ✓ reaches the goal, ✗ does \
         not; the [last section](#what-limits-what)\nsays why. *At* is the commit that was \
         measured.\n\n\
         ![times less than Alertmanager](docs/benchmarks.svg)\n\n",
    );
    for (name, value) in about {
        writeln!(text, "- {name}: {value}").expect("a string takes everything");
    }
    let mut scenario = "";
    for row in &figures.rows {
        if row.scenario != scenario {
            scenario = &row.scenario;
            let about = scenarios::find(scenario).map_or("", |scenario| scenario.about);
            write!(
                text,
                "\n## {scenario}\n\n{about}\n\n\
                 | what | unit | rounds | Alertmanager | campana | times less | campana-std \
                 | times less | goal | at |\n|---|---|--:|--:|--:|--:|--:|--:|---|---|\n"
            )
            .expect("a string takes everything");
        }
        write_row(&mut text, row);
    }
    text += "\n![what one more costs](docs/growth.svg)\n";
    text + "\n## What limits what\n\n" + limits.trim() + "\n"
}

fn write_row(text: &mut String, row: &Row) {
    let value = |which| {
        row.spread(which).map_or_else(
            || "–".into(),
            |[median, least, most]| match least == most {
                true => short(median),
                false => format!("{} ({}–{})", short(median), short(least), short(most)),
            },
        )
    };
    let ratio = |which| {
        let mark = match row.is_reached(which) {
            Some(true) => " ✓",
            Some(false) => " ✗",
            None => "",
        };
        let ratio = row.ratios(which).map_or_else(|| "–".into(), |[median, ..]| short(median));
        ratio + mark
    };
    writeln!(
        text,
        "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
        row.what,
        row.unit,
        row.values.values().map(Vec::len).max().unwrap_or_default(),
        value(Which::Alertmanager),
        value(Which::Campana),
        ratio(Which::Campana),
        value(Which::CampanaStd),
        ratio(Which::CampanaStd),
        row.goal,
        row.commit
    )
    .expect("a string takes everything");
}
