use super::*;

/// Each list of Upgrade lines: whether a request with it asks, whether a 101 with it switches, and what goes on.
const LISTS: &[(&[&str], bool, bool, &str)] = &[
    (&["websocket"], true, true, "websocket"),
    (&["WebSocket/13"], true, true, "WebSocket/13"),
    (&["a/1, b", " c/2.0\t,d"], true, true, "a/1, b, c/2.0, d"),
    (&[",, a ,", "", ",b"], true, true, "a, b"),
    (&["h2cx, xh2c, h2"], true, true, "h2cx, xh2c, h2"),
    (&["h2c"], false, false, ""),
    (&["H2C/1, h2c"], false, false, ""),
    (&["h2c, websocket", "H2c/x"], true, false, "websocket"),
    (&[], false, false, ""),
    (&[""], false, false, ""),
    (&[" , ,"], false, false, ""),
    (&["a b"], false, false, ""),
    (&["a/"], false, false, ""),
    (&["/1"], false, false, ""),
    (&["a/b/c"], false, false, ""),
    (&["\"websocket\""], false, false, ""),
    (&["websocket;v=1"], false, false, ""),
    (&["websocket", "caf\u{e9}"], false, false, ""),
];

fn head(lines: &[&str]) -> String {
    let lines: Vec<String> = lines.iter().map(|l| format!("Upgrade:{l}\r\n")).collect();
    format!("A: 1\r\n{}\r\n", lines.concat())
}

#[test]
fn what_may_be_asked_for_and_granted() {
    let mut fields = Fields::new();
    for (lines, asks, switches, line) in LISTS {
        let head = head(lines);
        let bytes = head.as_bytes();
        assert_eq!(fields.read(bytes, 0), Ok(Some(bytes.len())));
        assert_eq!(offers(&fields, bytes), *asks, "{lines:?}");
        assert_eq!(grants(&fields, bytes), *switches, "{lines:?}");
        if *asks {
            let mut room = [0; 64];
            let mut out = Writer::new(&mut room);
            write(&fields, bytes, &mut out).unwrap();
            let used = out.used();
            let expected = format!("Upgrade: {line}\r\n");
            assert_eq!(&room[..used], expected.as_bytes(), "{lines:?}");
        }
    }
}
