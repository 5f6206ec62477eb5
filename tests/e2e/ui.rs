//! The terminal `ui`, in a real browser and for programs.

use serde_json::Value;

use crate::backend::Backend;
use crate::chromium::Browser;
use crate::client::Client;
use crate::client::Response;
use crate::node::Node;
use crate::process::Folder;
use crate::process::says;

const USER: &str = "username = \"admin\"\npassword = \"secret\"\nhealthcheck_interval = 1";
/// admin:secret
const AUTHORIZATION: &str = "Authorization: Basic YWRtaW46c2VjcmV0\r\n";

/// Two outputs that serve, and a page with switches.
struct Stage {
    backends: Vec<Backend>,
    node: Node,
    browser: Browser,
}

impl Stage {
    fn start() -> Stage {
        let backends = vec![Backend::named("one"), Backend::named("two")];
        let addresses: Vec<_> = backends.iter().map(|backend| backend.address).collect();
        let node = Node::start(&addresses, USER);
        let mut browser = Browser::start();
        browser.open(&page(&node));
        browser.until("document.body.dataset.link === 'live'");
        Stage {
            backends,
            node,
            browser,
        }
    }

    fn is(&mut self, output: &str, status: &str) {
        let cell = format!("[data-output={output}] .status[data-status={status}]");
        let found = format!("document.querySelector('{cell}')");
        self.browser
            .until(&format!("{found} && {found}.textContent === '{status}'"));
    }

    /// Nobody else was asked for anything, and nothing was refused or went wrong.
    fn keeps_to_itself(&self) {
        let own = format!("http://{}/", self.node.ui);
        let foreign: Vec<&str> = self.browser.requests();
        let foreign = foreign
            .into_iter()
            .filter(|url| !url.replace("admin:secret@", "").starts_with(&own));
        assert_eq!(foreign.collect::<Vec<_>>(), Vec::<&str>::new());
        let faults = [
            "Runtime.exceptionThrown",
            "Log.entryAdded",
            "Page.javascriptDialogOpening",
        ];
        for fault in faults {
            let found: Vec<_> = self.browser.happened(fault).collect();
            assert!(found.is_empty(), "{found:?}");
        }
    }

    fn orders(&mut self, output: &str, switch: &str) {
        let button = format!("[data-output={output}] button[value={switch}]");
        self.browser
            .value(&format!("document.querySelector('{button}').click()"));
    }
}

fn page(node: &Node) -> String {
    format!("http://admin:secret@{}/", node.ui)
}

/// What `ui` answers to a request with these lines after the first.
fn asked(node: &Node, line: &str, fields: &str, body: &str) -> Response {
    let mut client = Client::connect(node.ui);
    let length = body.len();
    client.say(format!(
        "{line} HTTP/1.1\r\nContent-Length: {length}\r\n{fields}\r\n{body}"
    ));
    client.response()
}

fn host(node: &Node) -> String {
    format!("Host: {}\r\n", node.ui)
}

#[test]
fn the_page_shows_what_ctl_counts() {
    let mut stage = Stage::start();
    for _ in 0..6 {
        stage.node.get("/");
    }
    let cell = |output: &str, name: &str| {
        format!("document.querySelector('[data-output={output}] [data-f={name}]').textContent")
    };
    stage
        .browser
        .until(&format!("{} === '3'", cell("out1", "sessions_total")));
    let counters = says(
        "curl",
        &["-s", &format!("http://{}/api/counters", stage.node.ctl)],
    );
    let counters: Value = serde_json::from_str(&counters).unwrap();
    for output in ["out1", "out2"] {
        for (shown, counted) in [
            ("queue", "queue"),
            ("queue_max", "queue_max"),
            ("sessions", "sessions_active"),
            ("sessions_max", "sessions_max"),
            ("sessions_total", "sessions_total"),
            ("errors_check", "errors"),
        ] {
            let counted = counters["status"][format!("{output}_{counted}")].to_string();
            assert_eq!(
                stage.browser.text(&cell(output, shown)),
                counted,
                "{output} {shown}"
            );
        }
    }
    for name in [
        "queue",
        "queue_max",
        "sessions_active",
        "sessions_max",
        "sessions_total",
    ] {
        let place = format!("document.querySelector('dl [data-f={name}]').textContent");
        assert_eq!(
            stage.browser.text(&place),
            counters["status"][name].to_string(),
            "{name}"
        );
    }
    let most = stage
        .browser
        .text("document.querySelector('[data-f=maxconn]').textContent");
    assert!(
        most.replace(',', "").parse::<u64>().unwrap() > 100,
        "{most}"
    );
    stage
        .browser
        .until("document.querySelectorAll('svg.chart path.line').length === 8");
    stage.keeps_to_itself();
    stage.node.stop();
}

