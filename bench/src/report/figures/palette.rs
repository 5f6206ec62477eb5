//! One colour and one shape for each contender, everywhere. The colours are told apart by the colour-blind too
//! (blue, vermilion, bluish green, reddish purple, …), and the shapes by everybody.

use plotters::style::RGBColor;

/// Axes' words, and the lines behind the figures.
pub const SOFT: RGBColor = RGBColor(0x5b, 0x64, 0x72);
pub const GRID: RGBColor = RGBColor(0xd8, 0xdc, 0xe2);

/// Of the page, as far as a picture has to cover what is behind.
pub const GROUND: RGBColor = RGBColor(0xff, 0xff, 0xff);

/// How one contender looks.
#[derive(Clone, Copy)]
pub struct Look {
    /// As it is drawn, which is for a light ground.
    pub light: RGBColor,
    /// What the page's style puts in its place on a dark one.
    pub dark: RGBColor,
    /// The outline of its sign, around its middle.
    pub sign: &'static [(i32, i32)],
}

/// Who looks how, in one record.
pub struct Palette(Vec<(String, Look)>);

const CIRCLE: &[(i32, i32)] = &[
    (9, 0),
    (8, 4),
    (6, 6),
    (4, 8),
    (0, 9),
    (-4, 8),
    (-6, 6),
    (-8, 4),
    (-9, 0),
    (-8, -4),
    (-6, -6),
    (-4, -8),
    (0, -9),
    (4, -8),
    (6, -6),
    (8, -4),
];
const TRIANGLE: &[(i32, i32)] = &[(0, -10), (10, 8), (-10, 8)];
const SQUARE: &[(i32, i32)] = &[(-8, -8), (8, -8), (8, 8), (-8, 8)];
const DIAMOND: &[(i32, i32)] = &[(0, -11), (11, 0), (0, 11), (-11, 0)];
const FALLING: &[(i32, i32)] = &[(0, 10), (10, -8), (-10, -8)];
const BAR: &[(i32, i32)] = &[(-11, -4), (11, -4), (11, 4), (-11, 4)];
const POST: &[(i32, i32)] = &[(-4, -11), (4, -11), (4, 11), (-4, 11)];
const LEANING: &[(i32, i32)] = &[(-10, 0), (8, -10), (8, 10)];

const fn look(light: (u8, u8, u8), dark: (u8, u8, u8), sign: &'static [(i32, i32)]) -> Look {
    Look {
        light: RGBColor(light.0, light.1, light.2),
        dark: RGBColor(dark.0, dark.1, dark.2),
        sign,
    }
}

/// Who always looks the same.
const KNOWN: &[(&str, Look)] = &[
    ("direct", look((0x7d, 0x85, 0x91), (0xb4, 0xbc, 0xc8), BAR)),
    (
        "relay",
        look((0xa8, 0x4a, 0x85), (0xe5, 0x9a, 0xc8), DIAMOND),
    ),
    ("halb", look((0x25, 0x6b, 0xb1), (0x6c, 0xb0, 0xf2), CIRCLE)),
    (
        "haproxy",
        look((0xc8, 0x4f, 0x00), (0xff, 0x9b, 0x57), TRIANGLE),
    ),
    (
        "nginx",
        look((0x00, 0x80, 0x62), (0x3f, 0xc9, 0xa3), SQUARE),
    ),
];

/// For strangers, in the order they come in; more than these begin again.
const OTHERS: &[Look] = &[
    look((0x8f, 0x6a, 0x00), (0xe3, 0xb3, 0x41), FALLING),
    look((0x2b, 0x8f, 0xa8), (0x8f, 0xdf, 0xf0), POST),
    look((0x3d, 0x3f, 0x46), (0xf0, 0xf2, 0xf5), LEANING),
];

impl Palette {
    /// Looks for all of these.
    pub fn of<'a>(names: impl Iterator<Item = &'a str>) -> Palette {
        let mut looks: Vec<(String, Look)> = Vec::new();
        let mut strangers = OTHERS.iter().cycle();
        for name in names {
            if looks.iter().any(|(known, _)| known == name) {
                continue;
            }
            let known = KNOWN.iter().find(|(known, _)| *known == name);
            let look = known
                .map(|(_, look)| *look)
                .or_else(|| strangers.next().copied());
            looks.extend(look.map(|look| (name.to_owned(), look)));
        }
        Palette(looks)
    }

    /// Who is not in the record has no look of its own.
    pub fn look(&self, name: &str) -> Look {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map_or(OTHERS[0], |(_, look)| *look)
    }

    /// Style rules that give every colour its form on a dark ground; what is drawn keeps its own on a light one.
    pub fn rules() -> String {
        let mut rules = String::new();
        let all = KNOWN.iter().map(|(_, look)| look).chain(OTHERS);
        for look in all {
            let (light, dark) = (code(look.light), code(look.dark));
            for property in ["fill", "stroke"] {
                rules += &format!(
                    "svg [{property}=\"{light}\"] {{ {property}: light-dark({light}, {dark}); }}\n"
                );
            }
        }
        for (colour, variable) in [(SOFT, "soft"), (GRID, "line"), (GROUND, "ground")] {
            for property in ["fill", "stroke"] {
                let light = code(colour);
                rules +=
                    &format!("svg [{property}=\"{light}\"] {{ {property}: var(--{variable}); }}\n");
            }
        }
        rules
    }
}

/// As it stands in the drawn pictures.
pub fn code(colour: RGBColor) -> String {
    format!("#{:02X}{:02X}{:02X}", colour.0, colour.1, colour.2)
}
