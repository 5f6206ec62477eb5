//! Bytes as they stand in a dialogue file. A line of text ends in CRLF, unless it ends in a backslash.
//!
//! `\r \n \t \0 \xHH \\ \{` are bytes; `{x * 1000}` is a thousand times what stands before the star; `{date}` is any
//! date as HTTP writes it; `{out1}` is the address of that output.

/// Stands where any date may stand, in as many bytes as one has.
pub const ANY_DATE: &[u8; 29] = b"\x01any date, as HTTP writes it\x02";
/// From here on, the same few bytes over and over are written as a repetition.
const LONG: usize = 60;
const FEW: usize = 32;

/// The bytes of a block; `addresses` are those of the outputs.
pub fn read(lines: &[&str], addresses: &[String]) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    for line in lines {
        let ends = !ends_open(line);
        let text = if ends { line } else { &line[..line.len() - 1] };
        read_text(text, addresses, &mut bytes)?;
        if ends {
            bytes.extend_from_slice(b"\r\n");
        }
    }
    Ok(bytes)
}

/// A block that reads as `bytes`. A date is written as a placeholder where `is_ours` says that it is HALB's.
pub fn write(bytes: &[u8], addresses: &[String], is_ours: impl Fn(&[u8]) -> bool) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let end = rest.windows(2).position(|pair| pair == b"\r\n");
        let (line, next) = match end {
            Some(end) => (&rest[..end], &rest[end + 2..]),
            None => (rest, &rest[rest.len()..]),
        };
        let mut text = write_text(line, addresses, &is_ours);
        if text.ends_with(' ') {
            text.truncate(text.len() - 1);
            text.push_str("\\x20");
        }
        if end.is_none() {
            text.push('\\');
        }
        lines.push(text);
        rest = next;
    }
    lines
}

/// Whether what is expected agrees with what was seen, as far as that goes.
pub fn agrees(expected: &[u8], seen: &[u8]) -> bool {
    let mut at = 0;
    while at < expected.len().min(seen.len()) {
        if expected[at..].starts_with(ANY_DATE) {
            let end = seen.len().min(at + ANY_DATE.len());
            if !begins_a_date(&seen[at..end]) {
                return false;
            }
            at = end;
        } else if expected[at] == seen[at] {
            at += 1;
        } else {
            return false;
        }
    }
    true
}

/// Whether `bytes` are a date as HTTP writes it (RFC 9110 §5.6.7).
pub fn is_date(bytes: &[u8]) -> bool {
    bytes.len() == ANY_DATE.len() && begins_a_date(bytes)
}

fn begins_a_date(bytes: &[u8]) -> bool {
    let shape = b"Aaa, 00 Aaa 0000 00:00:00 GMT";
    let fits = |(byte, wanted): (&u8, &u8)| match wanted {
        b'A' => byte.is_ascii_uppercase(),
        b'a' => byte.is_ascii_lowercase(),
        b'0' => byte.is_ascii_digit(),
        other => byte == other,
    };
    // The A of the shape must not stand for the G, M and T of GMT, which are themselves.
    bytes.iter().zip(shape).all(fits)
}

/// An odd number of backslashes ends the line: an even one is backslashes.
fn ends_open(line: &str) -> bool {
    let count = line.bytes().rev().take_while(|byte| *byte == b'\\').count();
    count % 2 == 1
}

fn read_text(text: &str, addresses: &[String], out: &mut Vec<u8>) -> Result<(), String> {
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        rest = &rest[first.len_utf8()..];
        match first {
            '\\' => rest = read_escape(rest, out)?,
            '{' => {
                let (inside, behind) = split_brace(rest)?;
                read_brace(inside, addresses, out)?;
                rest = behind;
            }
            _ => out.extend_from_slice(first.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Ok(())
}

/// Reads what follows a backslash; the rest of the text.
fn read_escape<'t>(rest: &'t str, out: &mut Vec<u8>) -> Result<&'t str, String> {
    let Some(letter) = rest.chars().next() else {
        return Err("a backslash with nothing behind it".to_owned());
    };
    let byte = match letter {
        'r' => b'\r',
        'n' => b'\n',
        't' => b'\t',
        '0' => 0,
        '\\' => b'\\',
        '{' => b'{',
        'x' => {
            let digits = rest.get(1..3).unwrap_or_default();
            let byte = u8::from_str_radix(digits, 16);
            out.push(byte.map_err(|_| format!("\\x{digits} is no byte"))?);
            return Ok(&rest[3..]);
        }
        other => return Err(format!("\\{other} means nothing")),
    };
    out.push(byte);
    Ok(&rest[1..])
}

/// What stands before the closing brace, and behind it.
fn split_brace(rest: &str) -> Result<(&str, &str), String> {
    rest.split_once('}')
        .ok_or_else(|| "a brace that nothing closes; \\{ is the byte".to_owned())
}

