use super::*;
use crate::report::file;
use crate::report::fixture;
use crate::report::tables::Entry;

/// Elements that have no end.
const VOID: &[&str] = &["!DOCTYPE", "meta"];

fn all() -> Vec<Record> {
    vec![
        Record::Compare(fixture::comparison()),
        Record::Verify(fixture::verification()),
        Record::Compare(fixture::small()),
    ]
}

fn page(record: Comparison) -> String {
    render(&[Record::Compare(record)]).unwrap()
}

/// Panics at the first tag that does not fit. Style, script and data are no tags.
fn assert_well_formed(page: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = page;
    while let Some((_, from_tag)) = rest.split_once('<') {
        let (tag, after) = from_tag.split_once('>').unwrap();
        let name = tag.split([' ', '\n']).next().unwrap();
        rest = after;
        if let Some(ended) = name.strip_prefix('/') {
            assert_eq!(open.pop(), Some(ended), "before {after:.80}");
        } else if !VOID.contains(&name) && !tag.ends_with('/') {
            open.push(name);
        }
        if ["style", "script"].contains(&name) {
            let end = after.find(&format!("</{name}>")).unwrap();
            rest = &after[end..];
        }
    }
    assert!(open.is_empty(), "{open:?} stay open");
}

fn captions(page: &str) -> Vec<&str> {
    let after = page.split("<figcaption>").skip(1);
    after.map(|text| text.split_once('<').unwrap().0).collect()
}

#[test]
fn a_page_is_whole_and_needs_nothing_else() {
    let page = render(&all()).unwrap();
    assert_well_formed(&page);
    for foreign in [
        "http:", "https:", "url(", "src=", "@import", "<link", "<img",
    ] {
        assert!(!page.contains(foreign), "{foreign} is in the page");
    }
    // Links lead to the records within the page.
    for target in page.split("href=\"").skip(1) {
        let number = target.strip_prefix("#record-").unwrap();
        let (number, _) = number.split_once('"').unwrap();
        assert!(page.contains(&format!("<article id=\"record-{number}\">")));
    }
}

#[test]
fn every_plot_is_there() {
    let page = page(fixture::comparison());
    let machine = "Whole machine beyond direct";
    assert_eq!(
        captions(&page),
        [
            "p50",
            "p99",
            "p99.9",
            "Process",
            machine,
            "The proxy's core, busy",
            "Process",
            machine,
            "Process",
            "Process and generator beyond direct",
            "Process",
            machine,
            "Requests per second",
            "Idle after one exchange",
            "A response under way on each",
        ]
    );
    assert_eq!(page.matches("<svg class=\"plot\"").count(), 15);
    // HALB, HAProxy, nginx and relay at five rates; what did not keep up is hollow.
    let first = page.split("<figcaption>p50").nth(1).unwrap();
    let (first, _) = first.split_once("</figure>").unwrap();
    assert_eq!(
        first.matches("stroke-width=\"4\"").count(),
        5 + 2,
        "{first}"
    );
    assert_eq!(first.matches("<polygon").count(), 25, "{first}");
}

#[test]
fn what_was_not_measured_is_left_out() {
    let page = page(fixture::small());
    assert_eq!(captions(&page), ["Process", "Whole machine beyond direct"]);
    assert!(!page.contains("Targets"));
    assert!(page.contains("someone-else"));
}

#[test]
fn a_record_without_any_figure_makes_a_page_too() {
    let mut empty = fixture::small();
    empty.runs.clear();
    empty.cells.clear();
    let page = page(empty);
    assert_well_formed(&page);
    assert!(page.contains("PARTIAL") && captions(&page).is_empty());
}

#[test]
fn figures_that_are_nothing_or_negative_are_drawn() {
    let mut record = fixture::comparison();
    for cell in &mut record.cells {
        for summary in [&mut cell.p50_us, &mut cell.p99_us, &mut cell.p999_us] {
            *summary = crate::stats::Summary::of(&[0.0]);
        }
        cell.beyond_us = crate::stats::Summary::of(&[-3.0, 1e12]);
        cell.process_us = crate::stats::Summary::of(&[0.0]);
    }
    let page = page(record);
    assert_well_formed(&page);
    assert!(!page.contains("NaN") && !page.contains("inf\""));
}

#[test]
fn every_table_of_the_terminal_is_there_with_every_word() {
    let record = fixture::comparison();
    let tables = tables::comparison(&record);
    let page = page(record);
    for table in &tables {
        assert!(page.contains(&format!("<h3>{}</h3>", table.title)));
        for words in table.rows.iter().flatten().map(Entry::words) {
            assert!(page.contains(&format!("{words}</")), "{words} is missing");
        }
    }
    assert_eq!(page.matches("<table ").count(), tables.len());
}

#[test]
fn what_must_not_be_overlooked_is_said() {
    let page = page(fixture::small());
    for alarm in [
        "<p class=\"alarm\" data-kind=\"PARTIAL\">",
        "<p class=\"alarm\" data-kind=\"QUICK\">",
        "<b>WARNING</b> the machine is &lt;not&gt; quiet &amp; loud",
    ] {
        assert!(page.contains(alarm), "{alarm}");
    }
}

#[test]
fn checks_have_verdicts_and_bars_of_headroom() {
    let page = render(&[Record::Verify(fixture::verification())]).unwrap();
    assert_eq!(page.matches("data-verdict=\"aim\">passed").count(), 2);
    assert_eq!(page.matches("data-verdict=\"missed\">FAILED").count(), 1);
    // 3.42 of what was wanted is the longest.
    assert!(
        page.contains("style=\"--wanted: 29.2%\"><span class=\"enough\" style=\"width: 100.0%\">")
    );
    assert!(page.contains("2 connections were closed before they answered again"));
}

#[test]
fn the_record_within_the_page_is_the_record() {
    let mut record = fixture::small();
    record.surroundings.warnings = vec!["</script> ends nothing".to_owned()];
    let page = page(record);
    assert_well_formed(&page);
    let (_, json) = page
        .split_once("<script type=\"application/json\" id=\"json-1\">")
        .unwrap();
    let (json, _) = json.split_once("</script>").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("record.json");
    std::fs::write(&path, json).unwrap();
    let Record::Compare(again) = file::read(&path).unwrap() else {
        panic!("another verb");
    };
    assert_eq!(again.surroundings.warnings, ["</script> ends nothing"]);
    assert_eq!(again.runs.len(), 6);
}
