//! One line of the access log, in the form that the operator chose.

use crate::control::access_log::combined;
use crate::control::access_log::haproxy;
use crate::control::access_log::json;
use crate::http::request::Version;
use crate::model::config::LogFormat;
use crate::model::output::OUTPUTS_MAX;
use crate::model::output::OutputId;
use crate::plane::Plane;
use crate::plane::record::Marks;
use crate::plane::record::Record;
use crate::plane::record::Text;
use crate::plane::record::Texts;

/// Everything that a line may say.
pub struct Line<'r> {
    pub record: Record,
    pub texts: Texts<'r>,
    /// When its head had been read, in microseconds since 1970 (UTC).
    pub unix_us: u64,
    /// Who served it.
    pub worker: usize,
}

/// How things stand while lines are written.
#[derive(Clone, Debug)]
pub struct Scene {
    /// Connections of clients.
    pub connections: u64,
    /// Sessions at each output.
    pub sessions: [u64; OUTPUTS_MAX],
}

impl Scene {
    /// For forms that say nothing of it.
    pub const EMPTY: Scene = Scene {
        connections: 0,
        sessions: [0; OUTPUTS_MAX],
    };

    pub fn of(plane: &Plane) -> Scene {
        let pages = plane.pages().iter();
        let id = OutputId::from_index;
        Scene {
            connections: pages.map(|page| page.connections_active.get()).sum(),
            sessions: std::array::from_fn(|index| {
                id(index).map_or(0, |output| plane.outputs().taken(output))
            }),
        }
    }
}

impl Line<'_> {
    /// Writes it with its line end.
    pub fn write(&self, format: LogFormat, scene: &Scene, out: &mut Vec<u8>) {
        match format {
            LogFormat::Json => json::write(self, out),
            LogFormat::Haproxy => haproxy::write(self, scene, out),
            LogFormat::Combined => combined::write(self, out),
        }
        out.push(b'\n');
    }

    /// Whether the parts of its request line are known.
    pub fn is_request(&self) -> bool {
        self.record.version.is_some()
    }

    /// Whether a text is longer than what is kept of it.
    pub fn is_cut(&self, text: Text) -> bool {
        self.record.marks.has(Marks::CUT) && self.texts.of(text).len() == text.most()
    }

    /// Its request line, each text written by `put`.
    pub fn put_request(&self, out: &mut Vec<u8>, put: fn(&mut Vec<u8>, &[u8])) {
        let version = match self.record.version {
            None => None,
            Some(Version::Http10) => Some(" HTTP/1.0"),
            Some(Version::Http11) => Some(" HTTP/1.1"),
        };
        if version.is_some() {
            put(out, self.texts.of(Text::Method));
            out.push(b' ');
        }
        self.put_text(Text::Target, out, put);
        out.extend_from_slice(version.unwrap_or_default().as_bytes());
    }

    /// One text, with dots where it was cut.
    pub fn put_text(&self, text: Text, out: &mut Vec<u8>, put: fn(&mut Vec<u8>, &[u8])) {
        put(out, self.texts.of(text));
        if self.is_cut(text) {
            out.extend_from_slice(b"...");
        }
    }
}
