//! What a head says about the length of its body, strictly (RFC 9112 §6.1, §6.2).

use crate::http::field::Fields;
use crate::http::field::Known;
use crate::http::field::elements;
use crate::http::field::is_token;
use crate::http::request::Version;

/// What is wrong with it. Every one of these has been used to make two readers see different messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FramingFault {
    /// A Content-Length that is no number of 64 bits.
    LengthInvalid,
    LengthsDiffer,
    LengthAndCoding,
    /// A Transfer-Encoding that is no list of codings, or whose only `chunked` is not its end.
    CodingMalformed,
    /// Chunked, but something else before it.
    CodingUnknown,
    CodingInOldVersion,
}

/// What the head says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Declared {
    Nothing,
    Length(u64),
    Chunked,
}

/// Reads Content-Length and Transfer-Encoding.
pub(crate) fn declared(
    fields: &Fields,
    bytes: &[u8],
    version: Version,
) -> Result<Declared, FramingFault> {
    let length = content_length(fields, bytes)?;
    if fields.has(Known::TransferEncoding) {
        if version == Version::Http10 {
            return Err(FramingFault::CodingInOldVersion);
        }
        transfer_coding(fields, bytes)?;
        return match length {
            None => Ok(Declared::Chunked),
            Some(_) => Err(FramingFault::LengthAndCoding),
        };
    }
    Ok(length.map_or(Declared::Nothing, Declared::Length))
}

/// One value, or the same value several times (RFC 9112 §6.3 item 5 lets us take those as one).
fn content_length(fields: &Fields, bytes: &[u8]) -> Result<Option<u64>, FramingFault> {
    let mut length = None;
    for field in fields.all(Known::ContentLength) {
        for element in elements(field.value.of(bytes)) {
            let value = decimal(element).ok_or(FramingFault::LengthInvalid)?;
            if length.is_some_and(|before| before != value) {
                return Err(FramingFault::LengthsDiffer);
            }
            length = Some(value);
        }
    }
    Ok(length)
}

/// Chunked once, at the end, and alone. Empty elements, which RFC 9110 §5.6.1 would let pass, are refused: only
/// those who want to be misread send them here.
fn transfer_coding(fields: &Fields, bytes: &[u8]) -> Result<(), FramingFault> {
    let mut others = 0;
    let mut chunked = false;
    for field in fields.all(Known::TransferEncoding) {
        for element in elements(field.value.of(bytes)) {
            if chunked || !is_token(element) {
                return Err(FramingFault::CodingMalformed);
            }
            if element.eq_ignore_ascii_case(b"chunked") {
                chunked = true;
            } else {
                others += 1;
            }
        }
    }
    match (chunked, others) {
        (false, _) => Err(FramingFault::CodingMalformed),
        (true, 0) => Ok(()),
        (true, _) => Err(FramingFault::CodingUnknown),
    }
}

/// Digits only. Leading zeros change nothing, as we write the number anew.
fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u64, |value, byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value.checked_mul(10)?.checked_add(u64::from(digit))
    })
}
