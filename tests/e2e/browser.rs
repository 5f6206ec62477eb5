//! A real browser, and the first thing a new user does: `halb demo`.

use nix::sys::signal::Signal;

use crate::node;
use crate::process::Folder;
use crate::process::Process;
use crate::process::says;

#[test]
fn a_browser_shows_the_demo() {
    let mut demo = Process::start(node::program().arg("demo"));
    let said = demo.line("HALB demo: ");
    let url = said.split(' ').next().unwrap();
    let profile = Folder::new();
    let profile = format!("--user-data-dir={}", profile.path("profile").display());
    let page = says(
        "chromium",
        &[
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            &profile,
            "--dump-dom",
            url,
        ],
    );
    let answered = (1..=4).any(|number| page.contains(&format!("out{number} answered")));
    assert!(answered, "{page}");
    demo.signal(Signal::SIGTERM);
    node::ends_well(&mut demo);
}
