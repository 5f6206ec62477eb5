use super::*;

const SECRET: HashKey = HashKey::from_bytes([7; HashKey::LENGTH]);

fn guard(username: &str, password: &str) -> Guard {
    let config = Config {
        username: username.to_owned(),
        password: password.to_owned(),
        ctl_hosts: vec!["lb.example".to_owned()],
        ..Config::default()
    };
    Guard::new(&config, SECRET)
}

fn head(fields: &[(&str, &str)]) -> Parts {
    let mut request = axum::extract::Request::get("/");
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn here() -> Ends {
    Ends {
        peer: "127.0.0.1:50000".parse().unwrap(),
        local: "127.0.0.1:8080".parse().unwrap(),
    }
}

fn status(guard: &Guard, fields: &[(&str, &str)]) -> u16 {
    let admitted = guard.admit(&here(), &head(fields));
    admitted.map_or_else(|(status, _)| status.as_u16(), |()| 200)
}

#[test]
fn base64_is_that_of_the_rfc() {
    let texts = ["", "f", "fo", "foo", "foob", "fooba", "foobar"];
    let coded = texts.map(|text| base64(text.as_bytes()));
    let expected = [
        "", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy",
    ];
    assert_eq!(coded, expected);
    assert_eq!(base64(&[0xfb, 0xff, 0xfe]), "+//+");
}

#[test]
fn hosts_are_ours() {
    let open = guard("", "");
    for (host, expected) in [
        ("127.0.0.1:8080", 200),
        ("127.0.0.1", 200),
        ("localhost:8080", 200),
        ("LB.example.", 200),
        ("127.0.0.2", 403),
        ("evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("", 403),
    ] {
        assert_eq!(status(&open, &[("host", host)]), expected, "{host}");
    }
    assert_eq!(status(&open, &[]), 400);
    let twice = [("host", "localhost"), ("host", "localhost")];
    assert_eq!(status(&open, &twice), 400);
}

#[test]
fn a_user_is_asked_for_when_there_is_one() {
    let guard = guard("admin", "pass:wörd");
    let of = |credentials: &str| format!("Basic {}", base64(credentials.as_bytes()));
    for (authorization, expected) in [
        (of("admin:pass:wörd"), 200),
        (of("admin:pass:wörd").replace("Basic", "bASIC"), 200),
        (of("admin:pass"), 401),
        (of("admin:pass:wörd "), 401),
        (of("Admin:pass:wörd"), 401),
        (of("admin"), 401),
        (of(""), 401),
        (of("admin:pass:wörd").replace("Basic", "Bearer"), 401),
        ("Basic".to_owned(), 401),
        ("Basic admin:pass".to_owned(), 401),
        (String::new(), 401),
    ] {
        let fields = [
            ("host", "localhost"),
            ("authorization", authorization.as_str()),
        ];
        assert_eq!(status(&guard, &fields), expected, "{authorization}");
    }
    assert_eq!(status(&guard, &[("host", "localhost")]), 401);
    let stranger = [
        ("host", "evil.example"),
        ("authorization", &of("admin:pass:wörd")),
    ];
    assert_eq!(status(&guard, &stranger), 403, "the host counts first");
}

#[test]
fn an_order_comes_from_our_own_page() {
    let guard = guard("admin", "secret");
    for (fields, expected) in [
        (&[("host", "lb.example:8080")][..], true),
        (
            &[
                ("host", "lb.example:8080"),
                ("origin", "http://lb.example:8080"),
            ],
            true,
        ),
        (
            &[("host", "lb.example"), ("origin", "https://lb.example")],
            true,
        ),
        (
            &[("host", "lb.example"), ("sec-fetch-site", "same-origin")],
            true,
        ),
        (
            &[("host", "lb.example:8080"), ("origin", "http://lb.example")],
            false,
        ),
        (
            &[("host", "lb.example"), ("origin", "http://evil.example")],
            false,
        ),
        (&[("host", "lb.example"), ("origin", "null")], false),
        (
            &[("host", "lb.example"), ("sec-fetch-site", "same-site")],
            false,
        ),
        (
            &[("host", "lb.example"), ("sec-fetch-site", "cross-site")],
            false,
        ),
        (&[("host", "lb.example"), ("sec-fetch-site", "none")], false),
        (&[("origin", "http://lb.example")], false),
    ] {
        let admitted = guard.admit_order(&head(fields).headers);
        assert_eq!(admitted.is_ok(), expected, "{fields:?}");
    }
}

#[test]
fn a_token_belongs_to_one_start() {
    let first = guard("admin", "secret");
    let token = first.order_token().unwrap().to_owned();
    assert_eq!(token.len(), 32);
    assert!(first.knows_token(token.as_bytes()));
    assert!(!first.knows_token(b"") && !first.knows_token(&token.as_bytes()[1..]));
    let config = Config {
        username: "admin".to_owned(),
        ..Config::default()
    };
    let second = Guard::new(&config, HashKey::from_bytes([8; HashKey::LENGTH]));
    assert!(!second.knows_token(token.as_bytes()));
}

#[test]
fn without_a_user_nobody_orders() {
    let open = guard("", "ignored");
    assert!(open.order_token().is_none());
    assert!(
        open.admit_order(&head(&[("host", "localhost")]).headers)
            .is_err()
    );
    assert!(!open.knows_token(b""));
}
