//! Header fields: what is added, kept and dropped on the way.

use crate::backend::Backend;
use crate::client::field;
use crate::node::Node;

/// Answers with the head of the request.
fn mirror() -> Backend {
    Backend::start(|connection| {
        while let Some(request) = connection.request() {
            connection.answer(&request.head);
        }
    })
}

/// What the backend gets to see of a request with these fields.
fn seen(properties: &str, fields: &str) -> String {
    let backend = mirror();
    let node = Node::start(&[backend.address], properties);
    let mut client = node.connect();
    client.say(format!(
        "GET /path?q HTTP/1.1\r\nHost: shop.test\r\n{fields}\r\n"
    ));
    let seen = client.response().text();
    drop(client);
    node.stop();
    seen
}

#[test]
fn a_backend_learns_who_asked_and_how() {
    let seen = seen("", "");
    assert!(seen.starts_with("GET /path?q HTTP/1.1\r\n"), "{seen}");
    assert_eq!(field(&seen, "Host"), Some("shop.test"));
    assert_eq!(field(&seen, "X-Forwarded-For"), Some("127.0.0.1"));
    assert_eq!(field(&seen, "X-Forwarded-Proto"), Some("http"));
    assert_eq!(field(&seen, "X-Forwarded-Host"), Some("shop.test"));
}

#[test]
fn nobody_can_pretend_to_be_somebody_else() {
    let lies =
        "X-Forwarded-For: 10.9.9.9\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\n";
    let seen = seen("", lies);
    assert_eq!(field(&seen, "X-Forwarded-For"), Some("127.0.0.1"));
    assert_eq!(field(&seen, "X-Forwarded-Proto"), Some("http"));
    assert_eq!(field(&seen, "X-Forwarded-Host"), Some("shop.test"));
    assert!(
        !seen.contains("10.9.9.9") && !seen.contains("evil"),
        "{seen}"
    );
}

#[test]
fn what_a_trusted_proxy_says_is_kept() {
    let truth =
        "X-Forwarded-For: 10.9.9.9\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: outer\r\n";
    let seen = seen("trusted_proxies = [\"127.0.0.0/8\"]", truth);
    assert_eq!(field(&seen, "X-Forwarded-For"), Some("10.9.9.9, 127.0.0.1"));
    assert_eq!(field(&seen, "X-Forwarded-Proto"), Some("https"));
    assert_eq!(field(&seen, "X-Forwarded-Host"), Some("outer"));
}

#[test]
fn without_forwarded_fields_pass_as_they_are() {
    let seen = seen("forwarded = false", "X-Forwarded-For: 10.9.9.9\r\n");
    assert_eq!(field(&seen, "X-Forwarded-For"), Some("10.9.9.9"));
    assert_eq!(field(&seen, "X-Forwarded-Proto"), None);
}

#[test]
fn what_concerns_one_connection_only_stays_there() {
    let fields = "Connection: keep-alive, X-Mine\r\nKeep-Alive: timeout=5\r\nX-Mine: private\r\n\
                  TE: trailers\r\nProxy-Connection: keep-alive\r\nX-Kept: yes\r\nX-Kept: twice\r\n";
    let seen = seen("", fields);
    for name in ["X-Mine", "Keep-Alive", "TE", "Proxy-Connection"] {
        assert_eq!(field(&seen, name), None, "{seen}");
    }
    assert!(seen.contains("X-Kept: yes\r\nX-Kept: twice\r\n"), "{seen}");
}

#[test]
fn the_same_holds_for_answers() {
    let backend = Backend::start(|connection| {
        while connection.request().is_some() {
            connection.say(
                "HTTP/1.1 200 Fine\r\nConnection: X-Mine\r\nX-Mine: private\r\nKeep-Alive: timeout=5\r\n\
                 X-Kept: yes\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n",
            );
        }
    });
    let node = Node::start(&[backend.address], "");
    let mut client = node.connect();
    client.get("/");
    let response = client.response();
    assert!(
        response.head.starts_with("HTTP/1.1 200 Fine\r\n"),
        "{}",
        response.head
    );
    assert_eq!(response.field("X-Mine"), None);
    assert_eq!(response.field("Keep-Alive"), None);
    assert!(
        response
            .head
            .contains("X-Kept: yes\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n")
    );
    drop(client);
    node.stop();
}

#[test]
fn an_absolute_target_names_the_host() {
    let backend = mirror();
    let node = Node::start(&[backend.address], "");
    let mut client = node.connect();
    client.say("GET http://real.test/page HTTP/1.1\r\nHost: other.test\r\n\r\n");
    let seen = client.response().text();
    assert!(seen.starts_with("GET /page HTTP/1.1\r\n"), "{seen}");
    assert_eq!(field(&seen, "Host"), Some("real.test"));
    drop(client);
    node.stop();
}
