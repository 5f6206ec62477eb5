//! What a page of somebody else's can do to `ctl` and `ui` from the browser of an operator: nothing. In a network of
//! its own, at addresses that are not loopback, where browsers send neither `Origin` with a GET nor `Sec-Fetch-…`.

use std::os::unix::fs::MetadataExt;
use std::process::Command;
use std::process::Stdio;

use serde_json::Value;
use serde_json::json;

use crate::chromium::Browser;
use crate::node::apart;
use crate::node::ends_well;
use crate::process::Folder;
use crate::process::Process;

/// Of HALB, and of the stranger whose page the operator looks at.
const OURS: &str = "10.98.0.1";
const STRANGER: &str = "10.98.0.2";

/// A network that only the processes started in it see.
struct Network(Process);

impl Network {
    fn new() -> Network {
        let mut holder = Command::new("unshare");
        holder.arg(if is_root() { "-n" } else { "-Urn" });
        let up = format!(
            "ip link set lo up && ip link add up0 type veth peer name up1 && ip link set up0 up && \
             ip link set up1 up && ip addr add {OURS}/24 dev up0 && ip addr add {STRANGER}/24 dev up0 && \
             echo ready && exec sleep infinity"
        );
        let mut holder = Process::start(holder.args(["sh", "-c", &up]).stdin(Stdio::null()));
        holder.line("ready");
        Network(holder)
    }

    /// A program in this network.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        if !is_root() {
            command.args(["-U", "--preserve-credentials"]);
        }
        let holder = self.0.id().to_string();
        command.args(["-n", "-t", &holder, program]);
        command
    }

    /// What `ctl` says to a client that is no browser.
    fn asks(&self, path: &str) -> Value {
        let mut command = self.command("curl");
        command.args(["-s", &format!("http://{OURS}:8081{path}")]);
        let output = command.output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn switch(&self) -> String {
        let sessions = self.asks("/api/sessions");
        sessions["status"]["out1"]["switch"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    fn halb(&self, folder: &Folder) -> Process {
        let text = format!(
            "in = \"{OURS}:80\"\nctl = \"{OURS}\"\nui = \"{OURS}\"\nout1 = \"{STRANGER}:80\"\nworkers = 1\n\
             resources = {{ memory = \"96MB\" }}\nstate_dir = \"{}\"\n",
            folder.path("state").display()
        );
        let file = folder.write("halb.toml", text.as_bytes());
        let mut command = self.command(env!("CARGO_BIN_EXE_halb"));
        command.args(["run", "-f"]).arg(file);
        for (name, _) in apart() {
            command.env_remove(name);
        }
        let mut halb = Process::start(&mut command);
        halb.line("event=listening in=");
        halb
    }

    /// The stranger's files, over HTTP.
    fn stranger(&self, folder: &Folder) -> Process {
        let mut command = self.command("python3");
        command.args([
            "-u",
            "-m",
            "http.server",
            "80",
            "--bind",
            STRANGER,
            "--directory",
        ]);
        command.arg(folder.path("")).stdin(Stdio::null());
        let mut server = Process::start(&mut command);
        server.line("Serving HTTP on ");
        server
    }
}

/// Who is not needs a user namespace around the network's.
fn is_root() -> bool {
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

/// Everything that makes a browser send a GET by itself.
const TRICKS: &str = r#"<!doctype html><title>waits</title>
<meta name="referrer" content="no-referrer">
<iframe name="frame"></iframe>
<form action="ORDER" target="frame"><input name="channel" value="out1"></form>
<script>
const frame = document.querySelector("iframe");
const image = new Promise(done => {
  const image = new Image();
  image.onload = image.onerror = done;
  image.src = "ORDER?channel=out1";
});
const fetched = fetch("ORDER?channel=out1", { mode: "no-cors" }).catch(() => {});
const asked = fetch("ORDER?channel=out1", { headers: { "User-Agent": "curl/8", "X-More": "1" } }).catch(() => {});
const sent = new Promise(done => { frame.onload = done; document.forms[0].submit(); });
Promise.all([image, fetched, asked, sent]).then(() => { document.title = "tried"; });
</script>"#;

#[test]
fn a_foreign_page_gives_no_orders() {
    let (network, folder) = (Network::new(), Folder::new());
    let order = format!("http://{OURS}:8081/api/disable");
    folder.write("page.html", TRICKS.replace("ORDER", &order).as_bytes());
    let _stranger = network.stranger(&folder);
    let mut halb = network.halb(&folder);
    let mut browser = Browser::start_in(|program| network.command(program), &[]);
    browser.open(&format!("http://{STRANGER}/page.html"));
    browser.until("document.title === 'tried'");
    let answers = browser.happened("Network.responseReceived");
    let answers: Vec<(&str, u64)> = answers
        .map(|event| &event["response"])
        .filter_map(|response| Some((response["url"].as_str()?, response["status"].as_u64()?)))
        .filter(|(url, _)| url.starts_with(&order))
        .collect();
    let arrived = browser
        .requests()
        .iter()
        .filter(|url| url.starts_with(&order))
        .count();
    assert!(
        arrived >= 3,
        "the browser was tricked: {:?}",
        browser.requests()
    );
    assert!(
        answers
            .iter()
            .all(|(_, status)| matches!(status, 403 | 405)),
        "{answers:?}"
    );
    assert!(!answers.is_empty(), "and the answers are HALB's");
    assert_eq!(network.switch(), "enabled");
    // The same order, of a client that is no browser.
    assert_eq!(
        network.asks("/api/disable?channel=out1")["status"]["code"],
        0
    );
    assert_eq!(network.switch(), "disabled");
    halb.signal(nix::sys::signal::Signal::SIGTERM);
    ends_well(&mut halb);
}

#[test]
fn a_name_that_somebody_points_at_us_opens_nothing() {
    let (network, folder) = (Network::new(), Folder::new());
    let _stranger = network.stranger(&folder);
    let mut halb = network.halb(&folder);
    let rebound = format!("--host-resolver-rules=MAP rebound.example {OURS}");
    let mut browser = Browser::start_in(|program| network.command(program), &[&rebound]);
    for (port, path) in [
        (8081, "/api/status"),
        (8081, "/api/overview"),
        (8080, "/"),
        (8080, "/events"),
    ] {
        browser.open(&format!("http://rebound.example:{port}{path}"));
        let said = browser.text("document.body.innerText");
        assert!(said.contains("Host rebound.example:"), "{said}");
        // For the browser this is one site now: it would let a script read what it gets.
        let order = "fetch('/api/disable?channel=out1').then(answer => answer.text())";
        let said = browser.text(order);
        assert!(said.contains("Host rebound.example:"), "{said}");
    }
    assert_eq!(network.switch(), "enabled");
    let own = format!("http://{OURS}:8080/");
    browser.call("Page.navigate", json!({ "url": own }));
    browser.until("document.querySelector('[data-output=out1]')");
    halb.signal(nix::sys::signal::Signal::SIGTERM);
    ends_well(&mut halb);
}
