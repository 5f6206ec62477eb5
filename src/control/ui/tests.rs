use axum::body::Body;
use axum::body::to_bytes;

use super::*;
use crate::control::shared::tests::shared_of;
use crate::model::output::OutputId;
use crate::model::standing::Standing;
use crate::model::standing::Switch;

const TEXT: &str = "out1 = '10.0.0.1'\nout2 = { address = '10.0.0.2:81', weight = 2 }\nout3 = '10.0.0.3'\n\
                    backup_outputs = 'out3'";
const USER: &str = "\nusername = 'admin'\npassword = 'secret'";
/// admin:secret
const AUTHORIZATION: (&str, &str) = ("authorization", "Basic YWRtaW46c2VjcmV0");

fn ui(text: &str) -> Ui {
    let shared = shared_of(text);
    let orders = Arc::new(Orders::new(Arc::clone(&shared), None, &[]));
    let recorder = Arc::new(Recorder::new(Arc::clone(&shared)));
    Ui::new(
        shared,
        orders,
        recorder,
        HashKey::from_bytes([1; HashKey::LENGTH]),
    )
}

fn open() -> Ui {
    ui(TEXT)
}

fn guarded() -> Ui {
    ui(&format!("{TEXT}{USER}"))
}

/// Status, head and body.
struct Seen {
    status: u16,
    fields: HeaderMap,
    body: String,
}

impl Seen {
    fn field(&self, name: &str) -> &str {
        self.fields
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

fn asked(ui: Ui, method: &str, path: &str, fields: &[(&str, &str)], body: &str) -> (Seen, Arc<Ui>) {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "localhost");
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::from(body.to_owned())).unwrap();
    let peer = "127.0.0.1:5".parse().unwrap();
    let ends = ConnectInfo(Ends { peer, local: peer });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let ui = Arc::new(ui);
    let seen = runtime.block_on(async {
        let response = answer(State(Arc::clone(&ui)), ends, request).await;
        let (head, body) = response.into_parts();
        let body = to_bytes(body, 1 << 20).await.unwrap();
        Seen {
            status: head.status.as_u16(),
            fields: head.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    });
    (seen, ui)
}

fn got(ui: Ui, path: &str, fields: &[(&str, &str)]) -> Seen {
    asked(ui, "GET", path, fields, "").0
}

#[test]
fn who_wants_html_gets_the_page_and_others_text() {
    for (accept, kind) in [
        ("text/html,application/xhtml+xml,*/*;q=0.8", HTML),
        ("*/*", PLAIN),
        ("text/plain", PLAIN),
    ] {
        let seen = got(open(), "/", &[("accept", accept)]);
        assert_eq!(
            (seen.status, seen.field("content-type")),
            (200, kind),
            "{accept}"
        );
        assert_eq!(seen.field("vary"), "accept");
    }
    let seen = got(open(), "/", &[]);
    assert_eq!(seen.field("content-type"), HTML);
    assert_eq!(got(open(), "/text", &[]).field("content-type"), PLAIN);
}

#[test]
fn the_page_is_whole_and_asks_nobody_else() {
    let seen = got(open(), "/", &[]);
    for needed in [
        "out1",
        "10.0.0.2:81",
        "weight 2",
        "backup",
        "nbcproc",
        "memmax",
        "ulimit-n",
        "maxsock",
        "maxconn",
    ] {
        assert!(seen.body.contains(needed), "{needed}");
    }
    assert!(!seen.body.contains('{'), "every place is filled in");
    assert!(
        !seen.body.contains("action=\"/switch\""),
        "no user, no switches"
    );
    let linked = ["href=\"", "src=\""];
    for link in linked
        .iter()
        .flat_map(|start| seen.body.split(start).skip(1))
    {
        let path = link.split('"').next().unwrap();
        assert!(path.starts_with('/') && !path.starts_with("//"), "{path}");
        let found = got(open(), path, &[]);
        assert_eq!(found.status, 200, "{path}");
    }
    for script in [SCRIPT, CHARTS, WORDS, STYLE] {
        let foreign = script.replace("http://www.w3.org/2000/svg", "");
        assert!(!foreign.contains("://"), "{foreign}");
    }
    let imports = SCRIPT.lines().chain(CHARTS.lines());
    for import in imports.filter(|line| line.starts_with("import ")) {
        let path = import.split('"').nth(1).unwrap().strip_prefix('.').unwrap();
        assert_eq!(
            got(open(), path, &[]).field("content-type"),
            "text/javascript"
        );
    }
}

#[test]
fn what_others_wrote_is_no_markup() {
    let ui = ui("out1 = 'a.invalid'");
    let text = "<script>alert(\"1\")</script> & 'x'".to_owned();
    ui.shared
        .journal
        .note("down", OutputId::from_index(0), text);
    let seen = got(ui, "/", &[]);
    let expected = "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; &#39;x&#39;";
    assert!(seen.body.contains(expected), "{}", seen.body);
}

#[test]
fn every_answer_is_guarded_against_being_used_elsewhere() {
    for (path, status) in [
        ("/", 200),
        ("/;csv", 200),
        ("/page.js", 200),
        ("/nothing", 404),
    ] {
        let seen = got(open(), path, &[]);
        assert_eq!(seen.status, status, "{path}");
        let policy = seen.field("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self'"),
            "{policy}"
        );
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(seen.field("x-content-type-options"), "nosniff");
        assert_eq!(seen.field("referrer-policy"), "same-origin");
        assert_eq!(seen.field("cache-control"), "no-store");
    }
    assert_eq!(got(guarded(), "/", &[]).status, 401);
    let challenge = "Basic realm=\"HALB\", charset=\"UTF-8\"";
    assert_eq!(
        got(guarded(), "/events", &[]).field("www-authenticate"),
        challenge
    );
    assert_eq!(got(guarded(), "/", &[AUTHORIZATION]).status, 200);
    let (seen, _) = asked(open(), "DELETE", "/", &[], "");
    assert_eq!((seen.status, seen.field("allow")), (405, "GET, HEAD"));
}

