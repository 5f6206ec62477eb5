//! Lying bars: each with its contender's name before it and its value behind it, so that no colour is needed to
//! read them.

use plotters::chart::ChartBuilder;
use plotters::chart::ChartContext;
use plotters::coord::cartesian::Cartesian2d;
use plotters::drawing::IntoDrawingArea;
use plotters::element::EmptyElement;
use plotters::element::PathElement;
use plotters::element::Rectangle;
use plotters::element::Text;
use plotters::prelude::SVGBackend;
use plotters::style::Color;
use plotters::style::text_anchor::HPos;
use plotters::style::text_anchor::Pos;
use plotters::style::text_anchor::VPos;

use crate::report::figures::Fault;
use crate::report::figures::MARGIN;
use crate::report::figures::WIDTH;
use crate::report::figures::extent;
use crate::report::figures::font;
use crate::report::figures::palette::GRID;
use crate::report::figures::palette::Palette;
use crate::report::figures::palette::SOFT;
use crate::report::figures::pick::Bar;
use crate::report::figures::pick::Bars;
use crate::report::figures::scale::Scale;
use crate::report::words::grouped;

const ROW: f64 = 44.0;
/// Between groups, in rows.
const GAP: f64 = 0.4;
/// Half of a bar's thickness, in rows.
const HALF: f64 = 0.36;
const NAMES: u32 = 200;
const NAME_MAX: usize = 12;
const VALUES: u32 = 150;
const BELOW: u32 = 84;

type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<Scale, Scale>>;

pub fn draw(plot: &Bars, palette: &Palette) -> Result<String, Fault> {
    let rows = plot.groups.iter().map(|(_, bars)| 1.0 + bars.len() as f64);
    let rows = rows.sum::<f64>() + GAP * (plot.groups.len() as f64 - 1.0).max(0.0);
    let height = (rows * ROW) as u32 + BELOW + 2 * MARGIN;
    let mut svg = String::new();
    let area = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
    let all = plot.groups.iter().flat_map(|(_, bars)| bars);
    let (least, most) = extent(all.map(|bar| &bar.value)).unwrap_or((0.0, 1.0));
    let mut chart = ChartBuilder::on(&area)
        .margin(MARGIN)
        .margin_right(MARGIN + VALUES)
        .x_label_area_size(BELOW)
        .y_label_area_size(NAMES)
        // The first row is the uppermost.
        .build_cartesian_2d(
            Scale::linear(least.min(0.0), most.max(0.0)),
            Scale::bare(rows, 0.0),
        )?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .light_line_style(GRID)
        .bold_line_style(GRID)
        .axis_style(GRID)
        .label_style(font())
        .axis_desc_style(font())
        .x_desc(plot.unit)
        .draw()?;
    let mut row = 0.5;
    for (title, bars) in &plot.groups {
        heading(&mut chart, row, title)?;
        row += 1.0;
        for one in bars {
            bar(&mut chart, row, one, plot.digits, palette)?;
            row += 1.0;
        }
        row += GAP;
    }
    area.present()?;
    drop(chart);
    drop(area);
    Ok(svg)
}

fn heading(chart: &mut Chart<'_, '_>, row: f64, title: &str) -> Result<(), Fault> {
    let style = font().pos(Pos::new(HPos::Left, VPos::Center));
    let at = (-(NAMES as i32) + MARGIN as i32, 0);
    let place = EmptyElement::at((chart.x_range().start.min(0.0), row));
    chart.draw_series([place + Text::new(title.to_owned(), at, style)])?;
    Ok(())
}

fn bar(
    chart: &mut Chart<'_, '_>,
    row: f64,
    bar: &Bar,
    digits: usize,
    palette: &Palette,
) -> Result<(), Fault> {
    let value = bar.value;
    let colour = palette.look(&bar.name).light;
    let corners = [(0.0, row - HALF), (value.median, row + HALF)];
    chart.draw_series([Rectangle::new(corners, colour.filled())])?;
    if value.most > value.least {
        let thin = SOFT.stroke_width(2);
        let across = |x: f64| PathElement::new(vec![(x, row - 0.15), (x, row + 0.15)], thin);
        let along = PathElement::new(vec![(value.least, row), (value.most, row)], thin);
        chart.draw_series([along, across(value.least), across(value.most)])?;
    }
    let left = chart.x_range().start;
    let name = font().pos(Pos::new(HPos::Right, VPos::Center));
    let name = Text::new(shortened(&bar.name), (-12, 0), name);
    chart.draw_series([EmptyElement::at((left, row)) + name])?;
    let words = grouped(value.median, digits);
    let words = Text::new(
        words,
        (12, 0),
        font().pos(Pos::new(HPos::Left, VPos::Center)),
    );
    let end = value.most.max(value.median).max(0.0);
    chart.draw_series([EmptyElement::at((end, row)) + words])?;
    Ok(())
}

/// A name that would reach into the bars is cut; the tables have all of it.
fn shortened(name: &str) -> String {
    if name.chars().count() <= NAME_MAX {
        return name.to_owned();
    }
    let kept: String = name.chars().take(NAME_MAX - 1).collect();
    kept + "…"
}
