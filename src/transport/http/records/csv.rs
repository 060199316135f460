//! CSV with a header, RFC 4180.

use axum::body::Bytes;
use csv_core::{ReadRecordResult, Reader};
use serde_json::{Map, Value};

use super::{BYTE_ORDER_MARK, MAX_RECORD_BYTES, Record, too_long};
use crate::error::{Error, Invalid, Result};
use crate::transport::http::strict_json;

/// The most cells that a record may have.
const MAX_COLUMNS: usize = 64;

/// What a spreadsheet would take for a formula begins with one of these, behind any
/// apostrophes (OWASP, CSV injection).
fn is_formula(text: &str) -> bool {
    text.trim_start_matches('\'').starts_with(['=', '+', '-', '@', '\t', '\r'])
}

/// A text as a cell that is no formula: with an apostrophe before one.
pub(crate) fn guarded(text: String) -> String {
    if is_formula(&text) { format!("'{text}") } else { text }
}

/// The text of such a cell.
fn unguarded(mut cell: String) -> String {
    if cell.starts_with('\'') && is_formula(&cell) {
        cell.remove(0);
    }
    cell
}

/// Takes records out of a body. The first one names the cells of the others; a cell
/// that is empty is one that is not there.
pub struct Csv {
    reader: Reader,
    columns: &'static [&'static str],
    header: Option<Vec<String>>,
    chunk: Bytes,
    text: Vec<u8>,
    /// How much of `text` is used by the record that has begun.
    length: usize,
    ends: [usize; MAX_COLUMNS],
    cells: usize,
    is_in_record: bool,
    is_long: bool,
    /// How many quotes are in the record: RFC 4180 has them in pairs.
    quotes: usize,
    /// The line on which the record began, and that which is read now.
    begin: u64,
    line: u64,
    has_ended: bool,
}

impl Csv {
    pub(super) fn new(columns: &'static [&'static str]) -> Self {
        Self {
            reader: Reader::new(),
            columns,
            header: None,
            chunk: Bytes::new(),
            text: vec![0; MAX_RECORD_BYTES],
            length: 0,
            ends: [0; MAX_COLUMNS],
            cells: 0,
            is_in_record: false,
            is_long: false,
            quotes: 0,
            begin: 1,
            line: 1,
            has_ended: false,
        }
    }

    pub(super) fn push(&mut self, chunk: Bytes) {
        self.chunk = chunk;
    }

    pub(super) fn end(&mut self) {
        self.has_ended = true;
    }

    pub(super) fn has_begun(&self) -> bool {
        self.header.is_some() || self.has_ended
    }

    pub(super) fn next(&mut self) -> Result<Option<Record>> {
        while self.read_record() {
            let (line, record) = (self.begin, self.take_record());
            let Some(header) = &self.header else {
                self.header = Some(self.read_header(record?)?);
                continue;
            };
            let value = record.and_then(|cells| members(header, cells));
            return Ok(Some(Record { line, value }));
        }
        Ok(None)
    }

    /// Reads on to the end of a record; `false` if it is still to come.
    fn read_record(&mut self) -> bool {
        loop {
            if !self.is_in_record {
                self.pass_over_empty_lines();
            }
            // To the reader, no input means the end of it.
            if self.chunk.is_empty() && !self.has_ended {
                return false;
            }
            let text = self.text.get_mut(self.length..).unwrap_or_default();
            let ends = self.ends.get_mut(self.cells..).unwrap_or_default();
            let (result, read, written, cells) = self.reader.read_record(&self.chunk, text, ends);
            let read = self.chunk.split_to(read);
            self.is_in_record |= !read.is_empty();
            self.count_lines(&read);
            let quotes = read.iter().filter(|byte| **byte == b'"').count();
            self.quotes = self.quotes.saturating_add(quotes);
            self.length = self.length.saturating_add(written);
            self.cells = self.cells.saturating_add(cells);
            match result {
                ReadRecordResult::InputEmpty => {}
                // Its rest is read over what was there.
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    self.is_long = true;
                    (self.length, self.cells) = (0, 0);
                }
                ReadRecordResult::Record => return true,
                ReadRecordResult::End => return false,
            }
        }
    }

    fn pass_over_empty_lines(&mut self) {
        let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
        let empty = self.chunk.iter().take_while(|byte| is_end(byte)).count();
        let empty = self.chunk.split_to(empty);
        self.count_lines(&empty);
        self.begin = self.line;
    }

    fn count_lines(&mut self, read: &[u8]) {
        let ends = read.iter().filter(|byte| **byte == b'\n').count();
        self.line = self.line.saturating_add(u64::try_from(ends).unwrap_or(u64::MAX));
    }

    /// The cells of the record that was read.
    fn take_record(&mut self) -> Result<Vec<String>> {
        let (cells, is_long, quotes) = (self.cells, self.is_long, self.quotes);
        (self.length, self.cells, self.quotes) = (0, 0, 0);
        (self.is_long, self.is_in_record) = (false, false);
        if is_long {
            return Err(too_long());
        }
        if !quotes.is_multiple_of(2) {
            let detail = "A quote is not closed: those within a cell are doubled, RFC 4180.";
            return Err(Error::Malformed(detail.to_owned()));
        }
        let mut begin = 0;
        let ends = self.ends.iter().take(cells);
        let cell = |end: &usize| {
            let cell = self.text.get(begin..*end).unwrap_or_default();
            begin = *end;
            let text = std::str::from_utf8(cell);
            text.map(str::to_owned).map_err(|_| Error::Malformed("This is not UTF-8.".to_owned()))
        };
        ends.map(cell).collect()
    }

    fn read_header(&self, mut names: Vec<String>) -> Result<Vec<String>> {
        if let Some(first) = names.first_mut() {
            let mark = std::str::from_utf8(BYTE_ORDER_MARK).unwrap_or_default();
            *first = first.trim_start_matches(mark).to_owned();
        }
        let mut errors = Vec::new();
        for (place, name) in names.iter().enumerate() {
            let field: String = name.chars().take(64).collect();
            if !self.columns.contains(&name.as_str()) {
                let reason = Invalid::new("unknown_field", "is not a column of this import");
                errors.push(reason.of(field));
            } else if names.iter().take(place).any(|earlier| earlier == name) {
                errors.push(Invalid::new("repeated", "must be one column").of(field));
            }
        }
        if errors.is_empty() { Ok(names) } else { Err(Error::Invalid(errors)) }
    }
}

/// The cells as the members of an object.
fn members(header: &[String], cells: Vec<String>) -> Result<Value> {
    if cells.len() != header.len() {
        let reason = format!("must have {} cells, as the header has", header.len());
        return Err(Error::invalid("", Invalid::new("wrong_columns", reason)));
    }
    let cells = header.iter().zip(cells).filter(|(_, cell)| !cell.is_empty());
    let members: Map<_, _> = cells.map(|(name, cell)| (name.clone(), value(name, cell))).collect();
    Ok(Value::Object(members))
}

/// What a cell says, by its column: a text unless it can be read as what belongs there.
fn value(column: &str, cell: String) -> Value {
    match column {
        "roles" => cell.split_whitespace().map(str::to_owned).collect(),
        "email_verified" if cell == "true" || cell == "false" => Value::Bool(cell == "true"),
        name if name.ends_with("metadata") => {
            strict_json::parse(cell.as_bytes()).unwrap_or(Value::String(cell))
        }
        // None was exported: it is what it is.
        "password" | "password_hash" => Value::String(cell),
        _ => Value::String(unguarded(cell)),
    }
}
