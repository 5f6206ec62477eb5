//! By which terms servers have served, as their logs tell.

use std::collections::BTreeMap;

use halb::pair::term::Term;

use super::World;
use super::record::comes_true;
use super::server::Server;

impl World {
    /// No server's term ever fell, no two served by the same one, and the only one that serves now has the highest.
    pub fn terms_only_rose(&self) {
        let holders = || self.servers().filter(|server| server.holds());
        for server in holders() {
            // The log comes after the address.
            let is_told =
                |last: Option<&(String, Term)>| last.is_some_and(|(state, _)| state == "active");
            let told = comes_true(|| is_told(said(server).last()));
            assert!(told, "it serves and does not say so\n{}", server.history());
        }
        let mut served: BTreeMap<Term, &str> = BTreeMap::new();
        for server in self.servers() {
            let said = said(server);
            let rises = said.is_sorted_by_key(|(_, term)| *term);
            assert!(rises, "its term fell\n{}", server.history());
            for (_, term) in said.iter().filter(|(state, _)| state == "active") {
                let first = *served.entry(*term).or_insert(server.name);
                let same = first == server.name;
                assert!(same, "{first} served by {term:?}\n{}", server.history());
            }
        }
        let latest = served.last_key_value().map(|(_, name)| *name);
        let names: Vec<&str> = holders().map(|server| server.name).collect();
        assert_eq!(names, Vec::from_iter(latest), "of {served:?}");
    }
}

/// Its states, with the terms.
fn said(server: &Server) -> Vec<(String, Term)> {
    let lines = server.log.all().into_iter();
    lines.filter_map(|entry| parse(&entry.what)).collect()
}

/// `active in term 3 of main: …`, as a line of the log has it.
fn parse(line: &str) -> Option<(String, Term)> {
    let (_, text) = line.split_once("event=pair text=\"")?;
    let (standing, _) = text.split_once(": ")?;
    let (state, term) = standing.split_once(" in term ")?;
    let number = term.trim_end_matches(" of main");
    let main = number != term;
    let number = number.parse().ok()?;
    Some((state.to_owned(), Term { number, main }))
}
