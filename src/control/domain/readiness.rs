//! What the pair thread is told of this server's readiness to serve: each part by the one who knows it.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use crate::control::domain::Pair;
use crate::pair::advert::FileVersion;
use crate::pair::event::Event;
use crate::pair::event::Readiness;

/// All parts. Who changes one need not know the others.
pub struct Parts {
    pair: Arc<dyn Pair>,
    now: Mutex<Readiness>,
}

impl Parts {
    /// Nothing is known yet. Without somebody who says otherwise this server has all that others learned.
    pub fn new(pair: Arc<dyn Pair>) -> Parts {
        let now = Readiness {
            mirrored: true,
            ..Readiness::default()
        };
        pair.tell(Event::Readiness(now));
        Parts {
            pair,
            now: Mutex::new(now),
        }
    }

    /// The domain file that this server runs by.
    pub fn file(&self, version: FileVersion) {
        self.change(|now| now.file = version);
    }

    /// Whether this server has all that the active has learned.
    pub fn mirrored(&self, mirrored: bool) {
        self.change(|now| now.mirrored = mirrored);
    }

    /// Whether any output is up, or there is none that could be.
    pub fn outputs_up(&self, up: bool) {
        self.change(|now| now.outputs_up = up);
    }

    fn change(&self, change: impl FnOnce(&mut Readiness)) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let before = *now;
        change(&mut now);
        if *now != before {
            // Under the lock, so that the last word is the last one told.
            self.pair.tell(Event::Readiness(*now));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::domain::Later;
    use crate::pair::action::Outcome;
    use crate::pair::event::Order;
    use crate::standby::handle::Standing;

    #[derive(Default)]
    struct Told(Mutex<Vec<Readiness>>);

    impl Pair for Told {
        fn standing(&self) -> Option<Standing> {
            None
        }

        fn tell(&self, event: Event) {
            if let Event::Readiness(readiness) = event {
                self.0.lock().unwrap().push(readiness);
            }
        }

        fn order(&self, _: Order) -> Later<'_, Option<Outcome>> {
            Box::pin(async { None })
        }
    }

    #[test]
    fn each_part_is_told_with_the_others_and_once() {
        let told = Arc::new(Told::default());
        let parts = Parts::new(Arc::clone(&told) as Arc<dyn Pair>);
        let file = FileVersion {
            generation: 3,
            ..FileVersion::default()
        };
        parts.file(file);
        parts.outputs_up(true);
        parts.outputs_up(true);
        parts.mirrored(false);
        let all = told.0.lock().unwrap().clone();
        assert_eq!(all.len(), 4);
        let last = Readiness {
            file,
            mirrored: false,
            outputs_up: true,
        };
        assert_eq!(all.last(), Some(&last));
    }
}
