//! Medians and spreads.

/// The median of several values, and the least and the greatest.
#[derive(Clone, Copy)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

pub(crate) fn spread(figures: impl IntoIterator<Item = f64>) -> Option<Spread> {
    let mut figures: Vec<f64> = figures.into_iter().collect();
    figures.sort_by(f64::total_cmp);
    let (&least, &most) = (figures.first()?, figures.last()?);
    let middle = figures.len() / 2;
    let median = match figures.len() % 2 {
        0 => f64::midpoint(figures[middle - 1], figures[middle]),
        _ => figures[middle],
    };
    Some(Spread { median, least, most })
}

/// `12.3 (11.9-12.8)`, or a dash.
pub(crate) fn show(spread: Option<Spread>, digits: usize) -> String {
    spread.map_or_else(
        || "-".to_owned(),
        |Spread { median, least, most }| {
            format!("{median:.digits$} ({least:.digits$}-{most:.digits$})")
        },
    )
}
