//! Frames over a socket: the two halves of a connection, and how it begins.

use std::io;

use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::BufReader;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::tcp::OwnedWriteHalf;

use crate::control::domain::stream::frame::Assembler;
use crate::control::domain::stream::frame::Frame;
use crate::control::domain::stream::noise::Broken;
use crate::control::domain::stream::noise::HANDSHAKE_BYTES;
use crate::control::domain::stream::noise::Handshake;
use crate::control::domain::stream::noise::LENGTH_BYTES;
use crate::control::domain::stream::noise::Opener;
use crate::control::domain::stream::noise::PIECE_MOST;
use crate::control::domain::stream::noise::Sealer;
use crate::control::domain::stream::noise::Secret;

/// What goes wrong on the wire.
#[derive(Debug)]
pub enum Fault {
    Io(io::Error),
    /// Not sealed with our key.
    Broken(Broken),
    /// Longer than anything may be.
    TooLong,
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Fault {
        Fault::Io(error)
    }
}

impl From<Broken> for Fault {
    fn from(broken: Broken) -> Fault {
        Fault::Broken(broken)
    }
}

/// Both halves of a connection that nobody else can read.
pub struct Halves {
    pub reader: Reader,
    pub writer: Writer,
}

impl Halves {
    /// The handshake of the one who dials.
    pub async fn dial(mut socket: TcpStream, key: &[u8; 32]) -> Result<Halves, Fault> {
        let (handshake, first) = Handshake::dial(key)?;
        send(&mut socket, &first).await?;
        let second = receive(&mut socket).await?;
        Ok(Halves::new(socket, handshake.finish(&second)?))
    }

    /// The handshake of the one who is dialled.
    pub async fn answer(mut socket: TcpStream, key: &[u8; 32]) -> Result<Halves, Fault> {
        let first = receive(&mut socket).await?;
        let (secret, second) = Handshake::answer(key, &first)?;
        send(&mut socket, &second).await?;
        Ok(Halves::new(socket, secret))
    }

    fn new(socket: TcpStream, secret: Secret) -> Halves {
        let (sealer, opener) = secret.split();
        let (read, write) = socket.into_split();
        Halves {
            reader: Reader {
                half: BufReader::with_capacity(PIECE_MOST, read),
                opener,
                frames: Assembler::default(),
                message: Vec::new(),
            },
            writer: Writer {
                half: write,
                sealer,
                sealed: Vec::new(),
            },
        }
    }
}

pub struct Reader {
    half: BufReader<OwnedReadHalf>,
    opener: Opener,
    frames: Assembler,
    message: Vec<u8>,
}

impl Reader {
    /// The next frame. `heard` is called for every sealed message that comes.
    pub async fn next(&mut self, heard: impl Fn()) -> Result<Frame, Fault> {
        loop {
            if let Some(frame) = self.frames.take().map_err(|_| Fault::TooLong)? {
                return Ok(frame);
            }
            let length = self.half.read_u16().await?;
            self.message.resize(length.into(), 0);
            self.half.read_exact(&mut self.message).await?;
            self.opener.open(&self.message, self.frames.room())?;
            heard();
        }
    }
}

pub struct Writer {
    half: OwnedWriteHalf,
    sealer: Sealer,
    sealed: Vec<u8>,
}

impl Writer {
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sealed.clear();
        self.sealer.seal(bytes, &mut self.sealed);
        let sent = self.half.write_all(&self.sealed).await;
        if self.sealed.capacity() > 2 * PIECE_MOST {
            self.sealed = Vec::new(); // a long body is rare, and streams are many
        }
        sent
    }

    /// Nothing more is sent.
    pub async fn end(&mut self) -> io::Result<()> {
        self.half.shutdown().await
    }
}

async fn send(socket: &mut TcpStream, message: &[u8; HANDSHAKE_BYTES]) -> io::Result<()> {
    let mut bytes = [0; LENGTH_BYTES + HANDSHAKE_BYTES];
    let (length, rest) = bytes.split_at_mut(LENGTH_BYTES);
    length.copy_from_slice(&(HANDSHAKE_BYTES as u16).to_be_bytes());
    rest.copy_from_slice(message);
    socket.write_all(&bytes).await
}

/// Whoever begins otherwise is no HALB; not a byte more of it is read.
async fn receive(socket: &mut TcpStream) -> Result<[u8; HANDSHAKE_BYTES], Fault> {
    if usize::from(socket.read_u16().await?) != HANDSHAKE_BYTES {
        return Err(Fault::Broken(Broken::Foreign));
    }
    let mut message = [0; HANDSHAKE_BYTES];
    socket.read_exact(&mut message).await?;
    Ok(message)
}
