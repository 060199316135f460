//! Bodies of many records, taken apart as they come in: lines of JSON
//! (application/x-ndjson) and CSV (RFC 4180) with a header. Memory is bounded by the
//! longest record that is read, however long the body is.

pub(super) mod csv;
mod lines;

use axum::body::Bytes;
use serde_json::Value;

use crate::error::{Error, Result};
use csv::Csv;
use lines::Lines;

/// The longest record, in bytes. One that is longer is passed over and told.
pub const MAX_RECORD_BYTES: usize = 64 * 1024;

/// A record of a body.
#[derive(Debug)]
pub struct Record {
    /// The line on which it begins, counted from 1.
    pub line: u64,
    /// Its members as JSON, or why they cannot be read.
    pub value: Result<Value>,
}

/// Takes records out of a body.
pub enum Records {
    /// One JSON value in each line.
    Ndjson(Lines),
    /// The cells of each record, named by the first one.
    Csv(Box<Csv>),
}

impl Records {
    /// The media types that are read.
    pub const MEDIA_TYPES: &[&str] = &["application/x-ndjson", "text/csv"];

    /// Reads a body of one of [`Records::MEDIA_TYPES`]. Of CSV, the header must name
    /// `columns` only.
    pub fn of(media_type: &str, columns: &'static [&'static str]) -> Self {
        if media_type.eq_ignore_ascii_case("text/csv") {
            Self::Csv(Box::new(Csv::new(columns)))
        } else {
            Self::Ndjson(Lines::default())
        }
    }

    /// Adds what came in. Call [`Records::read`] until it gives none first.
    pub fn push(&mut self, chunk: Bytes) {
        match self {
            Self::Ndjson(lines) => lines.push(chunk),
            Self::Csv(csv) => csv.push(chunk),
        }
    }

    /// Says that nothing more comes.
    pub fn end(&mut self) {
        match self {
            Self::Ndjson(lines) => lines.end(),
            Self::Csv(csv) => csv.end(),
        }
    }

    /// The next record that is there whole. Fails for good if nothing in the body can
    /// be read, because its header is wrong.
    pub fn read(&mut self) -> Result<Option<Record>> {
        match self {
            Self::Ndjson(lines) => Ok(lines.next()),
            Self::Csv(csv) => csv.next(),
        }
    }

    /// Whether it is known what the records consist of, or that there are none.
    pub fn has_begun(&self) -> bool {
        match self {
            Self::Ndjson(_) => true,
            Self::Csv(csv) => csv.has_begun(),
        }
    }
}

fn too_long() -> Error {
    Error::Malformed(format!("A record must have at most {MAX_RECORD_BYTES} bytes."))
}

