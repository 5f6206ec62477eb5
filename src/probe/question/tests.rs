use super::*;
use crate::model::load::sample::config_of;

fn question(text: &str) -> Question {
    Question::from_config(&config_of(text))
}

#[test]
fn every_form_of_url_and_method() {
    let table = [
        (
            "http_get",
            "",
            "GET / HTTP/1.0\r\nUser-Agent: HALB-health-check\r\n\r\n",
            "GET /",
        ),
        (
            "http_head",
            "/up?deep=1",
            "HEAD /up?deep=1 HTTP/1.0\r\nUser-Agent: HALB-health-check\r\n\r\n",
            "HEAD /up?deep=1",
        ),
        (
            "http_get",
            "http://host.name.domain/file/to/check/for.html",
            "GET /file/to/check/for.html HTTP/1.1\r\nHost: host.name.domain\r\n\
             User-Agent: HALB-health-check\r\nConnection: close\r\n\r\n",
            "GET /file/to/check/for.html",
        ),
        (
            "http_head",
            "http://[2001:db8::1]:81/",
            "HEAD / HTTP/1.1\r\nHost: [2001:db8::1]:81\r\n\
             User-Agent: HALB-health-check\r\nConnection: close\r\n\r\n",
            "HEAD /",
        ),
    ];
    for (method, url, bytes, asked) in table {
        let text =
            format!("out1 = 'a'\nhealthcheck_method = '{method}'\nhealthcheck_url = '{url}'\n");
        let Question::Http(http) = question(&text) else {
            panic!("{method} speaks HTTP");
        };
        assert_eq!(String::from_utf8_lossy(&http.bytes), bytes);
        assert_eq!(http.asked, asked);
    }
}

#[test]
fn the_agent_is_the_configuration_s() {
    let agent = |value: &str| {
        let text = format!(
            "out1 = 'a'\nhealthcheck_method = 'http_head'\nhealthcheck_agent = '{value}'\n"
        );
        match question(&text) {
            Question::Http(http) => String::from_utf8(http.bytes).expect("text"),
            Question::Connect => panic!("http_head speaks HTTP"),
        }
    };
    assert!(agent("probe/1 (é)").contains("\r\nUser-Agent: probe/1 (é)\r\n"));
    assert!(agent("").contains("\r\nUser-Agent: HALB-health-check\r\n"));
}

#[test]
fn only_http_get_searches() {
    for (method, searches) in [
        ("tcp_connect", false),
        ("http_head", false),
        ("http_get", true),
    ] {
        let text =
            format!("out1 = 'a'\nhealthcheck_mode = '{method}'\nhealthcheck_regexp = 'OK'\n");
        let found = match question(&text) {
            Question::Http(http) => http.search.is_some(),
            Question::Connect => false,
        };
        assert_eq!(found, searches, "{method}");
    }
    assert!(matches!(question("out1 = 'a'\n"), Question::Connect));
}

#[test]
fn the_lower_of_both_times_limits_a_probe() {
    for (connect, interval, wanted) in [("20", "5", 5.0), ("2", "5", 2.0), ("0", "0.5", 0.5)] {
        let text =
            format!("out1 = 'a'\nconn_timeout = {connect}\nhealthcheck_interval = {interval}\n");
        assert_eq!(limit(&config_of(&text)), Duration::from_secs_f64(wanted));
    }
}
