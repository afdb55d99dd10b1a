//! A line plot as SVG: axes from zero, and a point with its spread for each amount.

use std::fmt::Write as _;

use crate::stats::Spread;

const SIZE: (f64, f64) = (640.0, 360.0);
const LEFT: f64 = 64.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 48.0;
const BOTTOM: f64 = 52.0;

/// The shape of the mark distinguishes the lines too.
const COLOURS: [&str; 2] = ["#d1490c", "#3b6ea5"];

pub(crate) struct Line {
    name: &'static str,
    pub(crate) points: Vec<(f64, Spread)>,
}

impl Line {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, points: Vec::new() }
    }
}

pub(crate) struct Plot<'a> {
    pub(crate) title: &'a str,
    pub(crate) x: &'a str,
    pub(crate) y: &'a str,
    pub(crate) lines: Vec<Line>,
}

impl Plot<'_> {
    pub(crate) fn svg(&self) -> String {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let most_x = nice(points().map(|p| p.0).fold(1.0, f64::max));
        let most_y = nice(points().map(|p| p.1.most).fold(1.0, f64::max));
        let x = |value: f64| LEFT + value / most_x * (SIZE.0 - LEFT - RIGHT);
        let y = |value: f64| SIZE.1 - BOTTOM - value / most_y * (SIZE.1 - TOP - BOTTOM);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" font-family=\"sans-serif\" font-size=\"12\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
            SIZE.0, SIZE.1
        );
        text(&mut svg, LEFT, 22.0, "start", &format!("{}: {}", self.title, self.y), "#111");
        text(
            &mut svg,
            f64::midpoint(LEFT, SIZE.0 - RIGHT),
            SIZE.1 - 12.0,
            "middle",
            self.x,
            "#444",
        );
        for step in 0..=4 {
            let part = f64::from(step) / 4.0;
            let (gx, gy) = (x(most_x * part), y(most_y * part));
            let _ =
                writeln!(svg, "<path d=\"M{LEFT} {gy:.1}H{}\" stroke=\"#ddd\"/>", SIZE.0 - RIGHT);
            text(&mut svg, LEFT - 8.0, gy + 4.0, "end", &short(most_y * part), "#444");
            text(&mut svg, gx, SIZE.1 - BOTTOM + 18.0, "middle", &short(most_x * part), "#444");
        }
        for (index, line) in self.lines.iter().enumerate() {
            let colour = COLOURS[index % COLOURS.len()];
            let path: Vec<_> = line
                .points
                .iter()
                .map(|(px, s)| format!("{:.1},{:.1}", x(*px), y(s.median)))
                .collect();
            let _ = writeln!(
                svg,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
                path.join(" ")
            );
            for (px, spread) in &line.points {
                let (px, py) = (x(*px), y(spread.median));
                let _ = writeln!(
                    svg,
                    "<path d=\"M{px:.1} {:.1}V{:.1}\" stroke=\"{colour}\"/>",
                    y(spread.least),
                    y(spread.most)
                );
                mark(&mut svg, index, px, py, colour);
            }
            let legend = LEFT + 12.0 + 140.0 * index as f64;
            mark(&mut svg, index, legend, 38.0, colour);
            text(&mut svg, legend + 10.0, 42.0, "start", line.name, "#111");
        }
        svg.push_str("</svg>\n");
        svg
    }
}

fn mark(svg: &mut String, index: usize, x: f64, y: f64, colour: &str) {
    let _ = match index {
        0 => writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"{colour}\"/>"),
        _ => writeln!(
            svg,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"7\" height=\"7\" fill=\"{colour}\"/>",
            x - 3.5,
            y - 3.5
        ),
    };
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, text: &str, colour: &str) {
    let _ = writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"{colour}\">{text}</text>"
    );
}

/// The next round number, whose quarters are short.
fn nice(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let steps = [1.0, 1.2, 1.6, 2.0, 2.4, 3.2, 4.0, 6.0, 8.0, 10.0];
    steps.iter().map(|step| step * power).find(|nice| *nice >= value).unwrap_or(10.0 * power)
}

fn short(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}
