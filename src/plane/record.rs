//! What the access log says of one request, in the form in which it leaves its worker: numbers first, then texts.

use std::net::IpAddr;
use std::net::Ipv6Addr;
use std::time::Duration;

use crate::http::ending::Ending;
use crate::http::request::Version;
use crate::model::output::OutputId;
use crate::model::time::Instant;

/// The texts of a record, in their order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Text {
    Method,
    /// As the client sent it. Of a request that was refused before its parts were known: its first line.
    Target,
    Host,
    Referer,
    UserAgent,
}

impl Text {
    /// How many there are.
    pub const COUNT: usize = 5;

    /// All of them, in their order.
    pub const ALL: [Text; Text::COUNT] = [
        Text::Method,
        Text::Target,
        Text::Host,
        Text::Referer,
        Text::UserAgent,
    ];

    /// No more bytes of it are kept.
    pub const fn most(self) -> usize {
        match self {
            Text::Method => 32,
            Text::Target => 1024,
            Text::Host => 256,
            Text::Referer | Text::UserAgent => 512,
        }
    }
}

/// No record is longer, in bytes.
pub const RECORD_BYTES_MOST: usize = FIXED_BYTES
    + Text::Method.most()
    + Text::Target.most()
    + Text::Host.most()
    + Text::Referer.most()
    + Text::UserAgent.most();

/// One request, and what became of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record {
    /// When its head had been read whole, or was refused.
    pub asked: Instant,
    /// From the head's first byte until then.
    pub reading: Duration,
    /// From `asked` to the place at an output; `None`: there was none.
    pub waited: Option<Duration>,
    /// From the place to a connection.
    pub connected: Option<Duration>,
    /// From the connection to the head of the response.
    pub answered: Option<Duration>,
    /// From `asked` to the end.
    pub total: Duration,
    /// Bytes sent to the output, and taken by the client, heads included.
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub client: IpAddr,
    /// 0: not known, it is a proxy's client.
    pub port: u16,
    /// What the client was answered.
    pub status: Option<u16>,
    /// The output it occupied last.
    pub output: Option<OutputId>,
    /// How it ended.
    pub ending: Ending,
    /// Outputs that were tried and could not be reached.
    pub retries: u8,
    /// `None`: it was refused before that was known.
    pub version: Option<Version>,
    pub marks: Marks,
    /// Bytes of each text.
    pub lengths: [u16; Text::COUNT],
}

/// What is so or not.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Marks(u8);

impl Marks {
    /// Its texts were longer than what is kept.
    pub const CUT: Marks = Marks(1);
    /// The client's connection stayed open for its next request.
    pub const KEPT: Marks = Marks(2);
    /// It was tied to an output.
    pub const TIED: Marks = Marks(4);
    /// Another output than the one that was chosen first has served it.
    pub const MOVED: Marks = Marks(8);

    /// These, and with `on` another one as well.
    #[must_use]
    pub fn with(self, mark: Marks, on: bool) -> Marks {
        if on { Marks(self.0 | mark.0) } else { self }
    }

    pub fn has(self, mark: Marks) -> bool {
        self.0 & mark.0 != 0
    }
}

const WORDS: usize = 14;
const WORD_BYTES: usize = size_of::<u64>();
const FIXED_BYTES: usize = WORDS * WORD_BYTES;
/// No such moment.
const NONE: u64 = u64::MAX;
const NO_OUTPUT: u8 = u8::MAX;

impl Record {
    /// Writes it and its texts, one behind the other, into `out`.
    pub fn encode(&self, texts: &[u8], out: &mut Vec<u8>) {
        let sum: usize = self.lengths.iter().map(|length| usize::from(*length)).sum();
        assert_eq!(sum, texts.len(), "each text has its length");
        out.clear();
        for word in self.words() {
            out.extend_from_slice(&word.to_le_bytes());
        }
        out.extend_from_slice(texts);
    }