fn read_brace(inside: &str, addresses: &[String], out: &mut Vec<u8>) -> Result<(), String> {
    if inside == "date" {
        out.extend_from_slice(ANY_DATE);
        return Ok(());
    }
    if let Some(number) = inside.strip_prefix("out") {
        let index = number.parse::<usize>().ok().and_then(|n| n.checked_sub(1));
        let address = index.and_then(|index| addresses.get(index));
        let address = address.ok_or_else(|| format!("there is no output {inside}"))?;
        out.extend_from_slice(address.as_bytes());
        return Ok(());
    }
    let Some((text, count)) = inside.rsplit_once(" * ") else {
        return Err(format!("{{{inside}}} means nothing"));
    };
    let count = count.parse::<usize>();
    let count = count.map_err(|_| format!("{{{inside}}}: how many times?"))?;
    let mut once = Vec::new();
    read_text(text, addresses, &mut once)?;
    out.extend(once.repeat(count));
    Ok(())
}

fn write_text(line: &[u8], addresses: &[String], is_ours: &impl Fn(&[u8]) -> bool) -> String {
    let mut text = String::new();
    let mut at = 0;
    while at < line.len() {
        let rest = &line[at..];
        let named = (1..)
            .zip(addresses)
            .find(|(_, a)| rest.starts_with(a.as_bytes()));
        if rest.len() >= ANY_DATE.len() && is_placeholder(&rest[..ANY_DATE.len()], is_ours) {
            text.push_str("{date}");
            at += ANY_DATE.len();
        } else if let Some((number, address)) = named {
            text.push_str(&format!("{{out{number}}}"));
            at += address.len();
        } else if let Some((few, count)) = repetition(rest) {
            let once: String = rest[..few].iter().map(|byte| write_byte(*byte)).collect();
            text.push_str(&format!("{{{once} * {count}}}"));
            at += few * count;
        } else {
            text.push_str(&write_byte(rest[0]));
            at += 1;
        }
    }
    text
}

/// How many bytes `bytes` begin with over and over, and how often.
fn repetition(bytes: &[u8]) -> Option<(usize, usize)> {
    (1..=FEW).find_map(|few| {
        let same = bytes.iter().zip(bytes.get(few..)?);
        let length = few + same.take_while(|(one, other)| one == other).count();
        let count = length / few;
        (count > 1 && count * few >= LONG).then_some((few, count))
    })
}

fn is_placeholder(bytes: &[u8], is_ours: &impl Fn(&[u8]) -> bool) -> bool {
    bytes == ANY_DATE || (is_date(bytes) && is_ours(bytes))
}

fn write_byte(byte: u8) -> String {
    match byte {
        b'\r' => "\\r".to_owned(),
        b'\n' => "\\n".to_owned(),
        b'\t' => "\\t".to_owned(),
        b'\\' => "\\\\".to_owned(),
        b'{' => "\\{".to_owned(),
        b' '..=b'~' => char::from(byte).to_string(),
        other => format!("\\x{other:02x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(lines: &[&str]) -> Vec<u8> {
        read(lines, &["127.0.0.1:81".to_owned()]).unwrap()
    }

    #[test]
    fn a_line_ends_in_crlf_unless_it_ends_in_a_backslash() {
        assert_eq!(bytes(&["a", "", "b\\"]), b"a\r\n\r\nb");
        assert_eq!(bytes(&["a\\\\"]), b"a\\\r\n");
        assert_eq!(bytes(&["\\"]), b"");
    }

    #[test]
    fn escapes_and_braces() {
        assert_eq!(
            bytes(&["\\r\\n\\t\\0\\x7f\\{}ü\\"]),
            "\r\n\t\0\x7f{}ü".as_bytes()
        );
        assert_eq!(
            bytes(&["{ab * 3}{\\n * 2}{out1}\\"]),
            b"ababab\n\n127.0.0.1:81"
        );
        for wrong in ["\\y\\", "{", "{x}", "{out2}", "{a * b}", "\\x4", "\\xzz"] {
            assert!(read(&[wrong], &["a".to_owned()]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_written_reads_the_same() {
        let addresses = ["127.0.0.1:81".to_owned()];
        let mut every: Vec<u8> = (0..=255).collect();
        every.extend_from_slice(b"\r\n 127.0.0.1:81 \r\n{a\\");
        every.extend([b'z'; 100]);
        every.extend(b"one, two. ".repeat(50));
        let lines = write(&every, &addresses, |_| false);
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        assert_eq!(read(&lines, &addresses).unwrap(), every);
        for short in ["{out1}", "{z * 100}", "{one, two.  * 50}"] {
            assert!(lines.concat().contains(short), "{short}");
        }
    }

    #[test]
    fn any_date_is_a_date_and_nothing_else() {
        let expected = bytes(&["Date: {date}"]);
        assert!(agrees(
            &expected,
            b"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
        ));
        assert!(agrees(&expected, b"Date: Sun, 06"), "as far as it goes");
        assert!(!agrees(
            &expected,
            b"Date: Sunday, 06-Nov-94 08:49:37 GMT\r\n"
        ));
        assert!(!agrees(
            &expected,
            b"Date: Sun, 06 Nov 1994 08:49:37 CET\r\n"
        ));
        let seen = b"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
        assert_eq!(write(seen, &[], |_| true), ["Date: {date}"]);
        assert_eq!(
            write(seen, &[], |_| false),
            ["Date: Sun, 06 Nov 1994 08:49:37 GMT"]
        );
        assert_eq!(write(&expected, &[], |_| false), ["Date: {date}"]);
    }
}