fn ordered(form: &str, fields: &[(&str, &str)]) -> (Seen, Switch) {
    let ui = guarded();
    let page = asked(guarded(), "GET", "/", &[AUTHORIZATION], "").0.body;
    let token = page.split("name=\"token\" value=\"").nth(1).unwrap();
    let token = token.split('"').next().unwrap();
    let form = form.replace("TOKEN", token);
    let fields = [&[AUTHORIZATION], fields].concat();
    let (seen, ui) = asked(ui, "POST", "/switch", &fields, &form);
    let output = OutputId::from_index(1).unwrap();
    (seen, ui.shared.plane.switch(output))
}

#[test]
fn the_page_orders() {
    let (seen, switch) = ordered("output=out2&to=disabled&token=TOKEN", &[]);
    assert_eq!((seen.status, seen.field("location")), (303, "/"));
    assert_eq!(switch, Switch::Disabled);
    let (seen, switch) = ordered("token=TOKEN&to=draining&output=out2", &[("accept", JSON)]);
    assert_eq!(seen.body, r#"{"status":{"code":0,"message":""}}"#);
    assert_eq!((seen.status, switch), (200, Switch::Draining));
    let (seen, _) = ordered("token=TOKEN&to=enabled&output=out2", &[("accept", JSON)]);
    assert!(seen.body.contains(r#""code":10"#), "it was so already");
}

#[test]
fn nobody_else_orders() {
    let form = "output=out2&to=disabled&token=TOKEN";
    for (form, fields, status) in [
        ("output=out2&to=disabled", &[][..], 403),
        ("output=out2&to=disabled&token=0", &[], 403),
        (form, &[("origin", "http://evil.example")], 403),
        (form, &[("sec-fetch-site", "cross-site")], 403),
        ("output=out2&to=off&token=TOKEN", &[], 400),
        (
            "output=out4&to=disabled&token=TOKEN",
            &[("accept", JSON)],
            200,
        ),
    ] {
        let (seen, switch) = ordered(form, fields);
        assert_eq!(
            (seen.status, switch),
            (status, Switch::Enabled),
            "{form} {fields:?}"
        );
    }
    let long = format!("{form}&more={}", "x".repeat(5000));
    assert_eq!(ordered(&long, &[]).0.status, 400);
    assert_eq!(asked(guarded(), "POST", "/switch", &[], form).0.status, 401);
    assert_eq!(asked(open(), "POST", "/switch", &[], form).0.status, 403);
    let (seen, ui) = asked(
        guarded(),
        "GET",
        "/switch?output=out2&to=disabled",
        &[AUTHORIZATION],
        "",
    );
    let output = OutputId::from_index(1).unwrap();
    assert_eq!(
        (seen.status, ui.shared.plane.switch(output)),
        (405, Switch::Enabled)
    );
}

#[test]
fn csv_has_a_line_for_each_and_all_of_haproxys_columns() {
    let ui = open();
    let output = ui
        .shared
        .plane
        .page(0)
        .outputs
        .of(OutputId::from_index(1).unwrap());
    output.sessions_total.add(7);
    let seen = got(ui, "/;csv", &[]);
    let mut lines = seen.body.lines();
    let header: Vec<&str> = lines
        .next()
        .unwrap()
        .strip_prefix("# ")
        .unwrap()
        .split(',')
        .collect();
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    assert!(rows.iter().all(|row| row.len() == header.len()));
    let column = |name: &str| header.iter().position(|found| *found == name).unwrap();
    let cells = |name: &str| -> Vec<&str> { rows.iter().map(|row| row[column(name)]).collect() };
    assert_eq!(cells("pxname"), ["in", "out", "out", "out", "out"]);
    assert_eq!(
        cells("svname"),
        ["FRONTEND", "out1", "out2", "out3", "BACKEND"]
    );
    assert_eq!(cells("status"), ["OPEN", "UP", "UP", "UP", "UP"]);
    assert_eq!(cells("stot"), ["0", "0", "7", "0", "7"]);
    assert_eq!(cells("type"), ["0", "2", "2", "2", "1"]);
    assert_eq!(
        cells("addr"),
        ["", "10.0.0.1:80", "10.0.0.2:81", "10.0.0.3:80", ""]
    );
    assert_eq!(cells("weight"), ["", "1", "2", "1", ""]);
    assert_eq!(cells("bck"), ["", "0", "0", "1", "1"]);
}

#[test]
fn text_stands_in_columns() {
    let seen = got(open(), "/text", &[]);
    let table: Vec<&str> = seen.body.lines().skip(6).take(4).collect();
    let at = table[0].find("Status").unwrap();
    assert!(
        table[1..].iter().all(|row| row[at..].starts_with("UP ")),
        "{table:?}"
    );
    assert!(table[3].starts_with("out3 backup"), "{table:?}");
    assert!(seen.body.starts_with("HALB "), "{}", seen.body);
}