    /// Reads one that was written, and its texts.
    pub fn decode(bytes: &[u8]) -> Option<(Record, Texts<'_>)> {
        let (fixed, texts) = bytes.split_first_chunk::<FIXED_BYTES>()?;
        let (words, _) = fixed.as_chunks::<WORD_BYTES>();
        let words: [u64; WORDS] = std::array::from_fn(|index| u64::from_le_bytes(words[index]));
        let record = Record::from_words(&words)?;
        let sum: usize = record.lengths.iter().map(|l| usize::from(*l)).sum();
        let lengths = record.lengths;
        (sum == texts.len()).then_some((
            record,
            Texts {
                bytes: texts,
                lengths,
            },
        ))
    }

    fn words(&self) -> [u64; WORDS] {
        let address = match self.client {
            IpAddr::V4(address) => address.to_ipv6_mapped(),
            IpAddr::V6(address) => address,
        };
        let address = u128::from(address);
        let output = self.output.map_or(NO_OUTPUT, |output| output.index() as u8);
        let version = match self.version {
            None => 0,
            Some(Version::Http10) => 1,
            Some(Version::Http11) => 2,
        };
        let [method, target, host, referer, agent] = self.lengths;
        [
            self.asked.as_nanos(),
            nanos(self.reading),
            self.waited.map_or(NONE, nanos),
            self.connected.map_or(NONE, nanos),
            self.answered.map_or(NONE, nanos),
            nanos(self.total),
            self.bytes_in,
            self.bytes_out,
            address as u64,
            (address >> 64) as u64,
            u64::from(self.port) | u64::from(self.status.unwrap_or(0)) << 16,
            u64::from_le_bytes([
                output,
                self.ending.number() as u8,
                self.retries,
                version,
                self.marks.0,
                0,
                0,
                0,
            ]),
            u64::from(method) | u64::from(target) << 16 | u64::from(host) << 32,
            u64::from(referer) | u64::from(agent) << 16,
        ]
    }

    fn from_words(words: &[u64; WORDS]) -> Option<Record> {
        let address = u128::from(words[8]) | u128::from(words[9]) << 64;
        let [output, ending, retries, version, marks, ..] = words[11].to_le_bytes();
        let status = part(words[10], 1);
        Some(Record {
            asked: Instant::from_nanos(words[0]),
            reading: Duration::from_nanos(words[1]),
            waited: length(words[2]),
            connected: length(words[3]),
            answered: length(words[4]),
            total: Duration::from_nanos(words[5]),
            bytes_in: words[6],
            bytes_out: words[7],
            client: IpAddr::V6(Ipv6Addr::from(address)).to_canonical(),
            port: part(words[10], 0),
            status: (status != 0).then_some(status),
            output: OutputId::from_index(usize::from(output)),
            ending: Ending::from_number(usize::from(ending))?,
            retries,
            version: match version {
                1 => Some(Version::Http10),
                2 => Some(Version::Http11),
                _ => None,
            },
            marks: Marks(marks),
            lengths: [
                part(words[12], 0),
                part(words[12], 1),
                part(words[12], 2),
                part(words[13], 0),
                part(words[13], 1),
            ],
        })
    }
}

const _: () = assert!(Ending::COUNT <= u8::MAX as usize + 1);

/// The texts of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Texts<'r> {
    bytes: &'r [u8],
    lengths: [u16; Text::COUNT],
}

impl<'r> Texts<'r> {
    pub fn of(&self, text: Text) -> &'r [u8] {
        let before = self.lengths.iter().take(text as usize);
        let start: usize = before.map(|length| usize::from(*length)).sum();
        let length = usize::from(self.lengths[text as usize]);
        self.bytes.get(start..start + length).unwrap_or_default()
    }
}

fn nanos(length: Duration) -> u64 {
    u64::try_from(length.as_nanos()).unwrap_or(NONE - 1)
}

fn length(nanos: u64) -> Option<Duration> {
    (nanos != NONE).then(|| Duration::from_nanos(nanos))
}

fn part(word: u64, index: u32) -> u16 {
    (word >> (16 * index)) as u16
}
