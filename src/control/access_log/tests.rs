mod forms;
mod writing;

use std::net::IpAddr;
use std::time::Duration;

use crate::http::ending::Ending;
use crate::http::request::Version;
use crate::model::output::OutputId;
use crate::model::time::Instant;
use crate::plane::record::Marks;
use crate::plane::record::Record;
use crate::plane::record::Text;

/// A record and its texts.
pub struct Sample {
    pub record: Record,
    pub texts: [Vec<u8>; Text::COUNT],
}

impl Sample {
    /// A request that went well.
    pub fn answered() -> Sample {
        let texts = ["GET", "/a?b=c", "example.net", "", "curl/8.5"];
        Sample {
            record: Record {
                asked: Instant::from_nanos(5_000_000_000),
                reading: Duration::from_micros(1_250),
                waited: Some(Duration::ZERO),
                connected: Some(Duration::from_micros(40)),
                answered: Some(Duration::from_micros(3_007)),
                total: Duration::from_micros(12_345),
                bytes_in: 120,
                bytes_out: 4_242,
                client: IpAddr::from([192, 0, 2, 7]),
                port: 40_000,
                status: Some(200),
                output: OutputId::from_index(2),
                ending: Ending::Answered,
                retries: 0,
                version: Some(Version::Http11),
                marks: Marks::default().with(Marks::KEPT, true),
                lengths: [0; Text::COUNT],
            },
            texts: texts.map(|text| text.as_bytes().to_vec()),
        }
    }

    /// One that was refused before anything of it was known.
    pub fn refused(line: &[u8]) -> Sample {
        let mut sample = Sample::answered();
        sample.texts = [vec![], line.to_vec(), vec![], vec![], vec![]];
        sample.record = Record {
            waited: None,
            connected: None,
            answered: None,
            bytes_in: 0,
            status: Some(400),
            output: None,
            ending: Ending::Refused(crate::http::ending::Refusal::RequestLine),
            version: None,
            marks: Marks::default(),
            ..sample.record
        };
        sample
    }

    pub fn encoded(&self) -> Vec<u8> {
        let lengths = self.texts.each_ref().map(|text| text.len() as u16);
        let record = Record {
            lengths,
            ..self.record
        };
        let mut bytes = Vec::new();
        record.encode(&self.texts.concat(), &mut bytes);
        bytes
    }
}
