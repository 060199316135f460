//! Lines of JSON.

use axum::body::Bytes;

use super::{BYTE_ORDER_MARK, MAX_RECORD_BYTES, Record, too_long};
use crate::transport::http::strict_json;

/// Takes lines out of a body. Empty ones are passed over.
#[derive(Default)]
pub struct Lines {
    chunk: Bytes,
    /// The beginning of a line whose end is still to come.
    begun: Vec<u8>,
    is_long: bool,
    line: u64,
    has_ended: bool,
}

impl Lines {
    pub(super) fn push(&mut self, chunk: Bytes) {
        self.chunk = chunk;
    }

    pub(super) fn end(&mut self) {
        self.has_ended = true;
    }

    pub(super) fn next(&mut self) -> Option<Record> {
        loop {
            let end = self.chunk.iter().position(|byte| *byte == b'\n');
            let piece = match end {
                Some(end) => self.chunk.split_to(end.saturating_add(1)),
                None => std::mem::take(&mut self.chunk),
            };
            self.keep(&piece);
            let is_there = end.is_some() || self.has_ended && !self.begun.is_empty();
            if !is_there {
                return None;
            }
            self.line = self.line.saturating_add(1);
            let bytes = std::mem::take(&mut self.begun);
            let line = self.line;
            if std::mem::take(&mut self.is_long) {
                return Some(Record { line, value: Err(too_long()) });
            }
            let text = bytes.strip_prefix(BYTE_ORDER_MARK).filter(|_| line == 1).unwrap_or(&bytes);
            if !text.trim_ascii().is_empty() {
                return Some(Record { line, value: strict_json::parse(text) });
            }
        }
    }

    /// Adds to the line that has begun, as long as it is not too long.
    fn keep(&mut self, piece: &[u8]) {
        let length = self.begun.len().saturating_add(piece.len());
        if length <= MAX_RECORD_BYTES {
            self.begun.extend_from_slice(piece);
        } else {
            self.is_long = true;
        }
    }
}
