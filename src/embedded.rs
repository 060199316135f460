//! What the component carries compressed, because it is large and seldom asked for.

use std::io::{self, Read};

use flate2::read::GzDecoder;

/// Reads what `build.rs` wrote.
///
/// # Errors
///
/// If it is not that.
pub fn read(compressed: &[u8]) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    GzDecoder::new(compressed).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The same, of a text.
///
/// # Errors
///
/// If it is not that, or not UTF-8.
pub fn read_text(compressed: &[u8]) -> io::Result<String> {
    String::from_utf8(read(compressed)?).map_err(io::Error::other)
}
