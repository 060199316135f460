//! `/api/v1/sessions`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use utoipa::ToSchema;

use super::extract::{AnyCx, Cx, FromFields, Json, Query, SessionPath, UserPath};
use super::idempotency::answer;
use super::json::Fields;
use super::problem::Problem;
use super::view::{self, ChallengeView, SessionListView, SessionView, SignedInView};
use crate::app::App;
use crate::domain::email::Email;
use crate::domain::page::Limit;
use crate::domain::password::Password;
use crate::domain::session::{Device, Session};
use crate::error::Error;
use crate::service::sessions::{self, SessionList};
use crate::service::sign_in;

/// Where the own list is; its cursors are good there only.
const LIST: &str = "/api/v1/sessions";

/// An address and its password.
#[derive(ToSchema)]
#[schema(as = SignIn)]
#[expect(dead_code, reason = "describes what from_fields reads")]
pub struct SignInBody {
    #[schema(format = Email, max_length = 254, example = "ada@example.com")]
    email: String,
    #[schema(format = Password, min_length = 1, max_length = 256,
        example = "correct horse battery staple")]
    password: String,
    /// How the device calls itself; the User-Agent unless given.
    #[schema(nullable = false, min_length = 1, max_length = 200, example = "Ada's telephone")]
    device: Option<String>,
}

/// A refresh token.
#[derive(ToSchema)]
#[schema(as = Refresh)]
#[expect(dead_code, reason = "describes what from_fields reads")]
pub struct RefreshBody {
    #[schema(example = "rcr_…")]
    refresh_token: String,
}

/// An address and its password, valid.
pub struct SignIn {
    email: Email,
    password: Password,
    device: Option<Device>,
}

impl FromFields for SignIn {
    fn from_fields(mut fields: Fields, _: &App) -> Result<Self, Error> {
        let email = fields.required("email", Email::parse);
        let password = fields.required("password", Password::given);
        let device = fields.optional("device", Device::parse);
        fields.finish(|| Some(Self { email: email?, password: password?, device }))
    }
}

/// A refresh token as given.
pub struct RefreshRequest(String);

impl FromFields for RefreshRequest {
    fn from_fields(mut fields: Fields, _: &App) -> Result<Self, Error> {
        let token = fields.required("refresh_token", |text| Ok(text.to_owned()));
        fields.finish(|| Some(Self(token?)))
    }
}

/// Signs in.
#[utoipa::path(post, path = "/api/v1/sessions", tag = "sessions", operation_id = "sign_in",
    security(()), request_body = SignInBody,
    responses((status = 201, description = "Signed in.", body = SignedInView),
        (status = 202, description = "The second factor is asked for.", body = ChallengeView),
        (status = 401, description = "`invalid_credentials`: address or password is wrong, \
            or the address was registered and not proven yet."),
        (status = 403, description = "The account is suspended."),
        (status = 429, description = "Too many attempts failed.")))]
pub async fn create(
    State(app): State<Arc<App>>,
    AnyCx(cx): AnyCx,
    Json(body): Json<SignIn>,
) -> Result<Response, Problem> {
    let SignIn { email, password, device } = body;
    let admission = sign_in::sign_in(&app, &cx, &email, password, device);
    answer(&cx, view::admission, admission).await
}

/// Lists where you are signed in, in the order in which the sessions began.
#[utoipa::path(get, path = "/api/v1/sessions", tag = "sessions", operation_id = "list_sessions",
    params(("limit" = Option<u32>, Query, minimum = 1, maximum = 200, nullable = false,
            description = "At most so many; 20 unless given."),
        ("cursor" = Option<String>, Query, nullable = false,
            description = "A `next_cursor` of this list.")),
    responses((status = 200, description = "A page.", body = SessionListView)))]
pub async fn list(
    State(app): State<Arc<App>>,
    Cx(cx): Cx,
    query: Query,
) -> Result<Response, Problem> {
    let page = query.page(&app, LIST)?;
    let sessions = sessions::list(&app, &cx, &page).await?;
    Ok(list_response(&app, &sessions, LIST, page.limit))
}

