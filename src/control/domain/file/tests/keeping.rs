//! What comes of changes, whatever happens meanwhile.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use crate::control::domain::file::answer::Answered;
use crate::control::domain::file::tests::rig::FIRST;
use crate::control::domain::file::tests::rig::Rig;
use crate::control::domain::file::tests::rig::keeping;
use crate::control::domain::file::tests::rig::plainly;

/// With another first line.
fn with(line: &str) -> String {
    format!("{line}\n{FIRST}")
}

/// Else it would undo the other one's, and nobody would know.
#[test]
fn what_another_server_changes_while_a_change_is_read_stays() {
    let (mine, theirs) = (with("client_timeout = 30"), with("server_timeout = 30"));
    let (edit, other) = (mine.clone(), theirs.clone());
    let once = AtomicBool::new(true);
    let meanwhile = Box::new(move |rig: &Rig, text: &str| {
        if text == edit && once.swap(false, Ordering::Relaxed) {
            rig.take_from_lb2(&other);
        }
        Ok(())
    });
    keeping(meanwhile, async |rig| {
        rig.write(&mine);
        assert_eq!(rig.file.reload(false).await, Answered::Late);
        assert_eq!(fs::read_to_string(rig.path()).unwrap(), theirs);
        assert_eq!(rig.scratch.text("halb.toml.conflict-lb1-2"), mine);
        assert_eq!(rig.file.view().head.version.generation, 2);
    });
}

/// Its one word is put into what the other one has written.
#[test]
fn maintenance_that_comes_late_is_ordered_again() {
    let theirs = with("server_timeout = 30");
    let other = theirs.clone();
    let once = AtomicBool::new(true);
    let meanwhile = Box::new(move |rig: &Rig, text: &str| {
        if text.contains("maintenance") && once.swap(false, Ordering::Relaxed) {
            rig.take_from_lb2(&other);
        }
        Ok(())
    });
    keeping(meanwhile, async |rig| {
        let answered = rig.file.maintenance("lb2", true, true).await;
        assert!(matches!(answered, Answered::Taken { .. }), "{answered:?}");
        let both = theirs.replace("servers.lb2]\n", "servers.lb2]\nmaintenance = true\n");
        assert_eq!(fs::read_to_string(rig.path()).unwrap(), both);
        assert_eq!(rig.file.view().conflicts, [""; 0]);
    });
}

#[test]
fn what_is_written_and_not_in_force_is_said_until_it_is() {
    let next = with("client_timeout = 30");
    let (is, calls) = (next.clone(), AtomicUsize::new(0));
    let mends = Arc::new(AtomicBool::new(false));
    let mended = Arc::clone(&mends);
    // It is read to be examined, to be tried out, and to be taken into force.
    let fails = Box::new(move |_: &Rig, text: &str| {
        let is_third = text == is && calls.fetch_add(1, Ordering::Relaxed) >= 2;
        match is_third && !mended.load(Ordering::Relaxed) {
            true => Err("no room".to_owned()),
            false => Ok(()),
        }
    });
    keeping(fails, async |rig| {
        rig.write(&next);
        let answered = rig.file.reload(false).await.sentence();
        assert!(
            answered.contains("written, and not in force: no room"),
            "{answered}"
        );
        let view = rig.file.view();
        let trouble = "version 0.2 is written here and not in force, because no room: `halb reload` tries again";
        assert_eq!(view.trouble.as_deref(), Some(trouble));
        assert!(!view.is_in_sync());
        assert_eq!(rig.goes_by(), 1, "so it is not ready");
        mends.store(true, Ordering::Relaxed);
        let answered = rig.file.reload(false).await;
        assert!(matches!(answered, Answered::Same(_)), "{answered:?}");
        assert_eq!(rig.file.view().trouble, None);
        assert_eq!(rig.goes_by(), 2);
        let timeout = rig.shared.current().config.client_timeout;
        assert_eq!(timeout.unwrap().as_secs(), 30);
    });
}

/// What else is in the file may be what somebody else is about to write.
#[test]
fn who_insists_on_maintenance_insists_on_nothing_else() {
    keeping(plainly(), async |rig| {
        rig.write(&FIRST.replace("'shop'", "'store'"));
        let answered = rig.file.maintenance("lb2", true, true).await;
        let Answered::Asks(reasons) = answered else {
            panic!("{answered:?}");
        };
        assert_eq!(reasons, ["it renames the domain: shop → store"]);
        rig.write(FIRST);
        // Nobody knows how the pair stands.
        let asks = rig.file.maintenance("lb2", true, false).await.sentence();
        assert!(asks.contains("it puts lb2 into maintenance"), "{asks}");
        let answered = rig.file.maintenance("lb2", true, true).await;
        assert!(matches!(answered, Answered::Taken { .. }), "{answered:?}");
    });
}

#[test]
fn a_file_that_has_gone_is_missed() {
    keeping(plainly(), async |rig| {
        // Then the folder is watched.
        let answered = rig.file.reload(false).await;
        assert!(matches!(answered, Answered::Same(_)), "{answered:?}");
        fs::remove_file(rig.path()).unwrap();
        rig.until(|view| view.trouble.is_some()).await;
        let said = rig.file.view().sentence();
        assert!(said.contains("cannot be read: No such file"), "{said}");
        rig.write(FIRST);
        let answered = rig.file.reload(false).await;
        assert!(matches!(answered, Answered::Same(_)), "{answered:?}");
        assert_eq!(rig.file.view().trouble, None);
    });
}
