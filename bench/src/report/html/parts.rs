//! Tables and plots as HTML.

use maud::Markup;
use maud::PreEscaped;
use maud::html;
use plotters::style::RGBColor;

use crate::record::target::Verdict;
use crate::report::figures::Group;
use crate::report::figures::palette;
use crate::report::figures::palette::Palette;
use crate::report::tables::Column;
use crate::report::tables::Entry;
use crate::report::tables::Table;

/// One table with its title. One of words becomes cards where it is narrow; one of figures is moved sideways.
pub fn table(table: &Table, palette: &Palette) -> Markup {
    let words = table.columns.iter().filter(|column| column.words).count();
    let kind = if words > 2 { "cards" } else { "figures" };
    let scale = scale(table);
    html! {
        section {
            h3 { (table.title) }
            div.scroll tabindex="0" role="region" aria-label=(table.title) {
                table class=(kind) {
                    thead { tr {
                        @for column in &table.columns {
                            th scope="col" class=[column.words.then_some("words")] { (column.name) }
                        }
                    } }
                    tbody {
                        @for row in &table.rows {
                            tr {
                                @for (column, entry) in table.columns.iter().zip(row) {
                                    (field(column, entry, palette, scale))
                                }
                            }
                        }
                    }
                }
            }
            @for remark in &table.remarks { p.remark { (remark) } }
        }
    }
}

fn field(column: &Column, entry: &Entry, palette: &Palette, scale: f64) -> Markup {
    let words = entry.words();
    let class = column.words.then_some("words");
    let head = column.name;
    match entry {
        Entry::Contender(name) => html! {
            th scope="row" class="words" data-head=(head) { (sign(name, palette)) (name) }
        },
        Entry::Verdict(verdict) => html! {
            td.words data-head=(head) { span.verdict data-verdict=(kind(*verdict)) { (words) } }
        },
        Entry::Passed(passed) => html! {
            td.words data-head=(head) {
                span.verdict data-verdict=(if *passed { "aim" } else { "missed" }) { (words) }
            }
        },
        Entry::Headroom(Some(headroom)) => html! {
            td data-head=(head) { (meter(*headroom, scale)) (words) }
        },
        Entry::Text(_) | Entry::Headroom(None) | Entry::Marks(_) => html! {
            td class=[class] data-head=(head) { (words) }
        },
    }
}

fn kind(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Aim => "aim",
        Verdict::Gate => "gate",
        Verdict::Missed => "missed",
        Verdict::Unknown => "unknown",
    }
}

/// The end of a table's bars of headroom: the most there is, and never less than twice what was wanted.
fn scale(table: &Table) -> f64 {
    let entries = table.rows.iter().flatten();
    let most = entries.filter_map(|entry| match entry {
        Entry::Headroom(headroom) => *headroom,
        _ => None,
    });
    most.fold(2.0, f64::max)
}

/// A bar, with a line at what was wanted.
fn meter(headroom: f64, scale: f64) -> Markup {
    let part = |value: f64| format!("{:.1}%", (value / scale * 100.0).clamp(0.0, 100.0));
    let class = if headroom < 1.0 { "short" } else { "enough" };
    html! {
        span.meter aria-hidden="true" style={ "--wanted: " (part(1.0)) } {
            span class=(class) style={ "width: " (part(headroom)) } {}
        }
    }
}

/// What one contender looks like in every plot.
fn sign(name: &str, palette: &Palette) -> Markup {
    let look = palette.look(name);
    let points = look.sign.iter().map(|(x, y)| format!("{x},{y}"));
    let points = points.collect::<Vec<String>>().join(" ");
    let colour: RGBColor = look.light;
    html! {
        svg.sign viewBox="-12 -12 24 24" aria-hidden="true" {
            polygon points=(points) fill=(palette::code(colour)) {}
        }
    }
}

/// Plots that are read together, with one key for all.
pub fn plots(group: &Group, palette: &Palette) -> Markup {
    html! {
        section.plots {
            h3 { (group.title) }
            p.explanation { (group.explanation) }
            @if !group.keys.is_empty() {
                ul.keys aria-label="Contenders" {
                    @for name in &group.keys { li { (sign(name, palette)) (name) } }
                }
            }
            div.grid {
                @for figure in &group.figures {
                    figure aria-label={ (group.title) ": " (figure.caption) } {
                        figcaption { (figure.caption) }
                        (PreEscaped(&figure.svg))
                    }
                }
            }
        }
    }
}

/// A list of sentences.
pub fn notes<Line: AsRef<str>>(title: &str, lines: &[Line]) -> Markup {
    html! {
        section {
            h3 { (title) }
            ul.notes { @for line in lines { li { (line.as_ref()) } } }
        }
    }
}
