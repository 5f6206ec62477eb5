//! The files, one test each.

use std::env;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use crate::bless;
use crate::play;
use crate::play::Mode;
use crate::script;
use crate::script::Case;
use crate::stage::Stage;

/// Every file of `cases` is a test.
macro_rules! files {
    ($($name:ident),* $(,)?) => {
        $(
            #[test]
            fn $name() {
                play_file(stringify!($name));
            }
        )*

        const FILES: &[&str] = &[$(stringify!($name)),*];
    };
}

files!(
    answers,
    bodiless,
    closing,
    early,
    error_files,
    faults,
    forwarded,
    framing,
    hop_by_hop,
    http10,
    insert,
    interim,
    max_forwards,
    passive,
    pipelining,
    retry,
    sync,
    targets,
    trailers,
    tunnels,
);

#[test]
fn every_file_is_played() {
    let entries = fs::read_dir(folder()).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| {
            entry
                .unwrap()
                .path()
                .file_stem()
                .unwrap()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    let mut files = FILES.to_vec();
    files.sort_unstable();
    assert_eq!(names, files);
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialogue/cases")
}

fn play_file(name: &str) {
    let path = folder().join(name).with_extension("txt");
    let mut text = fs::read_to_string(&path).unwrap();
    if env::var_os("DIALOGUE_BLESS").is_some() {
        text = blessed(&text);
        fs::write(&path, &text).unwrap();
    }
    let only = env::var("DIALOGUE_ONLY").unwrap_or_default();
    let faults = play_text(&text, &only);
    let count = faults.len();
    assert!(
        faults.is_empty(),
        "{count} faults in {name}.txt:\n\n{}\n",
        faults.join("\n\n")
    );
}

/// Plays the cases whose sentence contains `only`, in every mode; what was wrong.
pub fn play_text(text: &str, only: &str) -> Vec<String> {
    let cases = match script::read(text) {
        Ok(cases) => cases,
        Err(fault) => return vec![fault],
    };
    let mut faults = Vec::new();
    let mut stage = None;
    for case in cases.iter().filter(|case| case.sentence.contains(only)) {
        for mode in Mode::ALL.into_iter().filter(|mode| mode.applies_to(case)) {
            let fault = on_stage(&mut stage, case, |stage| {
                play::play(stage, case, mode, None)
            });
            if let Err(fault) = fault {
                faults.push(format!("\"{}\" ({})\n{fault}", case.sentence, mode.name()));
                break;
            }
        }
    }
    if let Some(Err(fault)) = stage.map(Stage::finish) {
        faults.push(fault);
    }
    faults
}

fn blessed(text: &str) -> String {
    let cases = script::read(text).unwrap_or_else(|fault| panic!("{fault}"));
    let mut corrections = Vec::new();
    let mut stage = None;
    for case in &cases {
        let played = on_stage(&mut stage, case, |stage| {
            play::play(stage, case, Mode::AsWritten, Some(&mut corrections))
        });
        // What cannot be written down fails when the file is played.
        drop(played);
    }
    drop(stage.map(Stage::finish));
    bless::corrected(text, &corrections)
}

/// Plays on the stage there is, or on a fresh one where that is another.
fn on_stage(
    stage: &mut Option<Stage>,
    case: &Case,
    act: impl FnOnce(&Stage) -> Result<(), String>,
) -> Result<(), String> {
    let setting = play::setting(case)?;
    // With several outputs it matters whose turn it is.
    let fits = |old: &Stage| old.setting == setting && setting.outputs == 1;
    if let Some(old) = stage.take() {
        if fits(&old) {
            *stage = Some(old);
        } else {
            old.finish()?;
        }
    }
    let stage_now = stage.get_or_insert_with(|| Stage::new(&setting));
    let played = act(stage_now);
    if played.is_err()
        && let Some(broken) = stage.take()
    {
        broken.abandon();
    }
    played
}
