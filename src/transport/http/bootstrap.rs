//! `/api/v1/bootstrap`.

use std::sync::Arc;

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::response::Response;
use utoipa::ToSchema;

use super::extract::{AnyCx, FromFields, Json, context};
use super::idempotency::answer;
use super::json::Fields;
use super::problem::Problem;
use super::view::{self, UserView};
use crate::app::App;
use crate::domain::email::Email;
use crate::domain::name::Name;
use crate::domain::password::Password;
use crate::domain::user::Profile;
use crate::error::Error;
use crate::service::{Context, bootstrap};

/// The first admin.
#[derive(ToSchema)]
#[schema(as = Bootstrap)]
#[expect(dead_code, reason = "describes what from_fields reads")]
pub struct BootstrapBody {
    #[schema(format = Email, max_length = 254, example = "admin@example.com")]
    email: String,
    /// Not a common password, and not made of name and address.
    #[schema(format = Password, min_length = 8, max_length = 256,
        example = "correct horse battery staple")]
    password: String,
    #[schema(min_length = 1, max_length = 200, example = "Ada Lovelace")]
    name: String,
}

/// The first admin, valid.
pub struct FirstAdmin {
    profile: Profile,
    password: Password,
}

impl FromFields for FirstAdmin {
    fn from_fields(mut fields: Fields, app: &App) -> Result<Self, Error> {
        let email = fields.required("email", Email::parse);
        let min = app.config.password_min_length;
        let password = fields.required("password", |text| Password::chosen(text, min));
        let name = fields.required("name", Name::parse);
        fields.finish(|| {
            let profile = Profile::new(email?, name?);
            Some(Self { profile, password: password? })
        })
    }
}

/// The context of a request that shows the bootstrap token.
pub struct Operator(Arc<Context>);

impl FromRequestParts<Arc<App>> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        bootstrap::require_token(app, &*context(parts)?).await?;
        let AnyCx(context) = AnyCx::from_request_parts(parts, app).await?;
        Ok(Self(context))
    }
}

/// Makes the first admin, for the holder of the bootstrap token; once.
#[utoipa::path(post, path = "/api/v1/bootstrap", tag = "bootstrap", operation_id = "bootstrap",
    security(("bootstrap_token" = [])), request_body = BootstrapBody,
    responses((status = 201, description = "The first admin.", body = UserView),
        (status = 409, description = "`already_bootstrapped`: there is an admin."),
        (status = 429, description = "Too many attempts.")))]
pub async fn create(
    State(app): State<Arc<App>>,
    Operator(cx): Operator,
    Json(FirstAdmin { profile, password }): Json<FirstAdmin>,
) -> Result<Response, Problem> {
    answer(&cx, view::created_entry, bootstrap::bootstrap(&app, &cx, profile, password)).await
}
