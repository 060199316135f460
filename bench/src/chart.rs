//! The table as a picture: one bar for each row, its length the ratio to hello world.

use std::fmt::Write;

use crate::report::{Measured, hello, median};

const LINE: usize = 22;
const LABELS: usize = 330;
const BARS: usize = 400;

/// An SVG of the rows, readable on light and on dark ground.
pub(crate) fn svg(rows: &[Measured]) -> String {
    let height = LINE * rows.len() + 12;
    let width = LABELS + BARS + 200;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\" role=\"img\" \
         aria-label=\"Requests a second, as ratios to hello world\">\n\
         <style>text{{fill:#333}}rect{{fill:#4a7fb5}}\
         @media(prefers-color-scheme:dark){{text{{fill:#ddd}}}}</style>\n"
    );
    for (place, row) in rows.iter().enumerate() {
        let ratio = hello(rows, row).map_or(0.0, |hello| median(row.ratios(hello)));
        let (top, base) = (place * LINE + 8, place * LINE + 21);
        #[expect(clippy::cast_precision_loss, reason = "it is a small number")]
        let length = (ratio.min(1.2) * BARS as f64).max(1.0);
        let name = row.row.name.replace('&', "&amp;").replace('<', "&lt;");
        let end = f64::from(u32::try_from(LABELS + 16).unwrap_or_default()) + length;
        // Writing to a String cannot fail.
        let _ = writeln!(
            svg,
            "<text x=\"{LABELS}\" y=\"{base}\" text-anchor=\"end\">{name}</text>\
             <rect x=\"{x}\" y=\"{top}\" width=\"{length:.0}\" height=\"16\" rx=\"2\"/>\
             <text x=\"{end:.0}\" y=\"{base}\">{ratio:.2} · {rate:.0}/s</text>",
            x = LABELS + 10,
            rate = median(row.rates()),
        );
    }
    svg + "</svg>\n"
}
