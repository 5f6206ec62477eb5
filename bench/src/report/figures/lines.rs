//! Lines over a measured range, one for each contender, with the spread as thin bars.

use plotters::chart::ChartBuilder;
use plotters::chart::ChartContext;
use plotters::coord::cartesian::Cartesian2d;
use plotters::drawing::IntoDrawingArea;
use plotters::element::EmptyElement;
use plotters::element::ErrorBar;
use plotters::element::PathElement;
use plotters::element::Polygon;
use plotters::element::Text;
use plotters::prelude::SVGBackend;
use plotters::series::LineSeries;
use plotters::style::Color;

use crate::report::figures::Fault;
use crate::report::figures::LINES_HEIGHT;
use crate::report::figures::MARGIN;
use crate::report::figures::WIDTH;
use crate::report::figures::extent;
use crate::report::figures::font;
use crate::report::figures::palette::GRID;
use crate::report::figures::palette::GROUND;
use crate::report::figures::palette::Look;
use crate::report::figures::palette::Palette;
use crate::report::figures::pick::Lines;
use crate::report::figures::pick::Point;
use crate::report::figures::pick::Range;
use crate::report::figures::scale::Scale;

const LEFT: u32 = 120;
const BELOW: u32 = 84;
/// Room for the unit above the upright axis.
const ABOVE: u32 = 56;
const LINE: u32 = 4;

type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<Scale, Scale>>;

pub fn draw(plot: &Lines, palette: &Palette) -> Result<String, Fault> {
    let mut svg = String::new();
    let area = SVGBackend::with_string(&mut svg, (WIDTH, LINES_HEIGHT)).into_drawing_area();
    let mut chart = ChartBuilder::on(&area)
        .margin(MARGIN)
        .margin_top(MARGIN + ABOVE)
        // The last value below the axis reaches beyond its end.
        .margin_right(3 * MARGIN)
        .x_label_area_size(BELOW)
        .y_label_area_size(LEFT)
        .build_cartesian_2d(along(plot), upright(plot))?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(GRID)
        .bold_line_style(GRID)
        .axis_style(GRID)
        .label_style(font())
        .axis_desc_style(font())
        .x_desc(plot.x_unit)
        .draw()?;
    let unit = Text::new(plot.y_unit.clone(), (MARGIN as i32, MARGIN as i32), font());
    area.draw(&unit)?;
    for (name, points) in &plot.series {
        line(&mut chart, points, palette.look(name))?;
    }
    area.present()?;
    drop(chart);
    drop(area);
    Ok(svg)
}

fn along(plot: &Lines) -> Scale {
    let all: Vec<f64> = plot.points().map(|point| point.x).collect();
    match plot.x_range {
        Range::Logarithmic => Scale::logarithmic_at(&all),
        Range::FromZero | Range::Around => {
            Scale::linear(0.0, all.iter().copied().fold(0.0, f64::max))
        }
    }
}

fn upright(plot: &Lines) -> Scale {
    let (least, most) = extent(plot.points().map(|point| &point.y)).unwrap_or((0.0, 1.0));
    match plot.y_range {
        Range::Logarithmic => Scale::logarithmic(least, most),
        Range::FromZero => Scale::linear(least.min(0.0), most),
        Range::Around => Scale::linear(least, most),
    }
}

fn line(chart: &mut Chart<'_, '_>, points: &[Point], look: Look) -> Result<(), Fault> {
    let colour = look.light;
    let spread = points.iter().filter(|point| point.y.most > point.y.least);
    chart.draw_series(spread.map(|point| {
        let y = point.y;
        let thin = colour.mix(0.7).stroke_width(2);
        ErrorBar::new_vertical(point.x, y.least, y.median, y.most, thin, 12)
    }))?;
    let places = points.iter().map(|point| (point.x, point.y.median));
    chart.draw_series(LineSeries::new(places, colour.stroke_width(LINE)))?;
    let (kept_up, late): (Vec<&Point>, Vec<&Point>) =
        points.iter().partition(|point| point.kept_up);
    chart.draw_series(kept_up.into_iter().map(|point| {
        EmptyElement::at((point.x, point.y.median))
            + Polygon::new(look.sign.to_vec(), colour.filled())
    }))?;
    chart.draw_series(late.into_iter().map(|point| {
        let mut outline = look.sign.to_vec();
        outline.extend(look.sign.first());
        EmptyElement::at((point.x, point.y.median))
            + Polygon::new(look.sign.to_vec(), GROUND.filled())
            + PathElement::new(outline, colour.stroke_width(LINE))
    }))?;
    Ok(())
}
