//! The Connection field: what it says of the connection, and which other fields it ties to it.

use crate::http::field::CONNECTION_OPTIONS_MAX;
use crate::http::field::FieldFault;
use crate::http::field::Fields;
use crate::http::field::Known;
use crate::http::field::Span;
use crate::http::field::elements;
use crate::http::field::is_token;
use crate::http::field::known;

/// Reads all Connection lines and marks the fields they name. What is no token names no field and is passed over.
pub(super) fn apply(fields: &mut Fields, bytes: &[u8]) -> Result<(), FieldFault> {
    if !fields.has(Known::Connection) {
        return Ok(());
    }
    let mut names = 0;
    for index in 0..fields.list.len() {
        let field = fields.list[index];
        if field.known != Known::Connection {
            continue;
        }
        for option in elements(field.value.of(bytes)) {
            if option.eq_ignore_ascii_case(b"close") {
                fields.close = true;
            } else if option.eq_ignore_ascii_case(b"keep-alive") {
                fields.keep_alive = true;
            } else if option.eq_ignore_ascii_case(b"upgrade") {
                fields.upgrade = true;
            } else if names_a_field(option) {
                names += 1;
                if names > CONNECTION_OPTIONS_MAX {
                    return Err(FieldFault::TooManyOptions);
                }
                mark(fields, bytes, option);
            }
        }
    }
    Ok(())
}

/// Not worth a search: junk, what is hop-by-hop anyway, and what Connection cannot take away.
fn names_a_field(option: &[u8]) -> bool {
    let known = known::recognise(option);
    is_token(option) && !known.is_hop_by_hop() && !known.is_protected()
}

fn mark(fields: &mut Fields, bytes: &[u8], option: &[u8]) {
    let same = |name: Span| name.of(bytes).eq_ignore_ascii_case(option);
    for field in fields.list.iter_mut().filter(|field| same(field.name)) {
        field.hop_by_hop = true;
    }
}
