//! `/api/v1/users/export`.

use std::io;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::try_unfold;
use serde_json::Value;

use super::extract::{Cx, Query};
use super::finding::{self, Members};
use super::headers;
use super::problem::Problem;
use super::records::csv;
use crate::app::App;
use crate::domain::user::DirectoryEntry;
use crate::error::{Error, Invalid};
use crate::service::Context;
use crate::service::exports::Export;

/// Where exports are: they are not JSON.
pub const PATH: &str = "/api/v1/users/export";

/// How users are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A JSON object on each line.
    Ndjson,
    /// RFC 4180, safe to be opened in a spreadsheet.
    Csv,
}

impl Format {
    const ALL: [Self; 2] = [Self::Ndjson, Self::Csv];

    /// Their names.
    pub const NAMES: &[&str] = &["ndjson", "csv"];

    /// Reads its name.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        match text {
            "ndjson" => Ok(Self::Ndjson),
            "csv" => Ok(Self::Csv),
            _ => Err(Invalid::new("invalid_format", "must be ndjson or csv")),
        }
    }

    /// What the client likes best, if it likes any.
    fn preferred(headers: &HeaderMap) -> Option<Self> {
        let quality = |format: &Self| headers::quality(headers, format.media_type());
        let mut best = None;
        for (format, quality) in Self::ALL.map(|format| (format, quality(&format))) {
            if quality > best.map_or(0.0, |(_, best)| best) {
                best = Some((format, quality));
            }
        }
        best.map(|(format, _)| format)
    }

    const fn media_type(self) -> &'static str {
        match self {
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv",
        }
    }

    const fn headers(self) -> (&'static str, &'static str) {
        match self {
            Self::Ndjson => ("application/x-ndjson", "attachment; filename=\"users.ndjson\""),
            Self::Csv => ("text/csv; charset=utf-8", "attachment; filename=\"users.csv\""),
        }
    }

    /// What stands before the first user.
    fn beginning(self, members: &Members) -> Vec<u8> {
        match self {
            Self::Ndjson => Vec::new(),
            Self::Csv => (members.names().join(",") + "\r\n").into_bytes(),
        }
    }

    fn write(self, entry: &DirectoryEntry, members: &Members, text: &mut Vec<u8>) {
        match self {
            // Writing to memory does not fail, and a user is always JSON.
            Self::Ndjson => {
                drop(serde_json::to_writer(&mut *text, &members.of(entry)));
                text.push(b'\n');
            }
            Self::Csv => {
                let user = serde_json::to_value(members.of(entry)).unwrap_or_default();
                let cells = members.names().iter().map(|name| cell(user.get(*name)));
                text.extend(cells.collect::<Vec<_>>().join(",").into_bytes());
                text.extend(b"\r\n");
            }
        }
    }
}

/// A value as a cell: what is not there is empty, a list stands between spaces, an
/// object is JSON.
fn cell(value: Option<&Value>) -> String {
    let text = match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => {
            items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
        }
        Some(other) => other.to_string(),
    };
    let text = csv::guarded(text);
    if text.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

/// Streams the users that are meant, in the order in which they were created. Whoever
/// is there at the beginning is in it once, unless deleted meanwhile; nobody who is
/// created later. Needs `users:read` as long as it lasts. A stream that breaks off does
/// not end well: the connection, or the stream of HTTP/2, is reset.
#[utoipa::path(get, path = "/api/v1/users/export", tag = "users", operation_id = "export_users",
    params(("email" = Option<String>, Query, nullable = false, max_length = 254,
            description = "With this address.", example = "ada@example.com"),
        ("external_id" = Option<String>, Query, nullable = false, max_length = 255,
            description = "With this external id.", example = "crm-42"),
        ("filter" = Option<String>, Query, nullable = false, max_length = 2048,
            description = "Of whom this holds, as in the list.", example = "suspended_at pr"),
        ("fields" = Option<String>, Query, nullable = false,
            description = "Only these members of each user, by names between commas.",
            example = "id,email"),
        ("format" = Option<String>, Query, nullable = false,
            description = "`ndjson` or `csv`; by the Accept header unless given.")),
    responses((status = 200, description = "A user on each line; in CSV behind a line of names, \
        with an apostrophe before what a spreadsheet would take for a formula.",
        content((serde_json::Value = "application/x-ndjson"),
            (serde_json::Value = "text/csv; charset=utf-8")))))]
