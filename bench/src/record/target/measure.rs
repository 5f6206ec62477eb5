//! From the cells to the figure that a promise is judged by.

use crate::record::cell::Cell;
use crate::record::cell::Ratio;
use crate::record::contender::Contender;
use crate::record::memory::Doing;
use crate::record::memory::MemoryFigure;
use crate::record::run::Mark;
use crate::record::run::Part;
use crate::record::target::promises::Measure;
use crate::record::target::promises::Where;
use crate::station::order::Kind;
use crate::stats::Summary;

/// Growth is measured between these.
const GROWTH: (usize, usize) = (64, 10_000);

/// All that a run has measured.
pub struct Found<'a> {
    pub cells: &'a [Cell],
    pub memory: &'a [MemoryFigure],
}

/// What was found for one promise.
pub enum Figure {
    /// No such load was measured, or nothing sound came of it.
    None,
    /// There is a figure, and a reason not to judge by it.
    Doubtful(String),
    Sound {
        worth: f64,
        words: String,
    },
}

impl Found<'_> {
    pub fn measure(&self, measure: &Measure) -> Figure {
        let figure = match measure {
            Measure::Cpu(place, other) => self.cpu(place, &Contender::HALB, other, f64::max),
            // Turned round, the smaller multiple is the worse.
            Measure::CpuSaved(place, other) => self.cpu(place, other, &Contender::HALB, f64::min),
            Measure::Rate(place) => self.rate(place),
            Measure::RateOf(place, other) => self.rate_of(place, other),
            Measure::SlowestAtHalf(other) => self.slowest_at_half(other),
            Measure::IdleBytes => self.idle_bytes(),
            Measure::Growth => self.growth(),
        };
        figure.unwrap_or(Figure::None)
    }

    /// How the relay's own cost grows: the larger of both counts, which is the milder limit.
    pub fn relay_growth(&self) -> Option<f64> {
        let (process, machine) = self.growth_of(&Contender::RELAY)?;
        Some(process.max(machine))
    }

    fn cpu(
        &self,
        place: &Where,
        ours: &Contender,
        theirs: &Contender,
        worse: fn(f64, f64) -> f64,
    ) -> Option<Figure> {
        let (cell, ratio) = self.pair(|cell| place.is(cell), ours, theirs)?;
        let (process, machine) = (ratio.process?.median, ratio.machine?.median);
        Some(Figure::Sound {
            worth: worse(process, machine),
            words: format!(
                "{process:.2} × process, {machine:.2} × machine{}",
                marked(cell)
            ),
        })
    }

    fn rate(&self, place: &Where) -> Option<Figure> {
        let cell = self.cell(|cell| place.is(cell), &Contender::HALB)?;
        let worth = cell.rate?.median;
        let words = format!("{worth:.0}/s{}", marked(cell));
        Some(if cell.marks.contains(&Mark::GeneratorFull) {
            Figure::Doubtful(words)
        } else {
            Figure::Sound { worth, words }
        })
    }

    fn rate_of(&self, place: &Where, other: &Contender) -> Option<Figure> {
        let (cell, ratio) = self.pair(|cell| place.is(cell), &Contender::HALB, other)?;
        let theirs = self.cell(|cell| place.is(cell), other)?;
        let worth = ratio.rate?.median;
        let words = format!("{worth:.2} ×{}", marked(cell));
        let full = |cell: &Cell| cell.marks.contains(&Mark::GeneratorFull);
        Some(if full(cell) || full(theirs) {
            // Not a proxy's limit, but the generator's.
            Figure::Doubtful(words)
        } else {
            Figure::Sound { worth, words }
        })
    }

    fn slowest_at_half(&self, other: &Contender) -> Option<Figure> {
        let rates = |cell: &Cell| cell.scene.part == Part::Rates;
        let most = self.cell(|cell| rates(cell) && cell.scene.kind == Kind::Keep, other)?;
        // As it was offered: a whole number.
        let half = (most.rate?.median * 0.5).round();
        let at_half = |cell: &Cell| rates(cell) && cell.scene.offered == Some(half);
        let (cell, ratio) = self.pair(at_half, &Contender::HALB, other)?;
        let theirs = self.cell(at_half, other)?;
        let worth = ratio.p99?.median;
        let micros = |summary: Option<Summary>| summary.map_or(0.0, |it| it.median);
        let words = format!(
            "{worth:.2} × ({:.0} µs and {:.0} µs at {half}/s){}",
            micros(cell.p99_us),
            micros(theirs.p99_us),
            marked(cell)
        );
        let late = |cell: &Cell| cell.marks.contains(&Mark::GeneratorFull);
        Some(if late(cell) || late(theirs) {
            Figure::Doubtful(words)
        } else {
            Figure::Sound { worth, words }
        })
    }

    fn idle_bytes(&self) -> Option<Figure> {
        let mut figures = self.memory.iter();
        let figure = figures
            .find(|figure| figure.contender == Contender::HALB && figure.doing == Doing::Idle)?;
        let worth = figure.rss_bytes_each;
        let words = format!("{worth:.0} bytes, {} connections", figure.connections);
        Some(if figure.sound() {
            Figure::Sound { worth, words }
        } else {
            Figure::Doubtful(format!("{words}; not all of them were held and answered"))
        })
    }

    fn growth(&self) -> Option<Figure> {
        let (process, machine) = self.growth_of(&Contender::HALB)?;
        let relay = self
            .growth_of(&Contender::RELAY)
            .map_or(String::new(), |(process, machine)| {
                format!("; the relay's {process:.2} and {machine:.2}")
            });
        Some(Figure::Sound {
            worth: process.max(machine),
            words: format!("{process:.2} × process, {machine:.2} × machine{relay}"),
        })
    }

    /// By process, and by machine.
    fn growth_of(&self, contender: &Contender) -> Option<(f64, f64)> {
        let with = |connections: usize| {
            let grown = |cell: &Cell| {
                cell.scene.part == Part::Growth && cell.scene.connections == connections
            };
            self.cell(grown, contender)
        };
        let (few, many) = (with(GROWTH.0)?, with(GROWTH.1)?);
        let times = |few: Summary, many: Summary| many.median / few.median;
        let process = times(few.process_us?, many.process_us?);
        let machine = times(few.beyond_us?, many.beyond_us?);
        Some((process, machine))
    }

    fn cell(&self, here: impl Fn(&Cell) -> bool, contender: &Contender) -> Option<&Cell> {
        self.cells
            .iter()
            .find(|cell| cell.contender == *contender && here(cell))
    }

    fn pair(
        &self,
        here: impl Fn(&Cell) -> bool,
        ours: &Contender,
        theirs: &Contender,
    ) -> Option<(&Cell, &Ratio)> {
        let cell = self.cell(here, ours)?;
        let ratio = cell.ratios.iter().find(|ratio| ratio.to == *theirs)?;
        Some((cell, ratio))
    }
}

impl Where {
    fn is(&self, cell: &Cell) -> bool {
        let scene = &cell.scene;
        scene.part == self.part
            && self
                .connections
                .is_none_or(|wanted| scene.connections == wanted)
            && scene.body_bytes == self.body_bytes
            && scene.allotment.is_some() == self.allotted
    }
}

/// The marks of HALB's cell, where there are any.
fn marked(cell: &Cell) -> String {
    let letters: String = cell.marks.iter().map(|mark| mark.letter()).collect();
    if letters.is_empty() {
        String::new()
    } else {
        format!(" ({letters})")
    }
}
