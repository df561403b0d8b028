//! A picture of growth: what one more costs, over how many there are.

use std::{collections::BTreeMap, fmt::Write as _};

use super::{Figures, Which, page::short};

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 300.0;
const TOP: f64 = 84.0;
const BOTTOM: f64 = 256.0;
const PANEL: f64 = 280.0;
const MARGIN: f64 = 46.0;
const SERVERS: [(Which, &str); 3] =
    [(Which::Alertmanager, "#868e96"), (Which::Campana, "#0b7285"), (Which::CampanaStd, "#74b816")];
const PANELS: [&str; 3] = ["one alert more", "one alert and group more", "one silence more"];
/// Both scales, in powers of ten: how many there are, and microseconds.
const COUNTS: [i32; 2] = [3, 6];
const MICROS: [i32; 2] = [0, 3];

/// Draws the rows of the scenario `growth`, on logarithmic scales.
pub fn draw_growth(figures: &Figures) -> String {
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"system-ui,sans-serif\" font-size=\"11\" role=\"img\">\n\
         <title>What one more costs as there are more of them</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"16\" y=\"26\" font-size=\"16\" font-weight=\"600\" fill=\"#1a1d21\">What one \
         more costs as there are more of them: microseconds of processor time</text>\n"
    );
    for (place, (which, color)) in SERVERS.into_iter().enumerate() {
        let left = 16.0 + 120.0 * place as f64;
        put(
            &mut text,
            format_args!(
                "<rect x=\"{left}\" y=\"38\" width=\"10\" height=\"10\" fill=\"{color}\"/>\
                 <text x=\"{}\" y=\"47\" fill=\"#5b6470\">{}</text>\n",
                left + 16.0,
                which.name()
            ),
        );
    }
    for (place, what) in PANELS.into_iter().enumerate() {
        draw_panel(&mut text, figures, what, MARGIN + PANEL * place as f64);
    }
    text + "</svg>\n"
}

fn draw_panel(text: &mut String, figures: &Figures, what: &str, left: f64) {
    let right = left + PANEL - MARGIN - 8.0;
    put(text, format_args!("<text x=\"{left}\" y=\"74\" fill=\"#1a1d21\">{what}</text>\n"));
    for power in MICROS[0]..=MICROS[1] {
        let value = 10_f64.powi(power);
        let at = scaled(value, MICROS, BOTTOM, TOP);
        put(
            text,
            format_args!(
                "<path d=\"M{left} {at:.1}H{right}\" stroke=\"#dee2e6\"/><text x=\"{:.1}\" \
                 y=\"{:.1}\" fill=\"#5b6470\" text-anchor=\"end\">{value}</text>\n",
                left - 6.0,
                at + 4.0
            ),
        );
    }
    for power in COUNTS[0]..=COUNTS[1] {
        let value = 10_f64.powi(power);
        let at = scaled(value, COUNTS, left, right);
        put(
            text,
            format_args!(
                "<path d=\"M{at:.1} {TOP}V{BOTTOM}\" stroke=\"#dee2e6\"/><text x=\"{at:.1}\" \
                 y=\"{:.1}\" fill=\"#5b6470\" text-anchor=\"middle\">{value}</text>\n",
                BOTTOM + 16.0
            ),
        );
    }
    for (which, color) in SERVERS {
        let points = points(figures, what, which);
        let mut path = String::new();
        for (count, micros) in &points {
            let x = scaled(*count as f64, COUNTS, left, right);
            let y = scaled(*micros, MICROS, BOTTOM, TOP);
            let letter = if path.is_empty() { 'M' } else { 'L' };
            put(&mut path, format_args!("{letter}{x:.1} {y:.1}"));
            put(
                text,
                format_args!(
                    "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{color}\">\
                     <title>{} µs at {count}</title></circle>\n",
                    short(*micros)
                ),
            );
        }
        let line = format_args!(
            "<path d=\"{path}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"2\"/>\n"
        );
        put(text, line);
    }
}

/// Returns what one more cost a server, by how many there were.
fn points(figures: &Figures, what: &str, which: Which) -> BTreeMap<u64, f64> {
    let rows = figures.rows.iter().filter(|row| row.scenario == "growth");
    let point = |(name, value): (&str, f64)| {
        let count = name.strip_prefix(what)?.strip_prefix(", at ")?.parse().ok()?;
        Some((count, value))
    };
    rows.filter_map(|row| point((&row.what, row.spread(which)?[0]))).collect()
}

fn scaled(value: f64, powers: [i32; 2], from: f64, to: f64) -> f64 {
    let [first, last] = powers.map(f64::from);
    from + (value.max(f64::MIN_POSITIVE).log10() - first) / (last - first) * (to - from)
}

fn put(text: &mut String, part: std::fmt::Arguments<'_>) {
    text.write_fmt(part).expect("a string takes everything");
}

#[cfg(test)]
mod tests {
    use super::{super::Goal, *};

    #[test]
    fn what_was_measured_is_drawn_at_its_place() {
        let mut figures = Figures::default();
        for (what, value) in [("one alert more, at 1000", 10.0), ("one alert more, at 10000", 1.0)]
        {
            figures.note("growth", what, "µs", Goal::None, Which::Campana, value);
        }
        let points = points(&figures, "one alert more", Which::Campana);
        assert_eq!(points.into_iter().collect::<Vec<_>>(), [(1000, 10.0), (10_000, 1.0)]);
        let picture = draw_growth(&figures);
        assert_eq!(picture.matches("<circle").count(), 2);
        assert!(picture.contains("d=\"M46.0 198.7L121.3 256.0\""), "{picture}");
    }
}
