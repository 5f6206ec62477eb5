//! Keys of a domain.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// A key that nobody has drawn: one byte, in two hexadecimal digits, over and over.
pub fn write_key(file: &Path, byte: &str) {
    let text = format!("HALB domain key 1 {}\n", byte.repeat(32));
    std::fs::write(file, text).unwrap();
    std::fs::set_permissions(file, Permissions::from_mode(0o600)).unwrap();
}
