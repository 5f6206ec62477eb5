//! A domain file that is written in pieces. Each time somebody closes it HALB looks at what is there by then.

use std::fs::File;
use std::io::Write;

use crate::file::BEFORE;
use crate::file::both_have;
use crate::world::LB1;
use crate::world::PAIR;
use crate::world::SERVICE;
use crate::world::record::eventually;
use crate::world::server::Server;
use crate::world::world;

const CHANGED: &str = "client_timeout = 30";
/// Makes the file longer, so that what was in force before is a beginning of it.
const END: &str = "# That is all.\n";

/// The lines since `mark` that say that something was taken into force.
fn taken(server: &Server, mark: usize) -> Vec<String> {
    let said = server.log.all().into_iter().skip(mark);
    let lines = said.map(|entry| entry.what);
    lines
        .filter(|line| line.contains("event=reload text="))
        .collect()
}

/// The next piece is in the file; somebody closes it, and HALB says what it thinks of that.
fn piece(of: &Server, file: &mut File, text: &str, says: &[&str]) {
    let mark = of.log.mark();
    file.write_all(text.as_bytes()).unwrap();
    file.sync_all().unwrap();
    of.touches();
    of.says_after(mark, &[&["event=domain_file"][..], says].concat());
}

#[test]
fn what_is_written_in_pieces_is_taken_whole() {
    world(PAIR, |mut world| {
        world.up();
        let load = world.load(SERVICE);
        let (one, two) = (&world.lb1, &world.lb2);
        let marks = [one.log.mark(), two.log.mark()];
        let before = one.text();
        let text = before.replace(BEFORE, &format!("workers = 1\n{CHANGED}\n")) + END;
        let cuts =
            ["client_time", "[domain]", "[domain.servers.lb2]\n"].map(|at| text.find(at).unwrap());
        let mut file = File::create(&one.file).unwrap();
        piece(one, &mut file, "", &["the domain file is empty: waiting"]);
        // In the middle of a name.
        let refused = "refused, nothing is changed on any server: lb1: ";
        piece(one, &mut file, &text[..cuts[0] + 8], &[refused]);
        // A whole configuration, of a server that stands alone.
        let alone = &[
            "waits, nothing is changed: it has no [domain]",
            "apply --yes",
        ];
        piece(one, &mut file, &text[cuts[0] + 8..cuts[1]], alone);
        one.says_of_its_file("a change waits, because it has no [domain]");
        piece(one, &mut file, &text[cuts[1]..cuts[2]], &[refused]);
        assert_eq!(two.text(), before);
        for (server, mark) in [(one, marks[0]), (two, marks[1])] {
            let taken = taken(server, mark);
            assert!(taken.is_empty(), "{taken:?}\n{}", server.history());
        }
        // Nobody else closes it now: the one who writes it does.
        file.write_all(&text.as_bytes()[cuts[2]..]).unwrap();
        drop(file);
        both_have(&world, CHANGED);
        for (server, mark) in [(one, marks[0]), (two, marks[1])] {
            server.says_after(mark, &["event=reload", "client_timeout 60 → 30"]);
            assert_eq!(taken(server, mark).len(), 1, "{}", server.history());
        }
        // The whole of it but for the end, which could be meant so.
        let mut file = File::create(&one.file).unwrap();
        let beginning = "waits, nothing is changed: it is the beginning of what is in force";
        piece(one, &mut file, text.trim_end_matches(END), &[beginning]);
        assert_eq!(two.text(), text);
        one.says_of_its_file("it is the beginning of what is in force");
        one.done(&["domain", "apply", "--yes"]);
        both_have(&world, CHANGED);
        assert!(!two.text().contains(END));
        for clients in load {
            clients.are_served_by(LB1);
            clients.stop_well();
        }
    });
}

#[test]
fn what_nobody_has_closed_is_not_taken_and_not_lost() {
    world(PAIR, |mut world| {
        world.up();
        let (one, two) = (&world.lb1, &world.lb2);
        let mark = one.log.mark();
        let unclosed = one
            .text()
            .replace(BEFORE, "workers = 1\nclient_timeout = 20\n");
        let file = one.begins_to_write(&unclosed);
        // A change that comes to both meanwhile, by way of a file beside it.
        two.edit(BEFORE, &format!("workers = 1\n{CHANGED}\n"));
        both_have(&world, CHANGED);
        one.says_after(mark, &["event=reload", "client_timeout 60 → 30"]);
        let kept = || {
            let files = std::fs::read_dir(one.file.parent().unwrap()).unwrap();
            let mut files = files.map(|file| file.unwrap().path());
            let kept = files.find(|file| file.to_string_lossy().contains("toml.conflict-lb1-"));
            kept.and_then(|file| std::fs::read_to_string(file).ok())
        };
        eventually("what was written is kept", || {
            kept().as_ref() == Some(&unclosed)
        });
        one.says_after(
            mark,
            &["event=domain_file", "is kept as halb.toml.conflict-lb1-"],
        );
        assert!(
            one.done(&["domain", "status"])
                .contains("until `halb domain ack`")
        );
        one.done(&["domain", "ack"]);
        assert!(
            !one.done(&["domain", "status"])
                .contains("until `halb domain ack`")
        );
        // It is closed too late: another file has its name. By the next change HALB has looked at that.
        drop(file);
        two.edit(CHANGED, "client_timeout = 40");
        both_have(&world, "client_timeout = 40");
        one.says_after(mark, &["event=reload", "client_timeout 30 → 40"]);
        assert_eq!(taken(one, mark).len(), 2, "{}", one.history());
    });
}
