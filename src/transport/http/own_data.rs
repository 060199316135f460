//! `/api/v1/me/export` and the erasure of `/api/v1/me`.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::try_unfold;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::exports;
use super::extract::{Cx, IfMatch};
use super::problem::Problem;
use super::view::UserView;
use crate::app::App;
use crate::domain::own_data::{Datum, Record, Section};
use crate::error::Error;
use crate::service::Context;
use crate::service::own_data::{self, Export};

/// Everything that the service holds on you, but what the application keeps from you.
#[derive(ToSchema)]
#[schema(as = Export)]
#[expect(dead_code, reason = "describes what Pieces write")]
pub struct ExportView<'a> {
    /// When it was so.
    #[schema(format = DateTime)]
    exported_at: String,
    profile: UserView<'a>,
    /// The rest by its kind: `sessions`, `events` and others.
    #[schema(value_type = BTreeMap<String, Vec<Object>>)]
    records: BTreeMap<&'static str, Vec<Value>>,
}

/// From how many bytes on a piece is sent.
const PIECE: usize = 64 << 10;

/// An export on its way: nothing is read before the client has taken the piece before it.
struct Pieces {
    app: Arc<App>,
    cx: Arc<Context>,
    export: Export,
    text: String,
    is_in_section: bool,
    is_at_end: bool,
}

impl Pieces {
    async fn begin(app: Arc<App>, cx: Arc<Context>) -> Result<Self, Error> {
        let export = Export::begin(&app, &cx).await?;
        let profile = serde_json::to_string(&UserView::from(&export.user));
        let profile = profile.map_err(Error::internal)?;
        let at = json!(export.at.to_string());
        let text = format!(r#"{{"exported_at":{at},"profile":{profile},"records":{{"#);
        Ok(Self { app, cx, export, text, is_in_section: false, is_at_end: false })
    }

    /// Reads on until there is enough to send, or all.
    async fn read(&mut self) -> Result<(), Error> {
        while !self.is_at_end && self.text.len() < PIECE {
            match self.export.read(&self.app).await? {
                Some(section) => self.write(&section),
                None => {
                    self.is_at_end = true;
                    self.text.push_str("}}");
                }
            }
        }
        Ok(())
    }

    fn write(&mut self, section: &Section) {
        let text = &mut self.text;
        if !self.is_in_section {
            let comma = if text.ends_with('{') { "" } else { "," };
            text.push_str(&format!("{comma}\"{}\":[", section.name));
        }
        for (place, row) in section.records.iter().enumerate() {
            if self.is_in_section || place > 0 {
                text.push(',');
            }
            text.push_str(&record(row).to_string());
        }
        if section.is_last {
            text.push(']');
        }
        self.is_in_section = !section.is_last;
    }

    async fn next(mut self) -> io::Result<Option<(Bytes, Self)>> {
        let read = self.read().await;
        read.map_err(|error| exports::broken_off(&self.app, &self.cx, error))?;
        let text = std::mem::take(&mut self.text);
        Ok((!text.is_empty()).then(|| (Bytes::from(text), self)))
    }
}

fn record(record: &Record) -> Value {
    let member = |(name, datum): &(&str, Datum)| ((*name).to_owned(), value(datum));
    Value::Object(record.iter().map(member).collect())
}

fn value(datum: &Datum) -> Value {
    match datum {
        Datum::Nothing => Value::Null,
        Datum::Text(text) => json!(text),
        Datum::Number(number) => json!(number),
        Datum::Time(at) => json!(at.to_string()),
    }
}

/// Gives everything that the service holds on you. If it is much, it comes in pieces, and
/// a stream that breaks off does not end well.
#[utoipa::path(get, path = "/api/v1/me/export", tag = "me", operation_id = "export_me",
    responses((status = 200, description = "All of it.", body = ExportView)))]
pub async fn export(State(app): State<Arc<App>>, Cx(cx): Cx) -> Result<Response, Problem> {
    let mut pieces = Pieces::begin(app, cx).await?;
    // What fails by now can still be told.
    pieces.read().await?;
    let body = if pieces.is_at_end {
        Body::from(pieces.text)
    } else {
        Body::from_stream(try_unfold(pieces, Pieces::next))
    };
    let media_type = HeaderValue::from_static("application/json");
    Ok(([(header::CONTENT_TYPE, media_type)], body).into_response())
}

/// Erases you and all that belongs to you, for ever. Needs a fresh session.
#[utoipa::path(delete, path = "/api/v1/me", tag = "me", operation_id = "erase_me",
    params(("If-Match" = Option<String>, Header, nullable = false,
        description = "Your ETag.", example = "\"1\"")),
    responses((status = 204, description = "Erased."),
        (status = 401, description = "`insufficient_user_authentication`: reauthenticate first."),
        (status = 409, description = "`last_admin`: nobody else could administer.")))]
pub async fn erase(
    State(app): State<Arc<App>>,
    Cx(cx): Cx,
    IfMatch(precondition): IfMatch,
) -> Result<Response, Problem> {
    own_data::erase(&app, &cx, &precondition).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
