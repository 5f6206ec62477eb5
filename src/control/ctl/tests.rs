use std::net::SocketAddr;

use super::*;
use crate::balance::hash::HashKey;
use crate::control::reload;
use crate::control::shared::Limits;
use crate::control::shared::tests::current_of;
use crate::control::state::Folder;
use crate::control::state::switches;
use crate::control::state::tests::Scratch;
use crate::control::systemd::Notifier;
use crate::model::output::OutputId;
use crate::model::standing::Health;
use crate::model::standing::Standing;
use crate::plane::Plane;
use crate::ring::inbox::Hub;

const TEXT: &str = "out1 = '10.0.0.1'\nout2 = '10.0.0.2:81'\nout3 = '10.0.0.2:82'\n\
                    out9 = '[2001:db8::9]:80'\nout10 = 'gone.invalid'\n";

struct Rig {
    ctl: Ctl,
    plane: Arc<Plane>,
}

fn rig(folder: Option<Arc<Folder>>) -> Rig {
    let current = current_of(TEXT);
    let plan = &current.plan;
    let plane = Arc::new(Plane::new(1, 10));
    let known: Vec<_> = folder
        .iter()
        .flat_map(|folder| orders::read(folder, plan))
        .collect();
    for ordered in &known {
        plane.set_switch(ordered.output, ordered.switch, |_| {});
    }
    let hub = Arc::new(Hub::new(1).unwrap());
    let limits = Limits::default();
    let shared = Arc::new(Shared::new(Arc::clone(&plane), hub, current, limits));
    let orders = Arc::new(Orders::new(Arc::clone(&shared), folder, &known));
    let reloader = Reloader::new(reload::Setup {
        shared: Arc::clone(&shared),
        source: Arc::new(|| Err(vec!["f:1:1: no file".to_owned()])),
        orders: Arc::clone(&orders),
        parts: Vec::new(),
        notifier: Arc::new(Notifier::nobody()),
        maximum: reload::Maximum {
            plain: 10,
            learning: 5,
        },
        folder: None,
    });
    Rig {
        ctl: Ctl {
            orders,
            reloader: Arc::new(reloader),
            recorder: Arc::new(Recorder::new(Arc::clone(&shared))),
            shared,
            guard: Derived::default(),
            secret: HashKey::from_bytes([1; HashKey::LENGTH]),
        },
        plane,
    }
}

impl Rig {
    /// What a method and target are answered.
    fn asked(&self, method: Method, target: &str) -> String {
        let request = Request::builder()
            .method(method)
            .uri(target)
            .header("host", "localhost");
        let (head, ()) = request.body(()).unwrap().into_parts();
        let peer: SocketAddr = "127.0.0.1:5".parse().unwrap();
        let ends = Ends { peer, local: peer };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        match runtime.block_on(self.ctl.answer(&ends, &head)) {
            Ok(answer) | Err(answer) => answer.body(),
        }
    }

    fn get(&self, target: &str) -> String {
        self.asked(Method::GET, target)
    }

    /// Code and message.
    fn code(&self, target: &str) -> (u64, String) {
        let body: serde_json::Value = serde_json::from_str(&self.get(target)).unwrap();
        let status = &body["status"];
        let message = status["message"].as_str().unwrap().to_owned();
        (status["code"].as_u64().unwrap(), message)
    }
}

fn out(number: usize) -> OutputId {
    OutputId::from_index(number - 1).unwrap()
}

#[test]
fn status_names_connected_and_enabled_outputs_in_order() {
    let rig = rig(None);
    let expected = r#"{"status":{"code":0,"message":"","out1":"up","out2":"up","out3":"up","out9":"up","out10":"down"}}"#;
    assert_eq!(rig.get("/api/status"), expected);
    rig.plane.set_health(out(1), Health::Down, |_| {});
    rig.plane.set_health(out(9), Health::Checking, |_| {});
    rig.get("/api/disable?channel=out2");
    rig.get("/api/drain?channel=out10");
    let expected = r#"{"status":{"code":0,"message":"","out1":"down","out3":"up","out9":"down"}}"#;
    assert_eq!(rig.get("/api/status"), expected);
}

#[test]
fn orders_answer_with_the_seeds_codes() {
    let rig = rig(None);
    let done = r#"{"status":{"code":0,"message":""}}"#;
    assert_eq!(rig.get("/api/disable?channel=out3"), done);
    assert_eq!(rig.plane.switch(out(3)), Switch::Disabled);
    let already = (10, "already disabled: out3".to_owned());
    assert_eq!(rig.code("/api/disable?channel=out3"), already);
    assert_eq!(rig.get("/api/drain?channel=out3"), done);
    assert_eq!(rig.plane.switch(out(3)), Switch::Draining);
    assert_eq!(rig.get("/%61pi/enable?channel=out%33"), done);
    assert_eq!(rig.plane.switch(out(3)), Switch::Enabled);
    for (target, code) in [
        ("/api/enable?channel=out3", 10),
        ("/api/disable?channel=out4", 10),
        ("/api/disable?channel=web", 10),
        ("/api/disable?10.0.0.9", 10),
        ("/api/disable", 100),
        ("/api/disable?", 100),
        ("/api/disable?out3", 100),
        ("/api/disable?output=out3", 100),
        ("/api/nothing", 100),
        ("/", 100),
    ] {
        assert_eq!(rig.code(target).0, code, "{target}");
    }
    for method in [Method::POST, Method::HEAD, Method::PUT, Method::OPTIONS] {
        let answer = rig.asked(method.clone(), "/api/disable?channel=out3");
        let expected = r#"{"status":{"code":100,"message":"GET only"}}"#;
        assert_eq!(answer, expected, "{method}");
    }
    assert_eq!(rig.plane.switch(out(3)), Switch::Enabled);
}

