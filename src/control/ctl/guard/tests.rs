use std::collections::BTreeMap;

use axum::extract::Request;

use super::*;
use crate::model::config::Output;

const SECRET: HashKey = HashKey::from_bytes([7; HashKey::LENGTH]);

fn ends(peer: &str, local: &str) -> Ends {
    Ends {
        peer: peer.parse().unwrap(),
        local: local.parse().unwrap(),
    }
}

fn here() -> Ends {
    ends("127.0.0.1:50000", "127.0.0.1:8081")
}

/// The head of a GET with these fields.
fn head(fields: &[(&str, &str)]) -> Parts {
    let mut request = Request::get("/api/disable?channel=out1");
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn guard(change: impl FnOnce(&mut Config)) -> Guard {
    let mut config = Config::default();
    change(&mut config);
    let plan = Plan::from_config(&config, |_| None, 1);
    Guard::new(&config, &plan, SECRET)
}

fn with_output(config: &mut Config, address: &str) {
    let output = Output {
        address: crate::model::address::HostPort::parse(address, 80).unwrap(),
        ..Output::default()
    };
    let id = crate::model::output::OutputId::from_name("out1").unwrap();
    config.out = BTreeMap::from([(id, output)]);
}

fn networks(texts: &[(&str, u8)]) -> Vec<Network> {
    let network = |(address, prefix_length): &(&str, u8)| Network {
        address: address.parse().unwrap(),
        prefix_length: *prefix_length,
    };
    texts.iter().map(network).collect()
}

#[test]
fn by_default_this_machine_and_the_outputs_may() {
    let guard = guard(|config| with_output(config, "10.0.0.7:80"));
    for (peer, local, expected) in [
        ("127.0.0.1:5", "127.0.0.1:8081", true),
        ("127.3.2.1:5", "127.0.0.1:8081", true),
        ("[::1]:5", "[::1]:8081", true),
        ("10.0.0.7:5", "10.0.0.1:8081", true),
        ("[::ffff:10.0.0.7]:5", "[::ffff:10.0.0.1]:8081", true),
        ("10.0.0.1:5", "10.0.0.1:8081", true),
        ("10.0.0.8:5", "10.0.0.1:8081", false),
        ("[2001:db8::1]:5", "[2001:db8::2]:8081", false),
    ] {
        let ends = ends(peer, local);
        let host = ends.local.to_string();
        let admitted = guard.admit(&ends, &head(&[("host", &host)]));
        assert_eq!(
            admitted.is_ok(),
            expected,
            "{peer} at {local}: {admitted:?}"
        );
    }
}

#[test]
fn who_names_networks_names_all() {
    let guard = guard(|config| {
        with_output(config, "10.0.0.7:80");
        config.ctl_allow = Some(networks(&[("10.1.0.0", 16)]));
    });
    for (peer, expected) in [
        ("10.1.2.3:5", true),
        ("127.0.0.1:5", false),
        ("10.0.0.7:5", false),
    ] {
        let ends = ends(peer, "127.0.0.1:8081");
        let admitted = guard.admit(&ends, &head(&[("host", "127.0.0.1")]));
        assert_eq!(admitted.is_ok(), expected, "{peer}");
    }
}

#[test]
fn a_host_is_ours_or_refused() {
    let guard = guard(|config| config.ctl_hosts = vec!["Balancer.test".to_owned()]);
    for (host, local, expected) in [
        ("127.0.0.1:8081", "127.0.0.1:8081", true),
        ("127.0.0.1", "127.0.0.1:8081", true),
        ("127.0.0.2", "127.0.0.1:8081", false),
        ("[::1]:8081", "[::1]:8081", true),
        ("[::1]", "127.0.0.1:8081", false),
        ("localhost:8081", "127.0.0.1:8081", true),
        ("LocalHost.", "127.0.0.1:8081", true),
        ("balancer.test:1", "127.0.0.1:8081", true),
        ("evil.test", "127.0.0.1:8081", false),
        ("evil.test:8081", "127.0.0.1:8081", false),
        ("localhost.evil.test", "127.0.0.1:8081", false),
        ("127.0.0.1.evil.test", "127.0.0.1:8081", false),
        ("localhost@evil.test", "127.0.0.1:8081", false),
        ("evil@localhost@evil.test", "127.0.0.1:8081", false),
        ("", "127.0.0.1:8081", false),
    ] {
        let ends = ends("127.0.0.1:5", local);
        let admitted = guard.admit(&ends, &head(&[("host", host)]));
        assert_eq!(admitted.is_ok(), expected, "{host:?} at {local}");
    }
    let twice = head(&[("host", "localhost"), ("host", "localhost")]);
    assert!(guard.admit(&here(), &twice).is_err());
}

#[test]
fn only_old_clients_may_leave_out_the_host() {
    let guard = guard(|_| {});
    let mut request = head(&[]);
    assert!(guard.admit(&here(), &request).is_err());
    request.version = axum::http::Version::HTTP_10;
    assert!(guard.admit(&here(), &request).is_ok());
    request.uri = "http://evil.test/api/status".parse().unwrap();
    assert!(
        guard.admit(&here(), &request).is_err(),
        "a target names a host, too"
    );
}

#[test]
fn what_looks_like_a_browser_changes_nothing() {
    let guard = guard(|_| {});
    let admitted = |fields: &[(&str, &str)]| guard.admit_change(&head(fields).headers).is_ok();
    assert!(admitted(&[]));
    assert!(admitted(&[("user-agent", "curl/8.5.0"), ("accept", "*/*")]));
    for field in [
        ("Origin", "http://127.0.0.1:8081"),
        ("origin", "null"),
        ("Referer", "http://evil.test/"),
        ("Sec-Fetch-Site", "cross-site"),
        ("sec-fetch-mode", "no-cors"),
        ("Accept-Language", "en"),
        ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64)"),
    ] {
        assert!(!admitted(&[field]), "{field:?}");
        assert!(!admitted(&[("user-agent", "curl"), field]), "{field:?}");
    }
}

#[test]
fn a_token_is_needed_and_is_enough() {
    let guard = guard(|config| config.ctl_token = "open sesame".to_owned());
    for (value, expected) in [
        (None, false),
        (Some("Bearer open sesame"), true),
        (Some("bearer open sesame"), true),
        (Some("Bearer open sesam"), false),
        (Some("Bearer open sesame2"), false),
        (Some("Bearer "), false),
        (Some("Basic open sesame"), false),
        (Some("open sesame"), false),
    ] {
        let mut fields = vec![("host", "localhost"), ("origin", "http://a.test")];
        fields.extend(value.map(|value| ("authorization", value)));
        let head = head(&fields);
        assert_eq!(guard.admit(&here(), &head).is_ok(), expected, "{value:?}");
        assert!(guard.admit_change(&head.headers).is_ok());
    }
}
