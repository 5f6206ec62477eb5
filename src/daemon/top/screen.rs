//! The terminal itself: taken over, and given back as it was however the program ends.

use std::io;
use std::io::IsTerminal;
use std::io::Stdout;
use std::io::Write;
use std::sync::Arc;

use ratatui::Terminal;
use ratatui::backend::TermionBackend;
use termion::clear;
use termion::cursor;
use termion::event;
use termion::raw::IntoRawMode;
use termion::raw::RawTerminal;
use termion::screen;

use crate::daemon::top::machine::Key;
use crate::daemon::top::machine::Machine;
use crate::daemon::top::paint::Paint;
use crate::daemon::top::view::View;

/// A terminal that is ours until this is dropped.
pub struct Screen {
    terminal: Terminal<TermionBackend<Stdout>>,
    raw: Arc<RawTerminal<Stdout>>,
}

impl Screen {
    /// Whether a person looks at what is printed.
    pub fn is_watched() -> bool {
        io::stdout().is_terminal()
    }

    pub fn take() -> io::Result<Screen> {
        let raw = Arc::new(io::stdout().into_raw_mode()?);
        // Without unwinding nothing is dropped after a panic: its message shall be read on the ordinary screen.
        let of_hook = Arc::clone(&raw);
        let said_before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            give_back(&of_hook);
            said_before(panic);
        }));
        let taken = Screen {
            terminal: Terminal::new(TermionBackend::new(io::stdout()))?,
            raw,
        };
        let mut stdout = io::stdout();
        write!(stdout, "{}{}", screen::ToAlternateScreen, cursor::Hide)?;
        stdout.flush()?;
        Ok(taken)
    }

    pub fn draw(&mut self, machine: &Machine, paint: Paint) -> io::Result<()> {
        let view = View {
            machine,
            paint,
            live: true,
        };
        let drawn = self
            .terminal
            .draw(|frame| frame.render_widget(view, frame.area()));
        drawn.map(|_| ())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back(&self.raw);
    }
}

/// Whom could it be told if it fails?
fn give_back(raw: &RawTerminal<Stdout>) {
    let mut stdout = io::stdout();
    // A screen that was resized meanwhile may leave of itself what is not cleared.
    let (all, main) = (clear::All, screen::ToMainScreen);
    let _ = write!(stdout, "{all}{}{main}", cursor::Show);
    let _ = stdout.flush();
    let _ = raw.suspend_raw_mode();
}

/// How wide the terminal is, if there is one.
pub fn width() -> Option<u16> {
    let (width, _) = termion::terminal_size().ok()?;
    Screen::is_watched().then_some(width)
}

/// What a key of the terminal means; `None`: nothing.
pub fn key(pressed: event::Key) -> Option<Key> {
    Some(match pressed {
        event::Key::Char(letter) => Key::Letter(letter),
        event::Key::Up => Key::Up,
        event::Key::Down => Key::Down,
        event::Key::PageUp => Key::PageUp,
        event::Key::PageDown => Key::PageDown,
        event::Key::Home => Key::Home,
        event::Key::End => Key::End,
        event::Key::Esc => Key::Escape,
        event::Key::Ctrl('c') => Key::Interrupt,
        _ => return None,
    })
}
