//! A domain of two servers without virtual addresses, as people run it: the file and the verbs. Who holds the service
//! when something breaks has tests of its own.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::process::Output;
use std::process::Stdio;
use std::sync::atomic::AtomicU16;
use std::sync::atomic::Ordering;

use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use serde_json::Value;

use crate::backend::Backend;
use crate::chromium::Browser;
use crate::node;
use crate::process::Folder;
use crate::process::Process;

static LINKS: AtomicU16 = AtomicU16::new(0);

/// Names a file that lies beside the domain file of each server.
const PAGE: &str = "error_files = { 503 = '/proc/self/cwd/sorry.html' }\n[domain]\n";

/// More looks than anything here needs; each starts a program.
const LOOKS: usize = 2000;

struct Server {
    name: &'static str,
    process: Process,
    file: PathBuf,
    variables: Vec<(&'static str, String)>,
}

struct Pair {
    servers: [Server; 2],
    text: String,
    _folder: Folder,
    _backend: Backend,
}

fn run(file: &Path, variables: &[(&'static str, String)]) -> Process {
    let mut command = node::program();
    command.envs(variables.to_vec());
    command.current_dir(file.parent().unwrap());
    Process::start(command.args(["run", "-f"]).arg(file))
}

impl Server {
    fn start(name: &'static str, folder: &Folder, text: &str) -> Server {
        std::fs::create_dir_all(folder.path(name)).unwrap();
        std::fs::copy(
            folder.path("key"),
            folder.path(&format!("{name}/domain.key")),
        )
        .unwrap();
        let file = folder.write(&format!("{name}/halb.toml"), text.as_bytes());
        let mut variables: Vec<_> = node::apart().into();
        let state = folder.path(&format!("{name}-state"));
        variables.retain(|(variable, _)| *variable != "HALB_STATE_DIR");
        variables.push(("HALB_STATE_DIR", state.display().to_string()));
        variables.push(("HALB_NODE", name.to_owned()));
        Server {
            name,
            process: run(&file, &variables),
            file,
            variables,
        }
    }

    fn halb(&self, arguments: &[&str]) -> Output {
        let mut command = node::program();
        command.envs(self.variables.clone()).args(arguments);
        command.current_dir(self.file.parent().unwrap());
        command.arg("-f").arg(&self.file).stdin(Stdio::null());
        command.output().unwrap()
    }

    /// What a verb printed; it has to succeed.
    fn done(&self, arguments: &[&str]) -> String {
        let output = self.halb(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What a verb complained of; it has to fail.
    fn refused(&self, arguments: &[&str]) -> String {
        let output = self.halb(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    fn status(&self) -> Value {
        serde_json::from_str(&self.done(&["domain", "status", "--json"])).unwrap()
    }

    fn text(&self) -> String {
        std::fs::read_to_string(&self.file).unwrap()
    }

    fn write(&self, text: &str) {
        std::fs::write(&self.file, text).unwrap();
    }
}

impl Pair {
    /// Both run, and lb1 is active. Only a `hot` pair takes over: where that is not what is tested, a machine that does
    /// not run them for half a second changes nothing.
    fn start(hot: bool) -> Pair {
        Pair::start_with(hot, "")
    }

    /// The same with more lines at the top of the file.
    fn start_with(hot: bool, more: &str) -> Pair {
        let folder = Folder::new();
        let backend = Backend::named("one");
        let key = folder.path("key");
        let made = node::program()
            .args(["domain", "keygen"])
            .arg(&key)
            .output();
        assert!(made.unwrap().status.success());
        let [_, high, middle, low] = std::process::id().to_be_bytes();
        let port = 7400 + LINKS.fetch_add(1, Ordering::Relaxed);
        let link = |side: u8| format!("127.{}.{middle}.{low}:{port}", side | high & 31);
        let text = format!(
            "# the shop\n{more}in = '127.0.0.1:0'\nout1 = '{}'\n[domain]\nname = 'shop'\nmain = 'lb1'\nbackup = 'lb2'\n\
             hot_standby = {hot}\nkey_file = '/proc/self/cwd/domain.key'\n[domain.servers.lb1] # left\naddresses = '{}'\n\
             [domain.servers.lb2]\naddresses = '{}'\n",
            backend.address,
            link(128),
            link(160),
        );
        let servers = ["lb1", "lb2"].map(|name| Server::start(name, &folder, &text));
        let pair = Pair {
            servers,
            text,
            _folder: folder,
            _backend: backend,
        };
        pair.until("lb1 serves and hears lb2", |status| {
            let lb1_serves = status["active"] == "lb1" || hot && !status["active"].is_null();
            lb1_serves && status["servers"][1]["alive"] == true && status["file"]["in_sync"] == true
        });
        pair
    }

    /// Looks at the domain through lb1 until it is as wanted.
    fn until(&self, what: &str, is_so: impl Fn(&Value) -> bool) {
        let mut status = Value::Null;
        for _ in 0..LOOKS {
            let output = self.servers[0].halb(&["domain", "status", "--json"]);
            status = serde_json::from_slice(&output.stdout).unwrap_or_default();
            if status["servers"].is_array() && is_so(&status) {
                return;
            }
        }
        let histories = self
            .servers
            .each_ref()
            .map(|server| server.process.history());
        panic!("never {what}: {status:#}\n{}", histories.join("\n"));
    }

    /// Until both have this text.
    fn until_both_have(&self, text: &str) {
        self.until(text, |status| {
            self.servers.iter().all(|server| server.text() == text)
                && status["file"]["in_sync"] == true
        });
    }

    /// Orders it until it is so: a busy machine may lose the first order.
    fn switch_to(&self, name: &str) {
        for _ in 0..LOOKS {
            let _refused_when_it_is_so =
                self.servers[0].halb(&["domain", "activate", "--node", name]);
            if self.servers[0].status()["active"] == name {
                return;
            }
        }
        panic!("{name} never serves");
    }

    /// The standby first, so that nothing is handed over.
    fn stop(self) {
        let [one, two] = self.servers;
        for mut server in [two, one] {
            server.process.signal(Signal::SIGTERM);
            node::ends_well(&mut server.process);
        }
    }
}

#[test]
fn a_change_on_either_server_is_taken_by_both_or_by_none() {
    let pair = Pair::start(false);
    let [one, two] = &pair.servers;
    let added = pair
        .text
        .replace("[domain]\n", "out2 = '127.0.0.1:9'\n[domain]\n");
    two.write(&added);
    pair.until_both_have(&added);
    assert!(one.done(&["domain", "status"]).contains("on all servers"));
    one.write(&pair.text);
    let said = one.done(&["reload"]);
    assert!(
        said.contains("lb1: out2 removed; lb2: out2 removed"),
        "{said}"
    );
    pair.until_both_have(&pair.text);
    // lb2 alone cannot take this one: it names a file that only lb1 has.
    std::fs::write(one.file.with_file_name("sorry.html"), "sorry").unwrap();
    let unfit = pair.text.replace("[domain]\n", PAGE);
    one.write(&unfit);
    let said = one.refused(&["reload"]);
    assert!(said.contains("lb2: "), "{said}");
    assert!(said.contains("nothing is changed on any server"), "{said}");
    assert_eq!(two.text(), pair.text);
    let difference = one.done(&["domain", "diff"]);
    assert!(difference.contains("-error_files = "), "{difference}");
    // What would harm this server waits for a word, and goes with what was there.
    one.write("out1 = '127.0.0.1:9'\n");
    let said = one.refused(&["reload"]);
    assert!(
        said.contains("it has no [domain]") && said.contains("apply --yes"),
        "{said}"
    );
    let said = one.done(&["domain", "status"]);
    assert!(said.contains("a change waits"), "{said}");
    // Where the file cannot even be read as one, how the domain stands is wanted above all.
    one.write("[domain\n");
    pair.until("the mistake is shown", |_| {
        let said = one.done(&["domain", "status"]);
        said.contains("lb1: ") && said.contains("1 mistake in the configuration")
    });
    one.write(&pair.text);
    one.done(&["domain", "apply"]);
    pair.until_both_have(&pair.text);
    // A server that runs cannot be taken out: it has nothing to go by.
    let only_one = pair.text.replace("backup = 'lb2'", "backup = ''");
    let only_one = &only_one[..only_one.find("[domain.servers.lb2]").unwrap()];
    one.write(&format!("{only_one}# lb2 has gone\n"));
    let said = one.refused(&["domain", "apply", "--yes"]);
    assert!(
        said.contains("lb2: ") && said.contains("none of the domain's servers (lb1)"),
        "{said}"
    );
    one.write(&pair.text);
    pair.until_both_have(&pair.text);
    pair.stop();
}

#[test]
fn a_file_that_is_another_on_one_server_is_said() {
    let pair = Pair::start(false);
    let [one, two] = &pair.servers;
    for server in [one, two] {
        std::fs::write(server.file.with_file_name("sorry.html"), "sorry").unwrap();
    }
    one.write(&pair.text.replace("[domain]\n", PAGE));
    one.done(&["reload"]);
    let differs = |parts: &[&str]| {
        pair.until("a difference", |status| {
            let said = status["file"]["text"].as_str().unwrap();
            parts.iter().all(|part| said.contains(part))
                && status["file"]["in_sync"] == parts.is_empty()
        });
    };
    differs(&[]);
    std::fs::write(two.file.with_file_name("sorry.html"), "another").unwrap();
    two.done(&["reload"]);
    differs(&["lb2 has another /proc/self/cwd/sorry.html"]);
    // A key that lies there, and counts after the next start.
    let key = two.file.with_file_name("domain.key");
    std::fs::remove_file(&key).unwrap();
    two.done(&["domain", "keygen"]);
    two.done(&["reload"]);
    differs(&["sorry.html", "/proc/self/cwd/domain.key"]);
    for name in ["domain.key", "sorry.html"] {
        std::fs::copy(one.file.with_file_name(name), two.file.with_file_name(name)).unwrap();
    }
    two.done(&["reload"]);
    differs(&[]);
    pair.stop();
}

/// Just then somebody has to be able to ask, and to insist.
#[test]
fn a_file_with_mistakes_and_one_without_a_domain_keep_nobody_from_asking() {
    let pair = Pair::start(false);
    let [one, two] = &pair.servers;
    let mistaken = pair
        .text
        .replace("[domain]\n", "client_timeout = 'never'\n[domain]\n");
    let alone = &pair.text[..pair.text.find("[domain]").unwrap()];
    for (text, part, refusal) in [
        (
            mistaken.as_str(),
            "client_timeout must be",
            "client_timeout must be",
        ),
        (
            alone,
            "the rest may be missing; it has no [domain]: `halb domain apply --yes` takes it",
            "domain.servers.lb2 is not found in the domain file",
        ),
    ] {
        one.write(text);
        pair.until(part, |status| {
            let said = status["file"]["text"].as_str().unwrap();
            said.contains(part) && status["file"]["in_sync"] == false
        });
        let said = one.refused(&["domain", "maintenance", "on", "lb2"]);
        assert!(said.contains(refusal), "{said}");
        assert_eq!(two.text(), pair.text);
    }
    std::fs::remove_file(&one.file).unwrap();
    pair.until("the file is missed", |status| {
        status["file"]["text"]
            .as_str()
            .unwrap()
            .contains("cannot be read: No such file")
    });
    // Whoever insists gets it, and what only a restart can change stays until then.
    one.write(alone);
    let said = one.done(&["domain", "apply", "--yes"]);
    assert!(
        said.contains("lb2: nothing changed; needs a restart: domain removed"),
        "{said}"
    );
    pair.until_both_have(alone);
    assert_eq!(two.status()["active"], "lb1");
    two.write(&pair.text);
    pair.until_both_have(&pair.text);
    pair.stop();
}

#[test]
fn maintenance_is_ordered_from_anywhere() {
    let pair = Pair::start(false);
    let [one, two] = &pair.servers;
    let said = one.refused(&["domain", "activate"]);
    assert!(said.contains("lb1 is active already"), "{said}");
    one.done(&["domain", "maintenance", "on", "lb2"]);
    let changed = pair.text.replace("lb2]\n", "lb2]\nmaintenance = true\n");
    pair.until_both_have(&changed);
    pair.until("lb2 is out", |status| {
        status["servers"][1]["state"] == "maintenance"
    });
    let said = one.refused(&["domain", "maintenance", "on", "lb2"]);
    assert!(said.contains("on already"), "{said}");
    let said = two.refused(&["domain", "maintenance", "on", "lb1"]);
    assert!(
        said.contains("no standby is ready") && said.contains("--force"),
        "{said}"
    );
    // The same where somebody writes it into the file.
    let lost = changed.replace("# left\n", "# left\nmaintenance = true\n");
    two.write(&lost);
    let said = two.refused(&["reload"]);
    assert!(
        said.contains("it puts lb1 into maintenance, which is active"),
        "{said}"
    );
    two.write(&changed);
    two.done(&["reload"]);
    two.done(&["domain", "maintenance", "off"]);
    pair.until("lb2 is back", |status| {
        status["servers"][1]["state"] == "inactive"
    });
    pair.stop();
}

#[test]
fn a_planned_switch_is_ordered_from_anywhere() {
    let pair = Pair::start(true);
    for name in ["lb2", "lb1"] {
        pair.switch_to(name);
    }
    let [one, _] = &pair.servers;
    let seen = one.done(&["domain", "status", "--node", "lb2"]);
    assert!(seen.contains("seen from lb2"), "{seen}");
    let said = one.refused(&["domain", "status", "--node", "lb9"]);
    assert!(said.contains("lb9 is no server of this domain"), "{said}");
    pair.stop();
}

#[test]
fn of_two_changes_apart_the_active_wins_and_the_other_is_kept() {
    let mut pair = Pair::start(false);
    let [one, two] = &mut pair.servers;
    two.process.signal(Signal::SIGTERM);
    node::ends_well(&mut two.process);
    let ours = pair.text.replace("# the shop", "# the active's");
    let theirs = pair.text.replace("# the shop", "# made without it");
    one.write(&ours);
    one.done(&["reload"]);
    two.write(&theirs);
    two.process = run(&two.file, &two.variables);
    pair.until_both_have(&ours);
    let [_, two] = &pair.servers;
    let kept = two.status()["file"]["conflicts"].clone();
    let name = kept[0].as_str().unwrap();
    assert!(name.starts_with("halb.toml.conflict-lb2-"), "{name}");
    let kept = std::fs::read_to_string(two.file.with_file_name(name)).unwrap();
    assert_eq!(kept, theirs);
    assert!(two.done(&["domain", "status"]).contains(name));
    two.done(&["domain", "ack"]);
    assert!(
        !two.done(&["domain", "status"]).contains(name),
        "{}",
        two.name
    );
    pair.stop();
}

/// The page that the file names is a pipe: as long as nobody writes into it, the start is between reading the file and
/// everything else.
#[test]
fn a_change_while_a_server_starts_is_not_lost() {
    let mut pair = Pair::start(false);
    let [_, two] = &mut pair.servers;
    two.process.signal(Signal::SIGTERM);
    node::ends_well(&mut two.process);
    let page = two.file.with_file_name("late.html");
    mkfifo(&page, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
    let names_it = format!("error_files = {{ 503 = '{}' }}\n[domain]\n", page.display());
    two.write(&pair.text.replace("[domain]\n", &names_it));
    two.process = run(&two.file, &two.variables);
    // Returns once it is read.
    let mut pipe = OpenOptions::new().write(true).open(&page).unwrap();
    let common = two.file.with_file_name("common.html");
    std::fs::write(&common, "late").unwrap();
    std::fs::rename(&common, &page).unwrap();
    let wanted = pair.text.replace("# the shop", "# changed in between");
    two.write(&wanted);
    pipe.write_all(b"late").unwrap();
    drop(pipe);
    two.process.line("event=reload ");
    pair.until_both_have(&wanted);
    pair.stop();
}

/// The live part of the page, and its orders. Each order is asked for again by the page before it is given.
#[test]
fn the_page_shows_the_domain_and_takes_orders() {
    let pair = Pair::start_with(true, "username = 'admin'\npassword = 'secret'\n");
    pair.switch_to("lb1");
    let mut browser = Browser::start();
    let two = &pair.servers[1];
    let address = |name: &str| {
        let mut variables = two.variables.iter();
        let (_, value) = variables.find(|(variable, _)| *variable == name).unwrap();
        value.clone()
    };
    let ui = format!("{}:{}", address("HALB_UI"), address("HALB_UI_PORT"));
    browser.open(&format!("http://admin:secret@{ui}/"));
    browser.until("document.body.dataset.link === 'live'");
    let says = |text: &str| format!("document.querySelector('#pair').innerText.includes('{text}')");
    browser.until(&says("lb1 serves, in term"));
    browser.until(&says("This is the page of lb2, which is standby."));
    browser.until(&says("what lb1 has learned is here"));
    let press = |browser: &mut Browser, name: &str, to: &str| {
        let form = format!("#pair form:has(input[value={name}])");
        let button = format!("document.querySelector('{form} button[value={to}]')");
        browser.until(&button);
        browser.value(&format!("{button}.click()"));
    };
    press(&mut browser, "lb2", "activate");
    browser.until(&says("lb2 serves, in term"));
    browser.until(&says("lb1 could take over"));
    browser.until(&says("lb1 is 0."));
    // It goes on counting, though nothing else changes.
    browser.until(&says("lb2, which has held the addresses for"));
    let held = "document.querySelector('[data-f=\"domain.holds_s\"]')?.textContent";
    let first = browser.text(held);
    browser.until(&format!("({held} ?? '{first}') !== '{first}'"));
    press(&mut browser, "lb1", "maintenance-on");
    let row = "[...document.querySelectorAll('#pair tbody tr')]";
    browser.until(&format!("{row}[0].innerText.includes('end maintenance')"));
    let text = pair.servers[0].text();
    assert!(text.contains("maintenance = true"), "{text}");
    press(&mut browser, "lb1", "maintenance-off");
    browser.until(&format!("!{row}[0].innerText.includes('end maintenance')"));
    drop(browser);
    pair.stop();
}
