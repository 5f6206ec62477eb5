//! How far it is, for the person who waits: a bar on a terminal, plain lines elsewhere.

use std::io::IsTerminal;
use std::io::Write;
use std::time::Duration;

use indicatif::ProgressBar;
use indicatif::ProgressDrawTarget;
use indicatif::ProgressStyle;

/// How often the times move while a step lasts; seldom, because the bar shares the machine with what is measured.
const TICK: Duration = Duration::from_secs(1);
/// Redraws a second, at most.
const DRAWN_HZ: u8 = 4;
const SHAPE: &str =
    "{prefix} {bar:24} {pos}/{len}  {elapsed_precise} elapsed, {eta_precise} left  {wide_msg}";

/// So many steps of about the same length.
pub struct Progress {
    total: usize,
    begun: usize,
    bar: Option<ProgressBar>,
}

impl Progress {
    pub fn new(total: usize) -> Progress {
        let terminal = std::io::stderr().is_terminal();
        Progress {
            total,
            begun: 0,
            bar: terminal.then(|| bar(total)),
        }
    }

    /// The next step begins; the one before is done.
    pub fn tell(&mut self, doing: &str) {
        self.begun += 1;
        if let Some(bar) = &self.bar {
            bar.set_position(self.begun as u64 - 1);
            bar.set_message(doing.to_owned());
            return;
        }
        // Progress that cannot be shown is no reason to stop.
        let _shown = writeln!(
            std::io::stderr(),
            "{}",
            plain(self.begun, self.total, doing)
        );
    }

    /// Takes the bar away, so that what comes after stands by itself.
    pub fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(total: usize) -> ProgressBar {
    let target = ProgressDrawTarget::stderr_with_hz(DRAWN_HZ);
    let bar = ProgressBar::with_draw_target(Some(total as u64), target);
    // A shape that is not understood leaves the crate's own; a test holds that it is.
    if let Ok(style) = ProgressStyle::with_template(SHAPE) {
        bar.set_style(style.progress_chars("━╸─"));
    }
    bar.set_prefix("halb-bench");
    bar.enable_steady_tick(TICK);
    bar
}

fn plain(begun: usize, total: usize, doing: &str) -> String {
    format!("[{begun}/{total}] {doing}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_is_understood() {
        assert!(ProgressStyle::with_template(SHAPE).is_ok());
    }

    #[test]
    fn a_line_says_which_of_how_many() {
        assert_eq!(plain(3, 40, "halb"), "[3/40] halb");
    }

    #[test]
    fn a_bar_shows_what_is_done_and_not_what_has_begun() {
        let mut progress = Progress {
            total: 3,
            begun: 0,
            bar: Some(bar(3)),
        };
        progress.tell("one");
        progress.tell("two");
        let shown = progress.bar.as_ref().unwrap();
        assert_eq!((shown.position(), shown.length()), (1, Some(3)));
        assert_eq!(shown.message(), "two");
        // More steps than were promised are no fault of the person's.
        progress.tell("three");
        progress.tell("four");
        progress.end();
        assert!(progress.bar.unwrap().is_finished());
    }
}