/// The mark that some programs put before UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const COLUMNS: &[&str] = &["email", "name", "metadata", "roles", "email_verified"];

    /// The line, and the value or the code and the words of the error.
    type Read = Vec<(u64, Result<Value, String>)>;

    fn read(media_type: &str, body: &[u8], chunk: usize) -> Result<Read> {
        let mut records = Records::of(media_type, COLUMNS);
        let mut read = Vec::new();
        let mut take = |records: &mut Records| {
            while let Some(record) = records.read()? {
                read.push((record.line, record.value.map_err(|error| format!("{error:?}"))));
            }
            Ok::<_, Error>(())
        };
        for chunk in body.chunks(chunk) {
            records.push(Bytes::copy_from_slice(chunk));
            take(&mut records)?;
        }
        records.end();
        take(&mut records)?;
        assert!(records.has_begun());
        Ok(read)
    }

    /// The same however the body is cut into pieces.
    fn read_all(media_type: &str, body: &[u8]) -> Read {
        let whole = read(media_type, body, body.len().max(1)).unwrap();
        for chunk in [1, 2, 3, 7] {
            assert_eq!(read(media_type, body, chunk).unwrap(), whole, "pieces of {chunk}");
        }
        whole
    }

    #[test]
    fn lines_are_values_however_they_come() {
        let body = b"\xEF\xBB\xBF{\"a\":1}\r\n\n  \n[2]\nnonsense\n\"last\"";
        let read = read_all("application/x-ndjson", body);
        assert_eq!(read[0], (1, Ok(json!({"a": 1}))));
        assert_eq!(read[1], (4, Ok(json!([2]))));
        assert!(read[2].0 == 5 && read[2].1.is_err());
        assert_eq!(read[3], (6, Ok(json!("last"))));
        assert_eq!(read.len(), 4);
        assert!(read_all("application/x-ndjson", b"").is_empty());
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over() {
        let fits = format!("\"{}\"\n", "x".repeat(MAX_RECORD_BYTES - 3));
        let long = format!("\"{}\"\n", "x".repeat(MAX_RECORD_BYTES));
        let body = format!("{fits}{long}{fits}");
        let read = read("application/x-ndjson", body.as_bytes(), 1_000).unwrap();
        let lines: Vec<_> = read.iter().map(|(line, value)| (*line, value.is_ok())).collect();
        assert_eq!(lines, [(1, true), (2, false), (3, true)]);
    }

    #[test]
    fn cells_are_members_by_their_header() {
        let body = "email,name,metadata,roles,email_verified\r\n\
                    a@example.com,\"Ada, \"\"the\nfirst\"\"\",\"{\"\"x\"\":1}\",user admin,true\r\n\
                    \r\n\
                    b@example.com,,{,,maybe\n\
                    c@example.com,C\n\
                    d@example.com,D,,,";
        let expected = json!({"email": "a@example.com", "name": "Ada, \"the\nfirst\"",
            "metadata": {"x": 1}, "roles": ["user", "admin"], "email_verified": true});
        let read = read_all("text/csv", body.as_bytes());
        assert_eq!(read[0], (2, Ok(expected)));
        let expected =
            json!({"email": "b@example.com", "metadata": "{", "email_verified": "maybe"});
        assert_eq!(read[1], (5, Ok(expected)));
        assert!(read[2].0 == 6 && read[2].1.as_ref().unwrap_err().contains("wrong_columns"));
        assert_eq!(read[3], (7, Ok(json!({"email": "d@example.com", "name": "D"}))));
        assert_eq!(read.len(), 4);
    }

    #[test]
    fn a_quoted_cell_may_begin_with_an_empty_line() {
        let read = read_all("text/csv", b"name,email\n\"\n\nx\",y\nz,\"\"\n");
        assert_eq!(read[0], (2, Ok(json!({"name": "\n\nx", "email": "y"}))));
        assert_eq!(read[1], (5, Ok(json!({"name": "z"}))));
    }

    #[test]
    fn a_record_that_is_too_long_is_passed_over() {
        let long = "x".repeat(MAX_RECORD_BYTES * 3);
        let wide = ",".repeat(200);
        let body = format!("name\na\n{long}\n\"{long}\n\"\n{wide}\nb\n");
        let read = read("text/csv", body.as_bytes(), 1_000).unwrap();
        let lines: Vec<_> = read.iter().map(|(line, value)| (*line, value.is_ok())).collect();
        assert_eq!(lines, [(2, true), (3, false), (4, false), (6, false), (7, true)]);
    }

    #[test]
    fn a_header_names_each_of_the_columns_at_most_once() {
        for (header, field, code) in [
            ("email,colour", "colour", "unknown_field"),
            ("email,name,email", "email", "repeated"),
            ("Email", "Email", "unknown_field"),
        ] {
            let Err(Error::Invalid(errors)) = read("text/csv", header.as_bytes(), 3) else {
                panic!("{header} was accepted");
            };
            assert_eq!((errors[0].field.as_str(), errors[0].code), (field, code));
        }
        assert!(read_all("text/csv", b"").is_empty());
        assert!(read_all("text/csv", b"\xEF\xBB\xBFemail,name\n").is_empty());
    }
}