#[test]
fn a_click_takes_an_output_out_and_puts_it_back() {
    let mut stage = Stage::start();
    stage.orders("out2", "disabled");
    stage.is("out2", "DISABLED");
    let before = stage.backends[1].requests();
    for _ in 0..8 {
        assert_eq!(stage.node.get("/"), "one");
    }
    assert_eq!(stage.backends[1].requests(), before);
    stage.orders("out2", "draining");
    stage.is("out2", "DRAIN");
    stage.orders("out2", "enabled");
    stage.is("out2", "UP");
    let names: Vec<String> = (0..2).map(|_| stage.node.get("/")).collect();
    assert!(names.contains(&"two".to_owned()), "{names:?}");
    stage
        .browser
        .until("document.querySelector('.events').innerText.includes('out2 draining')");
    // The last one goes only after a question, which is answered with yes here.
    stage.orders("out2", "disabled");
    stage.is("out2", "DISABLED");
    stage.orders("out1", "disabled");
    stage.is("out1", "DISABLED");
    assert_eq!(
        stage
            .browser
            .happened("Page.javascriptDialogOpening")
            .count(),
        1
    );
    stage
        .browser
        .until("document.querySelector('.verdict').dataset.verdict === 'none'");
    stage.node.stop();
}

#[test]
fn an_output_that_goes_down_is_seen_and_so_is_its_return() {
    let mut stage = Stage::start();
    let two = stage.backends.remove(1);
    let address = two.address;
    drop(two);
    stage.node.process.line("event=down output=out2");
    stage.is("out2", "DOWN");
    stage.browser.until("document.title.startsWith('1 down')");
    stage
        .browser
        .until("document.getElementById('said').textContent === 'out2 is DOWN'");
    stage
        .browser
        .until("document.querySelector('.verdict').textContent.endsWith('out2 DOWN')");
    let events = "document.querySelector('.events [data-kind=down]').innerText";
    let told = stage.browser.text(events);
    assert!(told.contains("out2 down: connection refused"), "{told}");
    let _back = std::net::TcpListener::bind(address).unwrap();
    stage.is("out2", "UP");
    stage.browser.until("!document.title.includes('down')");
    // What cannot be known any more is plain to see.
    stage.node.stop();
    stage.browser.until("document.body.dataset.link === 'lost'");
    let said = stage
        .browser
        .text("document.getElementById('link').innerText");
    assert!(
        said.contains("connection lost at") && said.contains("trying again"),
        "{said}"
    );
}

#[test]
fn without_a_script_the_page_has_the_same_figures_and_switches() {
    let backend = Backend::named("one");
    let node = Node::start(&[backend.address], USER);
    for _ in 0..3 {
        node.get("/");
    }
    let mut browser = Browser::start();
    let off = serde_json::json!({ "value": true });
    browser.call("Emulation.setScriptExecutionDisabled", off);
    browser.open(&page(&node));
    let shown = browser
        .text("document.querySelector('[data-output=out1] [data-f=sessions_total]').textContent");
    assert_eq!(shown, "3");
    let refresh = browser.text("document.querySelector('noscript meta').content");
    assert_eq!(refresh, "5");
    browser.value("document.querySelector('[data-output=out1] button[value=disabled]').click()");
    browser
        .until("document.querySelector('[data-output=out1] .status')?.textContent === 'DISABLED'");
    node.stop();
}

#[test]
fn another_sites_page_gives_no_orders() {
    let mut stage = Stage::start();
    let action = format!("http://{}/switch", stage.node.ui);
    let evil = Backend::start(move |connection| {
        while connection.request().is_some() {
            let page = format!(
                "<form method=post action='{action}'><input name=output value=out1>\
                 <input name=to value=disabled></form><script>document.forms[0].submit()</script>"
            );
            let length = page.len();
            connection.say(format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {length}\r\n\r\n{page}"
            ));
        }
    });
    // The browser knows the password, and would send it along.
    let url = format!("http://localhost:{}/", evil.address.port());
    let go = serde_json::json!({ "url": url });
    stage.browser.call("Page.navigate", go);
    stage
        .browser
        .until("document.body?.innerText.includes('another site')");
    assert_eq!(stage.node.get("/"), "one");
    stage.node.stop();
}

