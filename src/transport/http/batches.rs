//! `/api/v1/users/batch`.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::extract::{Cx, FromFields, Json};
use super::idempotency::answer;
use super::json::Fields;
use super::problem::Problem;
use super::users::CreateUser;
use super::view::{self, UserView};
use crate::app::App;
use crate::domain::id::UserId;
use crate::domain::role::{MAX_ROLES, RoleName};
use crate::error::{Error, Invalid};
use crate::service::Precondition;
use crate::service::batches::{
    self, Change, Done, Failed, MAX_OPERATIONS, MAX_PASSWORDS, Operation,
};

/// Many operations on users.
#[derive(ToSchema)]
#[schema(as = BatchUsers)]
#[expect(dead_code, reason = "describes what from_fields reads")]
pub struct BatchBody {
    /// `each`: every operation for itself, in order. `all`: as one change, or none of
    /// them; then no user is in two of them.
    #[schema(example = "each")]
    mode: String,
    #[schema(max_items = 1000, example = json!([{"op": "create",
        "user": {"email": "ada@example.com", "name": "Ada"}}]))]
    operations: Vec<OperationBody>,
}

/// Something to be done about a user.
#[derive(ToSchema)]
#[schema(as = BatchOperation)]
#[expect(dead_code, reason = "describes what is read")]
pub struct OperationBody {
    /// `create`, `replace`, `patch`, `replace_roles`, `suspend`, `unsuspend` or `delete`.
    #[schema(example = "patch")]
    op: String,
    /// Whom it is about, unless it creates one.
    #[schema(nullable = false, format = "uuid")]
    id: Option<String>,
    /// The version that is meant, as `If-Match` of the operation by itself. `replace`
    /// must name it.
    #[schema(nullable = false, example = 1)]
    version: Option<i64>,
    /// What `create`, `replace` and `patch` take by themselves.
    #[schema(value_type = Option<Object>, nullable = false, example = json!({"name": "Ada King"}))]
    user: Option<Value>,
    /// What `replace_roles` writes.
    #[schema(nullable = false, max_items = 20, example = json!(["user"]))]
    roles: Option<Vec<String>>,
}

/// What became of each operation, in order.
#[derive(Serialize, ToSchema)]
#[schema(as = BatchResults)]
pub struct ResultsView<'a> {
    #[schema(value_type = Vec<ResultView<'static>>)]
    results: Vec<Told<'a>>,
}

/// A result, or what was told of it when it was done.
#[derive(Serialize)]
#[serde(untagged)]
enum Told<'a> {
    Now(Box<ResultView<'a>>),
    Before(Value),
}

/// What became of an operation.
#[derive(Serialize, ToSchema)]
#[schema(as = BatchResult)]
pub struct ResultView<'a> {
    /// Which one, counted from 0.
    #[schema(example = 0)]
    index: usize,
    /// The status that it would have had by itself.
    #[schema(example = 200)]
    status: u16,
    /// The user as it is by now.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<UserView<'a>>,
    /// Why it failed: what it would have been answered with by itself.
    #[schema(value_type = Option<view::ProblemView>, nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Value>,
}

/// Whether operations stand for themselves.
#[derive(Clone, Copy, PartialEq)]
enum Mode {
    All,
    Each,
}

/// A batch, of which some operations may make no sense.
pub struct Batch {
    mode: Mode,
    operations: Vec<Result<Operation, Error>>,
}

impl FromFields for Batch {
    fn from_fields(mut fields: Fields, app: &App) -> Result<Self, Error> {
        let mode = fields.required("mode", |text| match text {
            "all" => Ok(Mode::All),
            "each" => Ok(Mode::Each),
            _ => Err(Invalid::new("invalid_mode", "must be all or each")),
        });
        let items = fields.required_value("operations", items);
        let operations = items.into_iter().flatten().map(|item| operation(item, app));
        let operations: Vec<_> = operations.collect();
        let passwords = operations.iter().flatten().filter(|operation| operation.has_password());
        if passwords.count() > MAX_PASSWORDS {
            let reason = format!("must have at most {MAX_PASSWORDS} passwords to be hashed");
            fields.refuse("operations", Invalid::new("too_many_passwords", reason));
        }
        fields.finish(|| Some(Self { mode: mode?, operations }))
    }
}

fn items(value: Value) -> Result<Vec<Value>, Invalid> {
    match value {
        Value::Array(items) if items.len() <= MAX_OPERATIONS => Ok(items),
        Value::Array(_) => {
            let reason = format!("must have at most {MAX_OPERATIONS} items");
            Err(Invalid::new("too_many", reason))
        }
        _ => Err(Invalid::new("wrong_type", "must be an array")),
    }
}

