//! A real browser, told what to do over its own protocol: it opens pages, runs a script in them, and says what it
//! has asked whom for.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::process::Stdio;

use serde_json::Value;
use serde_json::json;

use crate::process::Folder;
use crate::process::PATIENCE;
use crate::process::Process;
use crate::python::DEBIAN_PYTHON;
use crate::python::script;

/// Without a window, and without asking anybody for anything by itself.
pub const FLAGS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
];

/// One page of a browser of its own.
pub struct Browser {
    writer: UnixStream,
    reader: BufReader<UnixStream>,
    session: Option<String>,
    calls: u64,
    /// What has happened besides, oldest first: method and parameters.
    events: Vec<(String, Value)>,
    _bridge: Process,
    _chromium: Process,
    _folder: Folder,
}

impl Browser {
    pub fn start() -> Browser {
        Browser::start_in(|program| Command::new(program), &[])
    }

    /// With more flags, and started as `command` makes it: in a network of its own, for one.
    pub fn start_in(command: impl Fn(&str) -> Command, flags: &[&str]) -> Browser {
        let folder = Folder::new();
        let profile = format!("--user-data-dir={}", folder.path("profile").display());
        let mut chromium = command("chromium");
        chromium.args(FLAGS).args(flags);
        chromium.args([&profile, "--remote-debugging-port=0", "about:blank"]);
        let mut chromium = Process::start(chromium.stdin(Stdio::null()));
        let address = chromium.line("DevTools listening on ");
        let path = folder.path("bridge");
        let mut bridge = command(DEBIAN_PYTHON);
        bridge.arg(script("bridge.py")).arg(address).arg(&path);
        let mut bridge = Process::start(bridge.stdin(Stdio::null()));
        bridge.line("ready");
        let writer = UnixStream::connect(&path).unwrap();
        writer.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut browser = Browser {
            reader: BufReader::new(writer.try_clone().unwrap()),
            writer,
            session: None,
            calls: 0,
            events: Vec::new(),
            _bridge: bridge,
            _chromium: chromium,
            _folder: folder,
        };
        browser.attach();
        browser
    }

    /// Loads a page, and waits until it is whole.
    pub fn open(&mut self, url: &str) {
        self.call("Page.navigate", json!({ "url": url }));
        self.until_loaded("document.readyState === 'complete' && location.href !== 'about:blank'");
    }

    /// The value of an expression in the page; a promise is waited for.
    pub fn value(&mut self, expression: &str) -> Value {
        let found = self.evaluate(expression);
        found.unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    /// The same, as text.
    pub fn text(&mut self, expression: &str) -> String {
        let value = self.value(expression);
        value
            .as_str()
            .unwrap_or_else(|| panic!("{expression}: {value}"))
            .to_owned()
    }

    /// Waits until `expression` is true in the page, also when the page changes meanwhile.
    pub fn until(&mut self, expression: &str) {
        let patience = PATIENCE.as_millis();
        let wait = format!(
            "new Promise((done, fail) => {{
                const look = () => {{ if ({expression}) done(true); else setTimeout(look, 20); }};
                setTimeout(() => fail(`never. It says: ${{document.body?.innerText}}`), {patience});
                look();
            }})"
        );
        loop {
            match self.evaluate(&wait) {
                Ok(_) => return,
                // The page went away under it.
                Err(error) if error.contains("context") || error.contains("navigated") => {}
                Err(error) => panic!("{expression}: {error}"),
            }
        }
    }

    /// Waits until `expression` is true, looking whenever a page has been loaded. Works where pages run no scripts.
    pub fn until_loaded(&mut self, expression: &str) {
        loop {
            let loads = self.loads();
            if self.evaluate(expression).is_ok_and(|found| found == true) {
                return;
            }
            while self.loads() == loads {
                self.hear();
            }
        }
    }

    /// Every address that was asked for so far.
    pub fn requests(&self) -> Vec<&str> {
        let urls = self.happened("Network.requestWillBeSent");
        urls.filter_map(|event| event["request"]["url"].as_str())
            .collect()
    }

    /// The events of a kind so far.
    pub fn happened(&self, method: &str) -> impl Iterator<Item = &Value> {
        let of_kind = self.events.iter().filter(move |(found, _)| found == method);
        of_kind.map(|(_, parameters)| parameters)
    }

    /// Asks the browser itself.
    pub fn call(&mut self, method: &str, parameters: Value) -> Value {
        let answer = self.exchange(method, &parameters);
        answer.unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    fn loads(&self) -> usize {
        self.happened("Page.loadEventFired").count()
    }

    fn attach(&mut self) {
        let target = self.call("Target.createTarget", json!({ "url": "about:blank" }));
        let to = json!({ "targetId": target["targetId"], "flatten": true });
        let session = self.call("Target.attachToTarget", to);
        self.session = session["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Network", "Log"] {
            self.call(&format!("{domain}.enable"), json!({}));
        }
    }

    fn evaluate(&mut self, expression: &str) -> Result<Value, String> {
        let parameters =
            json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let mut found = self.exchange("Runtime.evaluate", &parameters)?;
        match found.get("exceptionDetails") {
            Some(exception) => Err(exception.to_string()),
            None => Ok(found["result"]["value"].take()),
        }
    }

    fn exchange(&mut self, method: &str, parameters: &Value) -> Result<Value, String> {
        let number = self.say(method, parameters);
        loop {
            let mut message = self.hear();
            if message["id"] == number {
                return match message.get("error") {
                    Some(error) => Err(error.to_string()),
                    None => Ok(message["result"].take()),
                };
            }
        }
    }

    fn say(&mut self, method: &str, parameters: &Value) -> u64 {
        self.calls += 1;
        let mut message = json!({ "id": self.calls, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            message["sessionId"] = session.as_str().into();
        }
        writeln!(self.writer, "{message}").unwrap();
        self.calls
    }

    /// One message. A question to the person at the screen is answered with yes.
    fn hear(&mut self) -> Value {
        let mut line = String::new();
        let length = self.reader.read_line(&mut line).unwrap();
        assert!(length > 0, "the browser has gone");
        let mut message: Value = serde_json::from_str(&line).unwrap();
        if let Some(method) = message["method"].as_str().map(str::to_owned) {
            if method == "Page.javascriptDialogOpening" {
                self.say("Page.handleJavaScriptDialog", &json!({ "accept": true }));
            }
            self.events.push((method, message["params"].take()));
        }
        message
    }
}