#[test]
fn an_address_means_all_outputs_that_are_connected_to_it() {
    let rig = rig(None);
    assert_eq!(rig.code("/api/disable?10.0.0.2").0, 0);
    assert_eq!(rig.plane.switch(out(2)), Switch::Disabled);
    assert_eq!(rig.plane.switch(out(3)), Switch::Disabled);
    assert_eq!(rig.plane.switch(out(1)), Switch::Enabled);
    assert_eq!(rig.code("/api/enable?channel=out2").0, 0);
    assert_eq!(
        rig.code("/api/disable?10.0.0.2").0,
        0,
        "one of them has changed"
    );
    assert_eq!(rig.code("/api/disable?10.0.0.2").0, 10);
    assert_eq!(rig.code("/api/disable?2001:db8:0::9").0, 0);
    assert_eq!(rig.plane.switch(out(9)), Switch::Disabled);
}

#[test]
fn health_says_whether_traffic_can_be_served() {
    let rig = rig(None);
    assert_eq!(rig.code("/api/health").0, 0);
    for number in [1, 2, 3] {
        rig.get(&format!("/api/disable?channel=out{number}"));
    }
    rig.get("/api/drain?channel=out9");
    assert_eq!(rig.code("/api/health").0, 0, "tied clients are served");
    rig.plane.set_health(out(9), Health::Down, |_| {});
    assert_eq!(rig.code("/api/health").0, 10);
}

#[test]
fn counters_have_the_seeds_names() {
    let rig = rig(None);
    assert!(rig.plane.outputs().try_take(out(2)));
    rig.plane.page(0).outputs.of(out(2)).sessions_total.add(5);
    rig.get("/api/disable?channel=out1");
    let text = rig.get("/api/counters");
    let first =
        r#"{"status":{"code":0,"message":"","out1_status":100,"out1_queue":0,"out1_queue_max":0,"#;
    assert!(text.starts_with(first), "{text}");
    let body: serde_json::Value = serde_json::from_str(&text).unwrap();
    let status = &body["status"];
    for (name, value) in [
        ("out2_status", 0),
        ("out2_sessions_active", 1),
        ("out2_sessions_max", 1),
        ("out2_sessions_total", 5),
        ("out4_status", 100),
        ("out8_status", 100),
        ("out9_status", 0),
        ("out10_status", 1),
        ("sessions_active", 1),
        ("sessions_total", 5),
        ("queue", 0),
        ("queue_max", 0),
    ] {
        assert_eq!(status[name], value, "{name}");
    }
    assert!(status.get("out11_status").is_none());
}

#[test]
fn orders_outlive_a_restart() {
    let scratch = Scratch::new();
    let folder = || Some(Arc::new(Folder::open(&scratch.0).unwrap()));
    let first = rig(folder());
    first.get("/api/disable?channel=out3");
    first.get("/api/drain?channel=out9");
    first.get("/api/disable?channel=out1");
    first.get("/api/enable?channel=out1");
    drop(first);
    let second = rig(folder());
    assert_eq!(second.plane.switch(out(3)), Switch::Disabled);
    assert_eq!(second.plane.switch(out(9)), Switch::Draining);
    assert_eq!(second.plane.switch(out(1)), Switch::Enabled);
    drop(second);
    // Another address is another output.
    let mut saved = switches::decode(scratch.text("switches").as_bytes()).unwrap();
    for kept in &mut saved {
        kept.name = kept.name.replace("10.0.0.2:82", "10.0.0.3:82");
        kept.switch = Switch::Disabled;
    }
    std::fs::write(scratch.0.join("switches"), switches::encode(&saved)).unwrap();
    let third = rig(folder());
    assert_eq!(third.plane.switch(out(3)), Switch::Enabled);
    assert_eq!(third.plane.switch(out(9)), Switch::Disabled);
}

#[test]
fn an_order_is_later_than_those_from_before_a_restart() {
    let scratch = Scratch::new();
    let folder = || Some(Arc::new(Folder::open(&scratch.0).unwrap()));
    let stamps = |rig: &Rig| {
        let ordered = rig.ctl.orders.ordered();
        ordered.iter().map(|one| one.stamp).collect::<Vec<_>>()
    };
    let first = rig(folder());
    first.get("/api/disable?channel=out3");
    first.get("/api/disable?channel=out1");
    first.get("/api/enable?channel=out1");
    let before = stamps(&first);
    assert!(before[0] > before[2], "also of one that is enabled again");
    drop(first);
    let second = rig(folder());
    assert_eq!(stamps(&second), before);
    second.get("/api/disable?channel=out2");
    assert!(stamps(&second)[1] > before[0]);
}
