//! A picture of the results: one bar a row and program, as long as the ratio is large.

use std::fmt::Write as _;

use super::{Figures, Goal, Row, Which, page::short};

const WIDTH: f64 = 860.0;
const LEFT: f64 = 330.0;
const LINE: f64 = 34.0;
const TOP: f64 = 64.0;
/// Where the scale ends: ten thousand times less.
const DECADES: f64 = 4.0;

/// Draws the rows that have a goal against Alertmanager, on a logarithmic scale.
pub fn draw(figures: &Figures) -> String {
    let has_ratio =
        |row: &&Row| matches!(row.goal, Goal::Part(_)) && row.ratios(Which::Campana).is_some();
    let rows: Vec<&Row> = figures.rows.iter().filter(has_ratio).collect();
    let height = TOP + LINE * rows.len() as f64 + 30.0;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"system-ui,sans-serif\" font-size=\"12\" role=\"img\">\n\
         <title>How many times less campana needs than Alertmanager</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"16\" y=\"26\" font-size=\"16\" font-weight=\"600\" fill=\"#1a1d21\">How many \
         times less campana needs than Alertmanager</text>\n\
         <g fill=\"#5b6470\"><rect x=\"16\" y=\"38\" width=\"10\" height=\"10\" fill=\"#0b7285\"/>\
         <text x=\"32\" y=\"47\">campana</text>\
         <rect x=\"106\" y=\"38\" width=\"10\" height=\"10\" fill=\"#74b816\"/>\
         <text x=\"122\" y=\"47\">campana-std</text>\
         <rect x=\"216\" y=\"38\" width=\"2\" height=\"10\" fill=\"#c92a2a\"/>\
         <text x=\"226\" y=\"47\">goal</text></g>\n"
    );
    draw_scale(&mut text, height);
    for (place, row) in rows.iter().enumerate() {
        draw_row(&mut text, row, TOP + LINE * place as f64);
    }
    text + "</svg>\n"
}

fn x(ratio: f64) -> f64 {
    let span = WIDTH - LEFT - 60.0;
    LEFT + (ratio.max(1.0).log10() / DECADES).min(1.0) * span
}

fn draw_scale(text: &mut String, height: f64) {
    for ratio in [1.0, 10.0, 100.0, 1000.0, 10_000.0] {
        let (at, end) = (x(ratio), height - 22.0);
        writeln!(
            text,
            "<path d=\"M{at:.1} {TOP}V{end:.1}\" stroke=\"#dee2e6\"/>\
             <text x=\"{at:.1}\" y=\"{:.1}\" fill=\"#5b6470\" text-anchor=\"middle\">{ratio}×\
             </text>",
            height - 8.0
        )
        .expect("a string takes everything");
    }
}

fn draw_row(text: &mut String, row: &Row, top: f64) {
    let mut put = |part: String| text.push_str(&part);
    put(format!(
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#1a1d21\">{}: {}</text>\n",
        LEFT - 8.0,
        top + 16.0,
        escape(&row.scenario),
        escape(&row.what)
    ));
    for (which, color, offset) in
        [(Which::Campana, "#0b7285", 2.0), (Which::CampanaStd, "#74b816", 15.0)]
    {
        let Some([ratio, ..]) = row.ratios(which) else { continue };
        let end = x(ratio);
        put(format!(
            "<rect x=\"{LEFT}\" y=\"{:.1}\" width=\"{:.1}\" height=\"11\" fill=\"{color}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" font-size=\"10\" fill=\"#495057\">{}×</text>\n",
            top + offset,
            (end - LEFT).max(1.0),
            end + 4.0,
            top + offset + 9.5,
            short(ratio)
        ));
    }
    if let Goal::Part(part) = row.goal {
        put(format!(
            "<rect x=\"{:.1}\" y=\"{top:.1}\" width=\"2\" height=\"28\" fill=\"#c92a2a\"/>\n",
            x(1.0 / part)
        ));
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