/// Ends one of your sessions.
#[utoipa::path(delete, path = "/api/v1/sessions/{id}", tag = "sessions",
    operation_id = "end_session",
    params(("id" = String, Path, format = "uuid", description = "The session.")),
    responses((status = 204, description = "Ended.")))]
pub async fn delete(
    State(app): State<Arc<App>>,
    Cx(cx): Cx,
    SessionPath(id): SessionPath,
) -> Result<Response, Problem> {
    sessions::end(&app, &cx, id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Ends all of your sessions but the one that asks.
#[utoipa::path(delete, path = "/api/v1/sessions", tag = "sessions",
    operation_id = "end_other_sessions",
    responses((status = 204, description = "Ended, if there were any.")))]
pub async fn delete_others(State(app): State<Arc<App>>, Cx(cx): Cx) -> Result<Response, Problem> {
    sessions::end_others(&app, &cx).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Lists where a user is signed in. Needs `sessions:read` and every permission
/// that the user holds.
#[utoipa::path(get, path = "/api/v1/users/{id}/sessions", tag = "users",
    operation_id = "list_user_sessions",
    params(("id" = String, Path, format = "uuid", description = "The user."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, nullable = false,
            description = "At most so many; 20 unless given."),
        ("cursor" = Option<String>, Query, nullable = false,
            description = "A `next_cursor` of this list.")),
    responses((status = 200, description = "A page.", body = SessionListView)))]
pub async fn list_of_user(
    State(app): State<Arc<App>>,
    Cx(cx): Cx,
    UserPath(id): UserPath,
    query: Query,
) -> Result<Response, Problem> {
    let path = format!("/api/v1/users/{id}/sessions");
    let page = query.page(&app, &path)?;
    let sessions = sessions::list_of(&app, &cx, id, &page).await?;
    Ok(list_response(&app, &sessions, &path, page.limit))
}

/// Ends all sessions of a user. Needs `sessions:write` and every permission that
/// the user holds.
#[utoipa::path(delete, path = "/api/v1/users/{id}/sessions", tag = "users",
    operation_id = "end_user_sessions",
    params(("id" = String, Path, format = "uuid", description = "The user.")),
    responses((status = 204, description = "Ended, if there were any.")))]
pub async fn delete_of_user(
    State(app): State<Arc<App>>,
    Cx(cx): Cx,
    UserPath(id): UserPath,
) -> Result<Response, Problem> {
    sessions::end_all_of(&app, &cx, id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn list_response(app: &App, sessions: &SessionList, path: &str, limit: Limit) -> Response {
    let view = |session: &Session| SessionView::new(session, sessions.current);
    view::list(&sessions.page, path, limit, &app.config.secret_key, view)
}

/// Continues a session with its refresh token, which is good once. Repeated within
/// a few seconds, the answer is the same; shown later, the session ends.
#[utoipa::path(post, path = "/api/v1/sessions/refresh", tag = "sessions",
    operation_id = "refresh_session", security(()), request_body = RefreshBody,
    responses((status = 200, description = "The next tokens.", body = SignedInView),
        (status = 401, description = "The session does not go on."),
        (status = 409, description = "`refresh_token_replaced`: the user has just proven again who \
            they are; go on with the tokens that this gave, and do not show this one again."),
        (status = 429, description = "Too many attempts failed.")))]
pub async fn refresh(
    State(app): State<Arc<App>>,
    AnyCx(cx): AnyCx,
    Json(RefreshRequest(token)): Json<RefreshRequest>,
) -> Result<Response, Problem> {
    let signed_in = sessions::refresh(&app, &cx, &token).await?;
    Ok(view::json(StatusCode::OK, &SignedInView::from(&signed_in)))
}

/// Signs out: ends the session that calls.
#[utoipa::path(delete, path = "/api/v1/sessions/current", tag = "sessions",
    operation_id = "sign_out", responses((status = 204, description = "Signed out.")))]
pub async fn delete_current(State(app): State<Arc<App>>, Cx(cx): Cx) -> Result<Response, Problem> {
    sessions::sign_out(&app, &cx).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