pub async fn export(
    State(app): State<Arc<App>>,
    Cx(cx): Cx,
    headers: HeaderMap,
    query: Query,
) -> Result<Response, Problem> {
    let asked = finding::AskedExport::read(query)?;
    let format = asked.format.or_else(|| Format::preferred(&headers));
    let format = format.ok_or_else(|| Problem::not_acceptable("application/x-ndjson, text/csv"))?;
    let export = Export::begin(&app, &cx, asked.query, None).await?;
    let text = format.beginning(&asked.members);
    let lines = Lines { app, cx, export, format, members: asked.members, text };
    let body = Body::from_stream(try_unfold(lines, Lines::next));
    let (media_type, disposition) = format.headers();
    let headers = [
        (header::CONTENT_TYPE, media_type),
        (header::CONTENT_DISPOSITION, disposition),
        (header::VARY, "Accept"),
    ];
    Ok((headers.map(|(name, value)| (name, HeaderValue::from_static(value))), body).into_response())
}

/// An export on its way: no page is read before the client has taken the one before
/// it, and none when it has gone.
struct Lines {
    app: Arc<App>,
    cx: Arc<Context>,
    export: Export,
    format: Format,
    members: Members,
    text: Vec<u8>,
}

impl Lines {
    /// The next page as text.
    async fn next(mut self) -> io::Result<Option<(Bytes, Self)>> {
        let page = self.export.read(&self.app, &self.cx).await;
        let page = page.map_err(|error| broken_off(&self.app, &self.cx, error))?;
        let is_end = page.is_none();
        for entry in page.into_iter().flatten() {
            self.format.write(&entry, &self.members, &mut self.text);
        }
        let text = std::mem::take(&mut self.text);
        Ok((!is_end || !text.is_empty()).then(|| (Bytes::from(text), self)))
    }
}

/// Breaks a stream off. The log tells why.
pub(super) fn broken_off(app: &App, cx: &Context, error: Error) -> io::Error {
    let problem = Problem::from(error);
    let line = serde_json::json!({
        "time": app.now().to_string(),
        "level": "warn",
        "message": "export broken off",
        "request_id": cx.request_id,
        "code": problem.code,
        "cause": problem.cause,
    });
    app.log.line(&line.to_string());
    io::Error::other("the export was broken off")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_cell_is_quoted_where_it_must_be_and_never_a_formula() {
        for (value, expected) in [
            (json!(null), ""),
            (json!("Ada"), "Ada"),
            (json!("Lovelace, Ada"), "\"Lovelace, Ada\""),
            (json!("the \"first\""), "\"the \"\"first\"\"\""),
            (json!("a\nb"), "\"a\nb\""),
            (json!("=1+1"), "'=1+1"),
            (json!("+1"), "'+1"),
            (json!("-1"), "'-1"),
            (json!("@SUM(A1,B1)"), "\"'@SUM(A1,B1)\""),
            (json!("'=1"), "''=1"),
            (json!("'tis"), "'tis"),
            (json!("\tx"), "'\tx"),
            (json!("\rx"), "\"'\rx\""),
            (json!(["admin", "user"]), "admin user"),
            (json!({"a": [1]}), "\"{\"\"a\"\":[1]}\""),
            (json!({}), "{}"),
            (json!(7), "7"),
        ] {
            assert_eq!(cell(Some(&value)), expected);
        }
        assert_eq!(cell(None), "");
    }
}
