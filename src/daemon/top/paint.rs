//! Colours and weights. The sixteen colours that a terminal's user has chosen, and none where `NO_COLOR` is set.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Color;
use ratatui::style::Modifier;
use ratatui::style::Style;

/// Whether there are colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paint {
    pub colours: bool,
}

/// What a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    Plain,
    /// The name of a figure, a heading.
    Label,
    Strong,
    Good,
    Bad,
    Warning,
    Busy,
    Graph,
}

impl Paint {
    pub fn style(self, ink: Ink) -> Style {
        let plain = Style::new();
        let (style, colour) = match ink {
            Ink::Plain => return plain,
            Ink::Label => return plain.add_modifier(Modifier::DIM),
            Ink::Strong => return plain.add_modifier(Modifier::BOLD),
            Ink::Good => (plain, Color::Green),
            Ink::Bad => (plain.add_modifier(Modifier::BOLD), Color::Red),
            Ink::Warning => (plain.add_modifier(Modifier::BOLD), Color::Yellow),
            Ink::Busy => (plain, Color::Cyan),
            Ink::Graph => (plain, Color::Blue),
        };
        if self.colours {
            style.fg(colour)
        } else {
            style
        }
    }

    /// How an output's status looks.
    pub fn status(self, word: &str) -> Style {
        self.style(match word {
            "UP" => Ink::Good,
            "DOWN" => Ink::Bad,
            "DRAIN" => Ink::Warning,
            "CHECKING" => Ink::Busy,
            "DISABLED" => Ink::Label,
            _ => Ink::Plain,
        })
    }
}

/// Puts text there, cut at the area's end; returns the column behind it.
pub fn put(buffer: &mut Buffer, area: Rect, x: u16, y: u16, text: &str, style: Style) -> u16 {
    if x >= area.right() || y >= area.bottom() {
        return area.right();
    }
    let room = usize::from(area.right() - x);
    buffer.set_stringn(x, y, text, room, style).0
}

/// The same, with a sign that it is cut.
pub fn clip(buffer: &mut Buffer, area: Rect, x: u16, y: u16, text: &str, style: Style) {
    let behind = put(buffer, area, x, y, text, style);
    let room = area.right().saturating_sub(x);
    if width(text) > room && room > 0 && y < area.bottom() {
        put(buffer, area, behind.min(area.right()) - 1, y, "…", style);
    }
}

/// Columns that a text takes.
pub fn width(text: &str) -> u16 {
    u16::try_from(ratatui::text::Span::raw(text).width()).unwrap_or(u16::MAX)
}

/// A line across with words in it.
pub fn rule(buffer: &mut Buffer, area: Rect, paint: Paint, left: &str, right: &str) {
    let label = paint.style(Ink::Label);
    let line = "─".repeat(usize::from(area.width));
    put(buffer, area, area.x, area.y, &line, label);
    if !left.is_empty() {
        put(
            buffer,
            area,
            area.x + 1,
            area.y,
            &format!(" {left} "),
            paint.style(Ink::Strong),
        );
    }
    let right = format!(" {right} ");
    let long = width(&right);
    if right.trim().is_empty() || width(left) + long + 6 > area.width {
        return;
    }
    put(buffer, area, area.right() - long - 1, area.y, &right, label);
}
