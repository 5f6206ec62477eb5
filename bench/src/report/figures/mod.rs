//! What is plotted of a comparison, as SVG to stand within a page.
//!
//! [`pick`] finds what there is; [`lines`] and [`bars`] draw it with [`scale`] and [`palette`]. What a record does
//! not hold is left out.

mod bars;
mod lines;
pub mod palette;
mod pick;
mod scale;
#[cfg(test)]
mod tests;

use plotters::drawing::DrawingAreaErrorKind;
use plotters::style::IntoFont;
use plotters::style::TextStyle;

use crate::record::Comparison;
use crate::report::figures::palette::Palette;
use crate::report::figures::pick::Plot;
use crate::stats::Summary;
use crate::trouble::Trouble;
use crate::trouble::While;

/// What can go wrong while drawing into a string: nothing that is known.
type Fault = DrawingAreaErrorKind<std::io::Error>;

/// Plots that are read together.
pub struct Group {
    pub title: &'static str,
    pub explanation: String,
    /// Names in the order in which they are drawn, where the plots do not name them by themselves.
    pub keys: Vec<String>,
    pub figures: Vec<Figure>,
}

/// One plot.
pub struct Figure {
    pub caption: String,
    pub svg: String,
}

/// Everything is drawn at twice the size, because the crate knows whole units only.
const WIDTH: u32 = 960;
const LINES_HEIGHT: u32 = 600;
const FONT: f64 = 28.0;
/// The crate divides by this for SVG.
const FONT_FACTOR: f64 = 1.24;
const MARGIN: u32 = 16;

/// All plots that the record has figures for.
pub fn of(record: &Comparison, palette: &Palette) -> Result<Vec<Group>, Trouble> {
    let mut groups = Vec::new();
    for picked in pick::groups(record) {
        let mut figures = Vec::new();
        for (caption, plot) in picked.plots {
            let svg = match &plot {
                Plot::Lines(plot) => lines::draw(plot, palette),
                Plot::Bars(plot) => bars::draw(plot, palette),
            };
            let svg = inline(&svg.during(&format!("drawing {caption}"))?);
            figures.push(Figure { caption, svg });
        }
        groups.push(Group {
            title: picked.title,
            explanation: picked.explanation,
            keys: picked.keys,
            figures,
        });
    }
    Ok(groups)
}

/// Within HTML the picture needs no name space, and takes its size from the page. Its words are in the caption.
fn inline(svg: &str) -> String {
    let inner = svg.split_once('>').map_or("", |(_, inner)| inner);
    let view = svg
        .split_once("viewBox=\"")
        .and_then(|(_, rest)| rest.split_once('"'));
    let view = view.map_or("", |(view, _)| view);
    format!("<svg class=\"plot\" viewBox=\"{view}\" role=\"img\">{inner}")
}

fn font<'a>() -> TextStyle<'a> {
    let font = ("sans-serif", FONT * FONT_FACTOR).into_font();
    font.color(&palette::SOFT)
}

/// From the least to the most of all, spread included; `None` without any.
fn extent<'a>(all: impl Iterator<Item = &'a Summary>) -> Option<(f64, f64)> {
    all.fold(None, |found, one| match found {
        None => Some((one.least, one.most)),
        Some((least, most)) => Some((one.least.min(least), one.most.max(most))),
    })
}
