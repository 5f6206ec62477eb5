//! What makes a stream secret: the Noise handshake `NNpsk0` with a key that all servers of the domain have, and the
//! sealed messages after it. Each is two bytes of length, then at most 65,535 bytes (Noise, section 3).
//!
//! Each side draws a key for this stream alone, so what somebody recorded of another one opens nothing here; and the
//! number of a message is part of its seal, so that none can be left out, repeated or moved.

use std::fmt;
use std::sync::Arc;

use snow::Builder;
use snow::HandshakeState;
use snow::StatelessTransportState;

const PATTERN: &str = "Noise_NNpsk0_25519_ChaChaPoly_BLAKE2s";
/// Both have to begin alike. The number is that of this handshake; what is spoken inside has a number of its own.
const PROLOGUE: &[u8] = b"HALB stream 1";

/// A handshake's message: a public key of 32 bytes and the seal of nothing.
pub const HANDSHAKE_BYTES: usize = 48;
/// What a seal adds.
const SEAL_BYTES: usize = 16;
/// The most that goes into one message.
pub const PIECE_MOST: usize = u16::MAX as usize - SEAL_BYTES;
/// The length in front of each message.
pub const LENGTH_BYTES: usize = 2;

/// Why there is no secret, or what came is not sealed with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Broken {
    /// No random numbers.
    Chance,
    /// Another key, another handshake, or bytes of somebody else.
    Foreign,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Broken::Chance => "the kernel gives no random numbers",
            Broken::Foreign => "the other side has another domain key, or is no HALB",
        })
    }
}

/// One side of a handshake.
pub struct Handshake(HandshakeState);

impl Handshake {
    /// Of the one who dials. Gives its first message, too.
    pub fn dial(key: &[u8; 32]) -> Result<(Handshake, [u8; HANDSHAKE_BYTES]), Broken> {
        let state = builder(key).build_initiator();
        let mut handshake = Handshake(state.map_err(|_| Broken::Chance)?);
        let message = handshake.message()?;
        Ok((handshake, message))
    }

    /// Of the one who is dialled, whose message is `first`. Gives the answer, too.
    pub fn answer(
        key: &[u8; 32],
        first: &[u8; HANDSHAKE_BYTES],
    ) -> Result<(Secret, [u8; HANDSHAKE_BYTES]), Broken> {
        let state = builder(key).build_responder();
        let mut handshake = Handshake(state.map_err(|_| Broken::Chance)?);
        handshake.take(first)?;
        let message = handshake.message()?;
        Ok((handshake.done()?, message))
    }

    /// The answer has come.
    pub fn finish(mut self, second: &[u8; HANDSHAKE_BYTES]) -> Result<Secret, Broken> {
        self.take(second)?;
        self.done()
    }

    fn message(&mut self) -> Result<[u8; HANDSHAKE_BYTES], Broken> {
        let mut message = [0; HANDSHAKE_BYTES];
        let written = self.0.write_message(&[], &mut message);
        let length = written.map_err(|_| Broken::Chance)?;
        assert_eq!(length, HANDSHAKE_BYTES, "the pattern says so");
        Ok(message)
    }

    fn take(&mut self, message: &[u8; HANDSHAKE_BYTES]) -> Result<(), Broken> {
        let read = self.0.read_message(message, &mut []);
        read.map(|_| ()).map_err(|_| Broken::Foreign)
    }

    fn done(self) -> Result<Secret, Broken> {
        let state = self.0.into_stateless_transport_mode();
        Ok(Secret(Arc::new(state.map_err(|_| Broken::Foreign)?)))
    }
}

fn builder(key: &[u8; 32]) -> Builder<'_> {
    let pattern = PATTERN.parse().expect("the pattern is one that snow has");
    let builder = Builder::new(pattern).prologue(PROLOGUE);
    let builder = builder.and_then(|builder| builder.psk(0, key));
    builder.expect("each is said once")
}

/// What both sides of one stream have and nobody else.
pub struct Secret(Arc<StatelessTransportState>);

impl Secret {
    /// For the two directions.
    pub fn split(self) -> (Sealer, Opener) {
        let opener = Opener {
            state: Arc::clone(&self.0),
            number: 0,
        };
        let state = self.0;
        (Sealer { state, number: 0 }, opener)
    }
}

/// Seals what is sent.
pub struct Sealer {
    state: Arc<StatelessTransportState>,
    number: u64,
}

impl Sealer {
    /// Appends `bytes` to `into` as messages of full size, lengths included.
    pub fn seal(&mut self, bytes: &[u8], into: &mut Vec<u8>) {
        for piece in bytes.chunks(PIECE_MOST) {
            let length = piece.len() + SEAL_BYTES;
            let at = into.len() + LENGTH_BYTES;
            into.extend_from_slice(&(length as u16).to_be_bytes());
            into.resize(at + length, 0);
            let sealed = self
                .state
                .write_message(self.number, piece, &mut into[at..]);
            assert_eq!(sealed, Ok(length), "there is room for it");
            self.number += 1; // 2^64 messages take longer than any process lives
        }
    }
}

/// Opens what comes.
pub struct Opener {
    state: Arc<StatelessTransportState>,
    number: u64,
}

impl Opener {
    /// Appends what was sealed in `message`, the next one in order.
    pub fn open(&mut self, message: &[u8], into: &mut Vec<u8>) -> Result<(), Broken> {
        let at = into.len();
        into.resize(at + message.len(), 0);
        let opened = self
            .state
            .read_message(self.number, message, &mut into[at..]);
        into.truncate(at + opened.as_ref().map_or(0, |length| *length));
        self.number += 1;
        opened.map(|_| ()).map_err(|_| Broken::Foreign)
    }
}
