//! The first thing a new user does: `halb demo`, looked at in a real browser.

use nix::sys::signal::Signal;

use crate::chromium::Browser;
use crate::node;
use crate::process::Process;

#[test]
fn a_browser_shows_the_demo_and_its_figures() {
    let mut demo = Process::start(node::program().arg("demo"));
    let said = demo.line("HALB demo: ");
    let url = said.split(' ').next().unwrap();
    let said = demo.line("Watch it live: ");
    let ui = said.split(' ').next().unwrap().to_owned();
    let mut browser = Browser::start();
    browser.open(url);
    let heading = browser.text("document.querySelector('h1').textContent");
    let answered = (1..=4).any(|number| heading == format!("out{number} answered"));
    assert!(answered, "{heading}");
    browser.open(&ui);
    browser.until("document.querySelectorAll('.status[data-status=UP]').length === 4");
    demo.signal(Signal::SIGTERM);
    node::ends_well(&mut demo);
}
