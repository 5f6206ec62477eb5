use plotters::coord::ranged1d::Ranged;

use super::*;
use crate::report::figures::scale::Scale;

fn ticks(scale: &Scale) -> Vec<String> {
    let values = scale.key_points(0_usize);
    values.iter().map(|value| scale.words(*value)).collect()
}

#[test]
fn even_steps_hold_everything() {
    assert_eq!(ticks(&Scale::linear(0.0, 60.0)), ["0", "20", "40", "60"]);
    assert_eq!(
        ticks(&Scale::linear(0.0, 11.2)),
        ["0", "2.5", "5.0", "7.5", "10.0", "12.5"]
    );
    assert_eq!(
        ticks(&Scale::linear(-3.0, 7.0)),
        ["-4", "-2", "0", "2", "4", "6", "8"]
    );
    assert_eq!(
        ticks(&Scale::linear(0.97, 1.21)),
        ["0.95", "1.00", "1.05", "1.10", "1.15", "1.20", "1.25"]
    );
    assert_eq!(ticks(&Scale::linear(0.0, 0.0)).len(), 2);
}

#[test]
fn powers_of_ten_and_what_fits_between() {
    assert_eq!(
        ticks(&Scale::logarithmic(40.0, 900.0)),
        ["50", "100", "200", "300", "500", "1,000"]
    );
    assert_eq!(ticks(&Scale::logarithmic(1.0, 1e6)).len(), 7);
    let nothing = Scale::logarithmic(0.0, 0.0);
    assert!(nothing.range().start > 0.0 && nothing.range().end > nothing.range().start);
}

#[test]
fn measured_values_are_written_where_there_is_room() {
    let crowded = [16.0, 20.0, 64.0, 9000.0, 10_000.0];
    assert_eq!(
        ticks(&Scale::logarithmic_at(&crowded)),
        ["16", "10,000", "64"]
    );
}

#[test]
fn nothing_leaves_the_picture() {
    let scale = Scale::linear(0.0, 10.0);
    assert_eq!(scale.map(&5.0, (100, 300)), 200);
    assert_eq!(scale.map(&-50.0, (100, 300)), 100);
    assert_eq!(scale.map(&50.0, (100, 300)), 300);
}

#[test]
fn everybody_looks_different() {
    let names = ["halb", "x", "haproxy", "y", "direct", "z", "relay", "nginx"];
    let palette = Palette::of(names.into_iter());
    let looks = names.map(|name| palette.look(name));
    for (index, look) in looks.iter().enumerate() {
        for other in &looks[index + 1..] {
            assert!(
                look.light != other.light && look.dark != other.dark && look.sign != other.sign
            );
        }
    }
    // A stranger more or less does not change how the known look.
    let fewer = Palette::of(["nginx"].into_iter());
    assert!(fewer.look("nginx").light == palette.look("nginx").light);
}