fn operation(item: Value, app: &App) -> Result<Operation, Error> {
    let mut fields = Fields::of(item)?;
    let op = fields.required("op", |text| Ok(text.to_owned()));
    let op = op.as_deref();
    if op == Some("create") {
        let create: Option<CreateUser> = nested(&mut fields, app);
        return fields.finish(|| create.map(CreateUser::into_operation));
    }
    let id = fields.required("id", UserId::parse);
    let version = fields.value("version", |value| {
        value.as_i64().ok_or_else(|| Invalid::new("wrong_type", "must be an integer"))
    });
    let change = match op {
        Some("replace") => nested(&mut fields, app).map(Change::Replace),
        Some("patch") => nested(&mut fields, app).map(Change::Patch),
        Some("replace_roles") => {
            let roles: Option<BTreeSet<_>> =
                fields.required_list("roles", MAX_ROLES, RoleName::parse);
            roles.map(Change::ReplaceRoles)
        }
        Some("suspend") => Some(Change::Suspend),
        Some("unsuspend") => Some(Change::Unsuspend),
        Some("delete") => Some(Change::Delete),
        Some(_) => {
            fields.refuse("op", Invalid::new("unknown_operation", "is not an operation"));
            None
        }
        None => None,
    };
    let precondition = version.map(|version| Precondition::Versions(vec![version]));
    let must_name_it = op == Some("replace") && precondition.is_none();
    let operation = fields
        .finish(|| Some(Operation::Change(id?, precondition.unwrap_or_default(), change?)))?;
    if must_name_it { Err(Error::PreconditionRequired) } else { Ok(operation) }
}

/// The member `user`, judged as the body of the operation by itself.
fn nested<T: FromFields>(fields: &mut Fields, app: &App) -> Option<T> {
    match Fields::of(fields.required_value("user", Ok)?)
        .and_then(|inner| T::from_fields(inner, app))
    {
        Ok(parsed) => Some(parsed),
        Err(Error::Invalid(errors)) => {
            fields.refuse_inside("user", errors);
            None
        }
        Err(_) => None,
    }
}

/// Does up to 1,000 operations on users: each for itself, whose results stand beside
/// each other, or all as one change. Then a problem says which one stood against it, by
/// its `index`. Each operation needs what it needs by itself.
#[utoipa::path(post, path = "/api/v1/users/batch", tag = "users", operation_id = "batch_users",
    request_body = BatchBody,
    responses((status = 200, description = "What became of each operation.", body = ResultsView),
        (status = 404, description = "With `all`: there is no such user."),
        (status = 409, description = "With `all`: a conflict of an operation."),
        (status = 412, description = "With `all`: another version than an operation names."),
        (status = 428, description = "With `all`: `version` is missing."),
        (status = 429, description = "Too many passwords to hash.")))]
pub async fn create(
    State(app): State<Arc<App>>,
    Cx(cx): Cx,
    Json(batch): Json<Batch>,
) -> Result<Response, Problem> {
    let request_id = cx.request_id.clone();
    match batch.mode {
        Mode::Each => {
            let view = move |results: &Vec<Result<Done, Error>>| {
                results_view(results.iter().map(Result::as_ref), &request_id)
            };
            let each = batches::each(&app, &cx, batch.operations, told);
            answer(&cx, view, each).await
        }
        Mode::All => {
            let view = move |done: &Vec<Done>| results_view(done.iter().map(Ok), &request_id);
            let operations = require_sound(batch.operations)?;
            answer(&cx, view, batches::all(&app, &cx, operations)).await
        }
    }
}

fn results_view<'a>(
    results: impl Iterator<Item = Result<&'a Done, &'a Error>>,
    request_id: &str,
) -> Response {
    let result = |(index, result)| Told::of(index, result, request_id);
    let results = results.enumerate().map(result).collect();
    view::json(StatusCode::OK, &ResultsView { results })
}

/// What is kept of an operation that was done.
fn told(index: usize, done: &Done) -> Option<Vec<u8>> {
    serde_json::to_vec(&Told::of(index, Ok(done), "")).ok()
}

/// The operations, if all make sense; else everything that is wrong with them.
fn require_sound(operations: Vec<Result<Operation, Error>>) -> Result<Vec<Operation>, Failed> {
    let mut sound = Vec::with_capacity(operations.len());
    let mut errors = Vec::new();
    for (index, operation) in operations.into_iter().enumerate() {
        match operation {
            Ok(operation) => sound.push(operation),
            Err(Error::Invalid(found)) => {
                let place = format!("operations.{index}");
                errors.extend(found.into_iter().map(|error| error.within(&place)));
            }
            Err(error) => return Err(Failed { index: Some(index), error }),
        }
    }
    errors.truncate(super::json::MAX_ERRORS);
    if errors.is_empty() { Ok(sound) } else { Err(Error::Invalid(errors).into()) }
}

impl From<Failed> for Problem {
    fn from(failed: Failed) -> Self {
        let Failed { index, error } = failed;
        let error = match (index, error) {
            (Some(index), Error::Invalid(errors)) => {
                let place = format!("operations.{index}");
                Error::Invalid(errors.into_iter().map(|error| error.within(&place)).collect())
            }
            (_, error) => error,
        };
        Self { index, ..Self::from(error) }
    }
}

impl<'a> Told<'a> {
    fn of(index: usize, result: Result<&'a Done, &'a Error>, request_id: &str) -> Self {
        let (status, user, problem) = match result {
            Ok(Done::Before(told)) => {
                return Self::Before(serde_json::from_slice(told).unwrap_or_default());
            }
            Ok(Done::Created(entry)) => (StatusCode::CREATED, Some(entry), None),
            Ok(Done::Changed(entry)) => (StatusCode::OK, Some(entry), None),
            Ok(Done::Deleted) => (StatusCode::NO_CONTENT, None, None),
            Err(error) => {
                let problem = Problem::from(error.clone());
                (problem.status, None, Some(problem.members(request_id)))
            }
        };
        let (status, user) = (status.as_u16(), user.map(UserView::from));
        Self::Now(Box::new(ResultView { index, status, user, problem }))
    }
}
