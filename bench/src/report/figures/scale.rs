//! An axis: where a value stands on it, and which values are written beside it.

use std::ops::Range;

use plotters::coord::ranged1d::KeyPointHint;
use plotters::coord::ranged1d::NoDefaultFormatting;
use plotters::coord::ranged1d::Ranged;
use plotters::coord::ranged1d::ValueFormatter;

use crate::report::words::grouped;

/// Written values are at least this part of the axis apart, or they would touch.
const APART_X: f64 = 0.13;
const APART_Y: f64 = 0.09;
const STEPS: f64 = 5.0;

#[derive(Clone, Debug)]
pub struct Scale {
    logarithmic: bool,
    least: f64,
    most: f64,
    ticks: Vec<f64>,
}

impl Scale {
    /// Even steps that hold all of `least..most`.
    pub fn linear(least: f64, most: f64) -> Scale {
        let wide = if most > least { most - least } else { 1.0 };
        let step = round_up(wide / STEPS);
        let first = (least / step).floor();
        let last = (most / step).ceil().max(first + 1.0);
        let count = (last - first).min(2.0 * STEPS + 2.0) as usize;
        Scale {
            logarithmic: false,
            least: first * step,
            most: last * step,
            ticks: (0..=count)
                .map(|index| (first + index as f64) * step)
                .collect(),
        }
    }

    /// Powers of ten, and what is between them when there is room. What is not positive has no place on it.
    pub fn logarithmic(least: f64, most: f64) -> Scale {
        let least = if least > 0.0 { least / 1.15 } else { 1.0 };
        let most = (most * 1.15).max(least * 2.0);
        let mut scale = Scale {
            logarithmic: true,
            least,
            most,
            ticks: Vec::new(),
        };
        let decades = least.log10().floor() as i32..=most.log10().ceil() as i32;
        let powers = |factor: f64| {
            decades
                .clone()
                .map(move |power| factor * 10_f64.powi(power))
        };
        let inside = |value: &f64| (least..=most).contains(value);
        // Powers of ten come first and are never given up for the others.
        for factor in [1.0, 3.0, 2.0, 5.0] {
            for tick in powers(factor).filter(inside).collect::<Vec<f64>>() {
                scale.add(tick, APART_Y);
            }
        }
        scale.ticks.sort_by(f64::total_cmp);
        scale
    }

    /// Logarithmic, with the values that were measured written below it, as far as there is room.
    pub fn logarithmic_at(values: &[f64]) -> Scale {
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(0.0, f64::max);
        let mut scale = Scale::logarithmic(least, most);
        scale.ticks.clear();
        // The ends are what people look for.
        for tick in [least, most].iter().chain(values) {
            scale.add(*tick, APART_X);
        }
        scale
    }

    /// One without anything written beside it.
    pub fn bare(least: f64, most: f64) -> Scale {
        Scale {
            logarithmic: false,
            least,
            most,
            ticks: Vec::new(),
        }
    }

    /// What is written at a value: as many digits as the steps need.
    pub fn words(&self, value: f64) -> String {
        let step = match self.ticks.as_slice() {
            [one, next, ..] if !self.logarithmic => next - one,
            _ => value,
        };
        grouped(value, if value == 0.0 { 0 } else { digits_of(step) })
    }

    /// From 0 to 1 along the axis.
    fn part(&self, value: f64) -> f64 {
        let on = |value: f64| {
            if self.logarithmic {
                value.max(f64::MIN_POSITIVE).log10()
            } else {
                value
            }
        };
        (on(value) - on(self.least)) / (on(self.most) - on(self.least))
    }

    fn add(&mut self, tick: f64, apart: f64) {
        let here = self.part(tick);
        if self
            .ticks
            .iter()
            .all(|other| (self.part(*other) - here).abs() >= apart)
        {
            self.ticks.push(tick);
        }
    }
}

impl Ranged for Scale {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        // What is outside stands at the edge, where it is seen to be out.
        let part = self.part(*value).clamp(0.0, 1.0);
        limit.0 + (part * f64::from(limit.1 - limit.0)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks.clone()
    }

    fn range(&self) -> Range<f64> {
        self.least..self.most
    }
}

impl ValueFormatter<f64> for Scale {
    fn format_ext(&self, value: &f64) -> String {
        self.words(*value)
    }
}

/// The next of 1, 2, 2.5, 5 times a power of ten.
fn round_up(step: f64) -> f64 {
    let power = 10_f64.powf(step.log10().floor());
    let factors = [1.0, 2.0, 2.5, 5.0];
    let fits = factors
        .into_iter()
        .find(|factor| factor * power >= step * 0.999);
    fits.unwrap_or(10.0) * power
}

/// So many digits does it take to write it whole, up to three.
fn digits_of(step: f64) -> usize {
    let whole = |digits: &i32| {
        let scaled = step * 10_f64.powi(*digits);
        (scaled - scaled.round()).abs() < 1e-6
    };
    (0..3).find(whole).unwrap_or(3) as usize
}
