//! A strict and simple reader of HTTP/1 messages, made for checking: it shares nothing with HALB's own.

/// One message's head.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Head {
    pub first: String,
    pub fields: Vec<(String, String)>,
}

impl Head {
    /// The values of every field called so.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let named = self.fields.iter();
        named
            .filter(|(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
            .collect()
    }

    /// The value of the only field called so.
    pub fn one(&self, name: &str) -> Result<Option<&str>, String> {
        match self.all(name)[..] {
            [] => Ok(None),
            [value] => Ok(Some(value)),
            _ => Err(format!("{name} stands more than once")),
        }
    }

    /// Whether `Connection` names `option`.
    pub fn connection(&self, option: &str) -> bool {
        self.all("connection")
            .iter()
            .flat_map(|value| value.split(','))
            .any(|word| word.trim().eq_ignore_ascii_case(option))
    }

    /// How the fields say the body is delimited.
    pub fn framing(&self, otherwise: Framing) -> Result<Framing, String> {
        let length = self.one("content-length")?;
        match (length, self.one("transfer-encoding")?) {
            (Some(_), Some(_)) => Err("both a length and a transfer coding".into()),
            (Some(length), None) => match length.parse() {
                Ok(count) if length.bytes().all(|byte| byte.is_ascii_digit()) => {
                    Ok(Framing::Length(count))
                }
                _ => Err(format!("Content-Length: {length}")),
            },
            (None, Some("chunked")) => Ok(Framing::Chunked),
            (None, Some(other)) => Err(format!("Transfer-Encoding: {other}")),
            (None, None) => Ok(otherwise),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Framing {
    Length(usize),
    Chunked,
    UntilClose,
}

/// No head of this world is longer.
const HEAD_MAX: usize = 40_000;

/// Takes a head from the front of `input`, when it is there whole.
pub fn take_head(input: &mut Vec<u8>) -> Result<Option<Head>, String> {
    let window = &input[..input.len().min(HEAD_MAX)];
    let Some(end) = window.windows(4).position(|four| four == b"\r\n\r\n") else {
        return match input.len() >= HEAD_MAX {
            true => Err("a head without end".into()),
            false => Ok(None),
        };
    };
    let text: String = input.drain(..end + 4).take(end).map(char::from).collect();
    let mut lines = text.split("\r\n");
    let first = lines.next().unwrap_or_default().to_string();
    if first.is_empty() || text.replace("\r\n", "").contains(['\r', '\n', '\0']) {
        return Err(format!("a malformed head: {text:?}"));
    }
    let fields = lines.map(field).collect::<Result<_, _>>()?;
    Ok(Some(Head { first, fields }))
}

fn field(line: &str) -> Result<(String, String), String> {
    let (name, value) = line
        .split_once(':')
        .ok_or_else(|| format!("no field line: {line:?}"))?;
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_!#$%&'*+.^`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(token) {
        return Err(format!("no field name: {name:?}"));
    }
    let value = value.trim_matches([' ', '\t']);
    Ok((name.to_string(), value.to_string()))
}

/// One body on its way in.
#[derive(Debug)]
pub struct Body {
    framing: Framing,
    pub bytes: Vec<u8>,
    pub trailers: Vec<(String, String)>,
    chunk: Chunk,
    /// Chunks may carry extensions, which mean nothing.
    extends: bool,
    finished: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Chunk {
    Size,
    Data(usize),
    Trailers,
}

impl Body {
    pub fn new(framing: Framing) -> Body {
        Body {
            framing,
            bytes: Vec::new(),
            trailers: Vec::new(),
            chunk: Chunk::Size,
            extends: false,
            finished: framing == Framing::Length(0),
        }
    }

    /// One that may have chunk extensions: nobody has read it before us.
    pub fn raw(framing: Framing) -> Body {
        Body {
            extends: true,
            ..Body::new(framing)
        }
    }

    pub fn is_finished(&self) -> bool {
        self.finished
    }

    pub fn is_chunked(&self) -> bool {
        self.framing == Framing::Chunked
    }

    /// How much of its content is to come, as far as its length says so.
    pub fn left(&self) -> usize {
        match self.framing {
            Framing::Length(length) => length - self.bytes.len(),
            Framing::Chunked | Framing::UntilClose => 0,
        }
    }

    /// It lasts until the connection closes.
    pub fn is_until_close(&self) -> bool {
        self.framing == Framing::UntilClose
    }

    /// The connection ended; whether the body is whole by that.
    pub fn end(&mut self) -> bool {
        self.finished |= self.is_until_close();
        self.finished
    }

    /// Takes what belongs to it from the front of `input`.
    pub fn take(&mut self, input: &mut Vec<u8>) -> Result<(), String> {
        match self.framing {
            Framing::UntilClose => self.bytes.append(input),
            Framing::Length(length) => {
                let count = (length - self.bytes.len()).min(input.len());
                self.bytes.extend_from_slice(&input[..count]);
                input.drain(..count);
                self.finished = self.bytes.len() == length;
            }
            Framing::Chunked => while !self.finished && self.take_chunk(input)? {},
        }
        Ok(())
    }

    /// One step of chunked coding; false when more bytes are needed.
    fn take_chunk(&mut self, input: &mut Vec<u8>) -> Result<bool, String> {
        match self.chunk {
            Chunk::Size => {
                let Some(line) = take_line(input)? else {
                    return Ok(false);
                };
                let size = self.size(&line)?;
                self.chunk = match size {
                    0 => Chunk::Trailers,
                    _ => Chunk::Data(size),
                };
            }
            Chunk::Data(0) => {
                if input.len() < 2 {
                    return Ok(false);
                }
                if input.drain(..2).ne(*b"\r\n") {
                    return Err("a chunk that does not end with CRLF".into());
                }
                self.chunk = Chunk::Size;
            }
            Chunk::Data(left) => {
                let count = left.min(input.len());
                self.bytes.extend_from_slice(&input[..count]);
                input.drain(..count);
                self.chunk = Chunk::Data(left - count);
                return Ok(count > 0);
            }
            Chunk::Trailers => {
                let Some(line) = take_line(input)? else {
                    return Ok(false);
                };
                match line.is_empty() {
                    true => self.finished = true,
                    false => self.trailers.push(field(&line)?),
                }
            }
        }
        Ok(true)
    }

    fn size(&self, line: &str) -> Result<usize, String> {
        let digits = match self.extends {
            true => line.split([';', ' ', '\t']).next().unwrap_or_default(),
            false => line,
        };
        let sound = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let size = usize::from_str_radix(digits, 16).ok().filter(|_| sound);
        size.ok_or_else(|| format!("no chunk size: {line:?}"))
    }
}

fn take_line(input: &mut Vec<u8>) -> Result<Option<String>, String> {
    let Some(end) = input.windows(2).position(|two| two == b"\r\n") else {
        return match input.len() > 10_000 {
            true => Err("a line without end".into()),
            false => Ok(None),
        };
    };
    Ok(Some(
        input.drain(..end + 2).take(end).map(char::from).collect(),
    ))
}
