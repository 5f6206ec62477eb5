use super::*;
use crate::control::state::tests::Dying;
use crate::control::state::tests::Scratch;

const WAS: &[u8] = b"out1 = 'a' # was";
const IS: &[u8] = b"out1 = 'b' # is";
const EDIT: &[u8] = b"out1 = 'c' # edit";

fn place(scratch: &Scratch, text: &[u8]) -> Place {
    let path = scratch.0.join("halb.toml");
    fs::write(&path, text).unwrap();
    Place::of(&path).unwrap()
}

fn what(keep: bool) -> Replacement<'static> {
    Replacement {
        was: WAS,
        was_called: "lb1-7".to_owned(),
        edit_called: "lb1-8".to_owned(),
        is: IS,
        keep,
    }
}

#[test]
fn the_file_keeps_its_mode_and_owner() {
    let scratch = Scratch::new();
    let place = place(&scratch, WAS);
    fs::set_permissions(place.path(), Permissions::from_mode(0o640)).unwrap();
    let before = fs::metadata(place.path()).unwrap();
    assert!(place.replace(&what(false)).unwrap().is_empty());
    let after = fs::metadata(place.path()).unwrap();
    assert_eq!(place.read().unwrap(), IS);
    assert_eq!(after.mode(), before.mode());
    assert_eq!((after.uid(), after.gid()), (before.uid(), before.gid()));
}

#[test]
fn what_was_not_taken_is_kept_beside_it() {
    let scratch = Scratch::new();
    let place = place(&scratch, EDIT);
    let kept = place.replace(&what(true)).unwrap();
    let names = ["halb.toml.conflict-lb1-7", "halb.toml.conflict-lb1-8"];
    assert_eq!(kept, names);
    assert_eq!(scratch.text(names[0]).as_bytes(), WAS);
    assert_eq!(scratch.text(names[1]).as_bytes(), EDIT);
    assert_eq!(place.read().unwrap(), IS);
    // And what is there already is not written again.
    assert!(place.replace(&what(false)).unwrap().is_empty());
}

/// Nobody says that it is taken before.
#[test]
fn what_is_there_already_goes_to_the_disk() {
    let scratch = Scratch::new();
    let place = place(&scratch, IS);
    assert!(
        place
            .replace_on(&mut Dying::after(0), &what(false))
            .is_err()
    );
    let kept = place.replace_on(&mut Dying::after(1), &what(false));
    assert!(kept.unwrap().is_empty());
}

#[test]
fn what_is_kept_is_not_written_over() {
    let scratch = Scratch::new();
    let name = "halb.toml.conflict-lb1-8";
    for (text, expected) in [
        (&b"first"[..], name.to_owned()),
        (b"second", format!("{name}-2")),
        (b"third", format!("{name}-3")),
        (b"second", format!("{name}-2")),
    ] {
        let place = place(&scratch, text);
        assert_eq!(place.replace(&what(false)).unwrap(), [expected.as_str()]);
        assert_eq!(scratch.text(&expected).as_bytes(), text);
    }
}

/// It could not be kept.
#[test]
fn what_cannot_be_read_is_not_replaced() {
    let scratch = Scratch::new();
    let long = vec![b'#'; TEXT_BYTES_MAX + 1];
    let at = place(&scratch, &long);
    let refused = at.replace(&what(false)).unwrap_err().to_string();
    assert!(refused.contains("512 KiB"), "{refused}");
    assert_eq!(fs::read(at.path()).unwrap(), long);
    fs::remove_file(at.path()).unwrap();
    fs::create_dir(at.path()).unwrap();
    assert!(at.replace(&what(false)).is_err());
    assert!(at.path().is_dir());
    fs::remove_dir(at.path()).unwrap();
    assert!(at.replace(&what(false)).unwrap().is_empty());
    assert_eq!(at.read().unwrap(), IS);
}

#[test]
fn a_link_leads_to_the_file() {
    let scratch = Scratch::new();
    place(&scratch, WAS);
    let link = scratch.0.join("link.toml");
    std::os::unix::fs::symlink("halb.toml", &link).unwrap();
    let place = Place::of(&link).unwrap();
    place.replace(&what(false)).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(scratch.text("halb.toml").as_bytes(), IS);
}

#[test]
fn whoever_dies_at_any_step_loses_no_text() {
    let mut steps = 0;
    loop {
        let scratch = Scratch::new();
        let place = place(&scratch, EDIT);
        let mut disk = Dying::after(steps);
        let done = place.replace_on(&mut disk, &what(true)).is_ok();
        let there = place.read().unwrap();
        assert!(there == EDIT || there == IS, "after {steps} steps");
        if there == IS {
            let kept = |name: &str| fs::read(scratch.0.join(name)).ok();
            assert_eq!(kept("halb.toml.conflict-lb1-7").as_deref(), Some(WAS));
            assert_eq!(kept("halb.toml.conflict-lb1-8").as_deref(), Some(EDIT));
        }
        if done {
            break;
        }
        steps += 1;
    }
    assert!(steps > 40, "every byte is a step: {steps}");
}

#[test]
fn a_folder_in_which_nothing_can_be_written_is_said() {
    let scratch = Scratch::new();
    let place = place(&scratch, WAS);
    assert_eq!(place.unwritable(), None);
    // Root may write everywhere, but not where there is nothing.
    let gone = Place {
        folder: place.folder.join("gone"),
        ..place
    };
    let said = gone.unwritable().unwrap();
    assert!(said.contains("gone is not writable"), "{said}");
}