#[test]
fn strangers_stay_outside() {
    let backend = Backend::named("one");
    let node = Node::start(&[backend.address], USER);
    let host = host(&node);
    let form = "output=out1&to=disabled";
    for (line, fields, status) in [
        ("GET /", host.clone(), 401),
        ("GET /events", host.clone(), 401),
        (
            "GET /",
            format!("{host}Authorization: Basic YWRtaW46d3Jvbmc=\r\n"),
            401,
        ),
        ("GET /", format!("{host}{AUTHORIZATION}"), 200),
        (
            "GET /",
            format!("Host: evil.example\r\n{AUTHORIZATION}"),
            403,
        ),
        ("GET /", AUTHORIZATION.to_owned(), 400),
        ("POST /switch", format!("{host}{AUTHORIZATION}"), 403),
        (
            "POST /switch",
            format!("{host}{AUTHORIZATION}Origin: http://evil.example\r\n"),
            403,
        ),
        ("GET /switch", format!("{host}{AUTHORIZATION}"), 405),
        ("GET /nothing", format!("{host}{AUTHORIZATION}"), 404),
    ] {
        let seen = asked(&node, line, &fields, form);
        assert_eq!(seen.status, status, "{line} {fields}");
        assert!(
            seen.field("Content-Security-Policy").is_some(),
            "{}",
            seen.head
        );
    }
    assert_eq!(node.get("/"), "one");
    node.stop();
}

#[test]
fn old_clients_are_answered() {
    let backend = Backend::named("one");
    let node = Node::start(&[backend.address], "");
    let mut client = Client::connect(node.ui);
    client.say("GET / HTTP/1.0\r\n\r\n");
    let page = String::from_utf8(client.rest().unwrap()).unwrap();
    assert!(page.starts_with("HTTP/1.0 200 OK\r\n"), "{page}");
    assert!(page.ends_with("</html>\n"), "{page}");
    let mut client = Client::connect(node.ui);
    client.say("GET /events HTTP/1.0\r\n\r\n");
    while client.line() != "event: overview\n" {}
    let data = client.line();
    let overview: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!(overview["outputs"][0]["name"], "out1");
    node.stop();
}

#[test]
fn programs_get_text_csv_and_json() {
    let backends = [Backend::named("one"), Backend::named("two")];
    let addresses = backends.each_ref().map(|backend| backend.address);
    let node = Node::start(&addresses, "backup_outputs = \"out2\"");
    for _ in 0..4 {
        node.get("/");
    }
    let overview = || -> Value {
        let address = format!("http://{}/api/overview", node.ctl);
        serde_json::from_str(&says("curl", &["-s", &address])).unwrap()
    };
    // A session is over a moment after its client has the response.
    let overview = loop {
        let overview = overview();
        if overview["status"]["overview"]["sessions_total"] == 4 {
            break overview;
        }
    };
    let at = |path: &str| format!("http://{}{path}", node.ui);
    let text = says("curl", &["-s", &at("/")]);
    let row: Vec<&str> = text
        .lines()
        .find(|line| line.starts_with("out1 "))
        .unwrap()
        .split_whitespace()
        .collect();
    assert_eq!(
        row[1..3],
        [addresses[0].to_string().as_str(), "UP"],
        "{text}"
    );
    assert!(
        text.contains("system limits: memmax 96.0 MB, ulimit-n "),
        "{text}"
    );
    let folder = Folder::new();
    let file = folder.path("stats.csv").display().to_string();
    says("curl", &["-s", "-o", &file, &at("/;csv")]);
    let read = "import csv, sys\n\
                rows = list(csv.DictReader(open(sys.argv[1], newline='')))\n\
                assert not any(None in row or None in row.values() for row in rows)\n\
                print(*(':'.join((row['# pxname'], row['svname'], row['status'], row['stot'], row['bck']))\n\
                        for row in rows))";
    let rows = says("python3", &["-c", read, &file]);
    assert_eq!(
        rows,
        "in:FRONTEND:OPEN:4: out:out1:UP:4:0 out:out2:UP:0:1 out:BACKEND:UP:4:1\n"
    );
    assert_eq!(overview["status"]["code"], 0);
    assert_eq!(overview["status"]["overview"]["outputs"][1]["backup"], true);
    let history = says("curl", &["-s", &format!("http://{}/api/history", node.ctl)]);
    let history: Value = serde_json::from_str(&history).unwrap();
    assert_eq!(history["status"]["history"]["coarse"]["step_s"], 10);
    node.stop();
}
