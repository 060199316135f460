//! `/api/v1/me/export` and the erasure of `/api/v1/me`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::extract::{Cx, IfMatch};
use super::problem::Problem;
use super::view::{self, UserView};
use crate::app::App;
use crate::domain::own_data::{Datum, Record, Section};
use crate::service::own_data::{self, Export};

/// Everything that the service holds on you, but what the application keeps from you.
#[derive(Serialize, ToSchema)]
#[schema(as = Export)]
pub struct ExportView<'a> {
    /// When it was so.
    #[schema(format = DateTime)]
    exported_at: String,
    profile: UserView<'a>,
    /// The rest by its kind: `sessions`, `events` and others.
    #[schema(value_type = BTreeMap<String, Vec<Object>>)]
    records: BTreeMap<&'static str, Vec<Value>>,
}

impl<'a> From<&'a Export> for ExportView<'a> {
    fn from(export: &'a Export) -> Self {
        let section =
            |section: &Section| (section.name, section.records.iter().map(record).collect());
        Self {
            exported_at: export.at.to_string(),
            profile: UserView::from(&export.user),
            records: export.sections.iter().map(section).collect(),
        }
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

/// Gives everything that the service holds on you.
#[utoipa::path(get, path = "/api/v1/me/export", tag = "me", operation_id = "export_me",
    responses((status = 200, description = "All of it.", body = ExportView)))]
pub async fn export(State(app): State<Arc<App>>, Cx(cx): Cx) -> Result<Response, Problem> {
    let export = own_data::export(&app, &cx).await?;
    Ok(view::json(StatusCode::OK, &ExportView::from(&export)))
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
