//! Records as one page that needs nothing else: no network, no script, no server.

mod parts;
#[cfg(test)]
mod tests;

use maud::DOCTYPE;
use maud::Markup;
use maud::PreEscaped;
use maud::html;

use crate::record::Comparison;
use crate::record::Record;
use crate::record::Verification;
use crate::record::surroundings::Surroundings;
use crate::report::figures;
use crate::report::figures::palette::Palette;
use crate::report::tables;
use crate::report::words;
use crate::trouble::Trouble;
use crate::trouble::While;

const STYLE: &str = include_str!("page.css");
/// Makes the links to the records within the page; without it the page only lacks them.
const SCRIPT: &str = include_str!("page.js");

/// The whole page, one record after the other.
pub fn render(records: &[Record]) -> Result<String, Trouble> {
    let mut articles = Vec::new();
    for (number, record) in (1..).zip(records) {
        articles.push(article(number, record)?);
    }
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "HALB benchmark" }
                style { (PreEscaped(STYLE)) (PreEscaped(Palette::rules())) }
            }
            body {
                header {
                    h1 { span.mark { "HALB" } " benchmark" }
                    @if records.len() > 1 { (contents(records)) }
                }
                main { @for article in &articles { (article) } }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    Ok(page.into_string())
}

fn contents(records: &[Record]) -> Markup {
    html! {
        nav aria-label="Records" {
            @for (number, record) in (1..).zip(records) {
                a href={ "#record-" (number) } { (title(record)) }
            }
        }
    }
}

fn title(record: &Record) -> String {
    match record {
        Record::Compare(record) => format!("Comparison, {}", words::date(&record.surroundings)),
        Record::Verify(record) => format!("Verification, {}", words::date(&record.surroundings)),
    }
}

fn article(number: usize, record: &Record) -> Result<Markup, Trouble> {
    let (here, complete, verb) = match record {
        Record::Compare(record) => (&record.surroundings, record.complete, "compare"),
        Record::Verify(record) => (&record.surroundings, record.complete, "verify"),
    };
    let content = match record {
        Record::Compare(record) => comparison(record)?,
        Record::Verify(record) => verification(record),
    };
    Ok(html! {
        article id={ "record-" (number) } {
            h2 { (title(record)) }
            (alarms(here, complete))
            (surroundings(here))
            (content)
            (source(number, verb, record)?)
        }
    })
}

fn alarms(here: &Surroundings, complete: bool) -> Markup {
    html! {
        @for (word, text) in words::alarms(here, complete) {
            p.alarm data-kind=(word) { b { (word) } " " (text) }
        }
    }
}

fn comparison(record: &Comparison) -> Result<Markup, Trouble> {
    let palette = palette(record);
    let groups = figures::of(record, &palette)?;
    let mut tables = tables::comparison(record).into_iter().peekable();
    let targets = tables.next_if(|_| !record.targets.is_empty());
    let legend = words::legend(record);
    let faults = words::faults(record);
    Ok(html! {
        @if let Some(targets) = &targets { (parts::table(targets, &palette)) }
        @for group in &groups { (parts::plots(group, &palette)) }
        @for table in tables { (parts::table(&table, &palette)) }
        @if !legend.is_empty() { (parts::notes("Marks", &legend)) }
        @if !faults.is_empty() { (parts::notes("What failed", &faults)) }
    })
}

fn verification(record: &Verification) -> Markup {
    let palette = Palette::of(std::iter::empty());
    html! {
        @for table in tables::verification(record) { (parts::table(&table, &palette)) }
    }
}

/// Colours for everybody who occurs.
fn palette(record: &Comparison) -> Palette {
    let cells = record.cells.iter().map(|cell| cell.contender.name());
    let memory = record.memory.iter().map(|figure| figure.contender.name());
    Palette::of(cells.chain(memory))
}

fn surroundings(here: &Surroundings) -> Markup {
    html! {
        section.surroundings aria-label="Measured on" {
            dl {
                div { dt { "machine" } dd { (words::machine(here)) } }
                @for (name, version) in &here.versions {
                    div { dt { (name) } dd { (version) } }
                }
                div { dt { "command" } dd { code { (words::command(here)) } } }
            }
        }
    }
}

/// The record itself, as data within the page.
fn source(number: usize, verb: &str, record: &Record) -> Result<Markup, Trouble> {
    let json = serde_json::to_string(record).during("writing the record into the page")?;
    // Only within strings can there be one, and none may end the element.
    let json = json.replace('<', "\\u003c");
    let id = format!("json-{number}");
    Ok(html! {
        p.source {
            a hidden download={ (verb) "-" (number) ".json" } data-source=(id) { "The record (JSON)" }
        }
        script type="application/json" id=(id) { (PreEscaped(json)) }
    })
}
