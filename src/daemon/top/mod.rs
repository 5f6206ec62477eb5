//! `halb top`: how the HALB that runs with the same configuration is doing, live.
//!
//! [`machine`] knows what is shown and what keys mean, [`view`] draws it. Here are the threads around them: one reads
//! keys, one waits for signals, one asks `ctl` and gives it orders, and this one draws.

use std::fs::File;
use std::io;
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;
use signal_hook::consts::SIGHUP;
use signal_hook::consts::SIGINT;
use signal_hook::consts::SIGTERM;
use signal_hook::consts::SIGWINCH;
use signal_hook::iterator::Signals;
use termion::input::TermRead;

use crate::control::ctl::answer::DONE;
use crate::control::ctl::client::Client;
use crate::daemon::EXIT_FAILURE;
use crate::daemon::args::Options;
use crate::daemon::check;
use crate::daemon::top::machine::Key;
use crate::daemon::top::machine::Machine;
use crate::daemon::top::machine::Order;
use crate::daemon::top::machine::Request;
use crate::daemon::top::paint::Paint;
use crate::daemon::top::reading::Reading;
use crate::daemon::top::screen::Screen;
use crate::daemon::top::view::View;
use crate::ring::clock;

pub mod figure;
mod header;
pub mod machine;
pub mod paint;
pub mod reading;
mod screen;
mod table;
pub mod view;

/// What a frame is as wide as that goes to no terminal: all columns, and a sentence.
const PLAIN_WIDTH: u16 = 180;
/// Rows of a plain frame besides those of the outputs: header, heads of the table, events.
const PLAIN_MORE: u16 = 20;

/// What wakes the thread that draws.
enum News {
    Key(Key),
    /// The keyboard is gone, or a signal says that it is over.
    Over,
    Resized,
    Answer(Box<Result<Reading, String>>),
    Ordered(Order, Result<(), String>),
}

/// The verb.
pub fn verb(options: &Options, interval: Duration, once: bool) -> ExitCode {
    let loaded = match check::configuration(options) {
        Ok(loaded) => loaded,
        Err(unusable) => {
            check::say(&unusable.listing());
            return ExitCode::from(EXIT_FAILURE);
        }
    };
    let client = match Client::new(&loaded.config) {
        Ok(client) => client,
        Err(error) => return failed(&error.to_string()),
    };
    let mut machine = Machine::new(&client.address().to_string(), &length(interval));
    if once || !Screen::is_watched() {
        return match ask(&client) {
            Ok(reading) => {
                machine.on_answer(Ok(reading));
                check::put(&plain(&machine, screen::width().unwrap_or(PLAIN_WIDTH)))
            }
            Err(why) => failed(&why),
        };
    }
    match live(&mut machine, client, interval) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error.to_string()),
    }
}

/// One frame as text.
pub fn plain(machine: &Machine, width: u16) -> String {
    let outputs = machine.reading.as_ref().map_or(0, |all| all.outputs.len());
    let height = u16::try_from(outputs).unwrap_or(u16::MAX / 2) + PLAIN_MORE;
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    let paint = Paint { colours: false };
    let view = View {
        machine,
        paint,
        live: false,
    };
    view.render(buffer.area, &mut buffer);
    let text = lines(&buffer);
    format!("{}\n", text.trim_end())
}

/// The letters of a buffer, without the white space behind them.
pub fn lines(buffer: &Buffer) -> String {
    let mut text = String::new();
    for y in buffer.area.top()..buffer.area.bottom() {
        let cells = (buffer.area.left()..buffer.area.right()).filter_map(|x| buffer.cell((x, y)));
        let line: String = cells.map(|cell| cell.symbol()).collect();
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Until somebody leaves.
fn live(machine: &mut Machine, client: Client, interval: Duration) -> io::Result<()> {
    let keyboard = termion::get_tty()?;
    let signals = Signals::new([SIGHUP, SIGINT, SIGTERM, SIGWINCH])?;
    let mut screen = Screen::take()?;
    let paint = Paint {
        colours: std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
    };
    let (tell, news) = mpsc::channel();
    let (give, orders) = mpsc::channel();
    // They end with the process: each waits for somebody who may never come.
    let of_keys = tell.clone();
    thread::spawn(move || read_keys(keyboard, &of_keys));
    let of_signals = tell.clone();
    thread::spawn(move || hear_signals(signals, &of_signals));
    thread::spawn(move || follow(&client, interval, &orders, &tell));
    loop {
        machine.on_time(clock::read().now);
        screen.draw(machine, paint)?;
        // Without news, once more all the same: the age of old figures grows.
        let request = match news.recv_timeout(interval) {
            Ok(News::Key(key)) => machine.on_key(key),
            Ok(News::Over) => Some(Request::Leave),
            Ok(News::Answer(answer)) => {
                machine.on_time(clock::read().now);
                machine.on_answer(*answer);
                None
            }
            Ok(News::Ordered(order, result)) => {
                machine.on_ordered(&order, result);
                None
            }
            Ok(News::Resized) | Err(_) => None,
        };
        match request {
            Some(Request::Leave) => return Ok(()),
            Some(Request::Give(order)) => drop(give.send(order)),
            None => {}
        }
    }
}

fn read_keys(keyboard: File, tell: &mpsc::Sender<News>) {
    for pressed in keyboard.keys().map_while(Result::ok) {
        if let Some(key) = screen::key(pressed)
            && tell.send(News::Key(key)).is_err()
        {
            return;
        }
    }
    let _ = tell.send(News::Over); // whoever has left knows it
}

fn hear_signals(mut signals: Signals, tell: &mpsc::Sender<News>) {
    for signal in signals.forever() {
        let news = match signal {
            SIGWINCH => News::Resized,
            _ => News::Over,
        };
        if tell.send(news).is_err() {
            return;
        }
    }
}

/// Asks again and again, and gives orders in between, until nobody wants to know.
fn follow(
    client: &Client,
    interval: Duration,
    orders: &mpsc::Receiver<Order>,
    tell: &mpsc::Sender<News>,
) {
    while tell.send(News::Answer(Box::new(ask(client)))).is_ok() {
        match orders.recv_timeout(interval) {
            Ok(order) => {
                let result = carry_out(client, &order);
                if tell.send(News::Ordered(order, result)).is_err() {
                    return;
                }
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Err(mpsc::RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn ask(client: &Client) -> Result<Reading, String> {
    let reply = client.ask("/api/overview");
    let reply = reply.map_err(|error| error.to_string())?;
    if reply.code != u64::from(DONE) {
        return Err(reply.message);
    }
    let overview = reply.more.get("overview").and_then(Reading::of);
    overview
        .ok_or_else(|| "the HALB that answers is another version, without an overview".to_owned())
}

fn carry_out(client: &Client, order: &Order) -> Result<(), String> {
    let target = format!("/api/{}?channel={}", order.verb.word(), order.output);
    let reply = client.ask(&target).map_err(|error| error.to_string())?;
    if reply.code == u64::from(DONE) {
        Ok(())
    } else {
        Err(reply.message)
    }
}

fn failed(why: &str) -> ExitCode {
    check::say(&format!("halb top: {why}\n"));
    ExitCode::from(EXIT_FAILURE)
}

fn length(interval: Duration) -> String {
    format!("{} s", crate::model::amount::seconds(interval))
}
