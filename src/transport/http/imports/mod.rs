//! `/api/v1/users/import`: users as a stream in, what became of them as a stream out.

pub mod report;
mod source;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use futures_util::future::{Either, select};
use futures_util::stream::try_unfold;
use utoipa::ToSchema;

use super::extract::{BeforeBody, Cx, Query};
use super::json::{self, Fields};
use super::problem::Problem;
use super::records::Records;
use super::users::first_password;
use crate::app::App;
use crate::domain::email::Email;
use crate::domain::external_id::ExternalId;
use crate::domain::metadata::Metadata;
use crate::domain::name::Name;
use crate::domain::role::{MAX_ROLES, RoleName};
use crate::domain::time::Timestamp;
use crate::error::{Error, Invalid};
use crate::service::Context;
use crate::service::imports::{self, ImportedUser};
use report::{Report, Told};
use source::Source;

/// Where it is. Neither `body_limit` nor `request_timeout` end what is sent here.
pub const PATH: &str = "/api/v1/users/import";
/// What the answer is.
pub const MEDIA_TYPE: &str = "application/x-ndjson";

/// What a record may consist of; the columns of CSV.
const MEMBERS: &[&str] = &[
    "external_id",
    "email",
    "name",
    "metadata",
    "private_metadata",
    "own_metadata",
    "roles",
    "password",
    "password_hash",
    "email_verified",
    "email_verified_at",
    "suspended_at",
    "id",
    "created_at",
    "updated_at",
    "version",
];
/// What an export has and the service sets.
const IGNORED: &[&str] = &["id", "created_at", "updated_at", "version"];

/// A line of an import. What is left out stays as it is of a user who is there.
#[derive(ToSchema)]
#[schema(as = ImportUser)]
#[expect(dead_code, reason = "describes what is read")]
pub struct ImportUserBody {
    /// The application's own key: a user who has it is changed. Without one, the user is new.
    #[schema(required = false, min_length = 1, max_length = 255, example = "crm-42")]
    external_id: Option<String>,
    /// The address to sign in with.
    #[schema(format = Email, max_length = 254, example = "ada@example.com")]
    email: String,
    #[schema(min_length = 1, max_length = 200, example = "Ada Lovelace")]
    name: String,
    /// What the application keeps about the user, whole.
    #[schema(value_type = Object, required = false, example = json!({"locale": "en"}))]
    metadata: serde_json::Value,
    /// The same, and the user does not see it.
    #[schema(value_type = Object, required = false, example = json!({"segment": "b"}))]
    private_metadata: serde_json::Value,
    /// What the user keeps, whole.
    #[schema(value_type = Object, required = false, example = json!({"theme": "dark"}))]
    own_metadata: serde_json::Value,
    /// `["user"]` for somebody new. Others need `roles:write` and every permission of theirs.
    #[schema(nullable = false, max_items = 20, example = json!(["user"]))]
    roles: Option<Vec<String>>,
    /// For somebody new. Hashing it takes many times as long as all the rest.
    #[schema(format = Password, nullable = false, min_length = 8, max_length = 256)]
    password: Option<String>,
    /// Instead of a password: its hash by another service, in a form of Argon2, bcrypt,
    /// scrypt or PBKDF2. For somebody new.
    #[schema(nullable = false, write_only, max_length = 512)]
    password_hash: Option<String>,
    /// Whether the address is proven to be theirs. Needs `users:verify`.
    #[schema(nullable = false)]
    email_verified: Option<bool>,
    /// The same, and since when.
    #[schema(required = false, format = DateTime)]
    email_verified_at: Option<String>,
    /// Since when somebody new may not sign in.
    #[schema(required = false, format = DateTime)]
    suspended_at: Option<String>,
    /// Not read: what an export has and the service sets.
    #[schema(nullable = false)]
    id: Option<String>,
    /// Not read.
    #[schema(nullable = false)]
    created_at: Option<String>,
    /// Not read.
    #[schema(nullable = false)]
    updated_at: Option<String>,
    /// Not read.
    #[schema(nullable = false)]
    version: Option<i64>,
}

/// Imports users, one a line: as `application/x-ndjson`, or as `text/csv` whose first
/// line names the columns. A user whose `external_id` is known is changed, another one
/// is created. The answer comes while the request is still read, and must be read:
/// what becomes of each line, how far it is now and then, and at last a summary.
/// Needs `users:write`.
#[utoipa::path(post, path = "/api/v1/users/import", tag = "users", operation_id = "import_users",
    params(("dry_run" = Option<bool>, Query, nullable = false,
            description = "Only tells what would become of each line."),
        ("report" = Option<String>, Query, nullable = false,
            description = "`failed` tells of the lines that were not taken only; `all` unless given.")),
    request_body(content((ImportUserBody = "application/x-ndjson"), (String = "text/csv"))),
    responses((status = 200, description = "Begun; the summary tells whether it is complete.",
        body = report::ReportLine, content_type = "application/x-ndjson")))]
pub async fn create(
    State(app): State<Arc<App>>,
    BeforeBody((Cx(cx), query, headers), body): BeforeBody<(Cx, Query, HeaderMap)>,
) -> Result<Response, Problem> {
    let (options, records) = match admit(&app, &cx, query, &headers).await {
        Ok(admitted) => admitted,
        Err(problem) => {
            json::discard_behind(&app, body);
            return Err(problem);
        }
    };
    let mut source = Source::new(Arc::clone(&app), body, records);
    if let Err(problem) = source.begin().await {
        source.abandon();
        return Err(problem);
    }
    let import = Import { app, cx, source, options, report: Report::default(), is_over: false };
    let answer = try_unfold(import, |mut import| async move {
        Ok::<_, std::io::Error>(import.go_on().await?.map(|told| (told, import)))
    });
    Ok(([(header::CONTENT_TYPE, MEDIA_TYPE)], Body::from_stream(answer)).into_response())
}

/// Judges all of an import but its body.
async fn admit(
    app: &App,
    cx: &Context,
    query: Query,
    headers: &HeaderMap,
) -> Result<(Options, Records), Problem> {
    let options = Options::read(query)?;
    let Some(media_type) = json::media_type(headers, Records::MEDIA_TYPES) else {
        return Err(Problem::unsupported_media_type(Records::MEDIA_TYPES));
    };
    imports::require(app, cx).await?;
    Ok((options, Records::of(media_type, MEMBERS)))
}

/// How an import is done.
struct Options {
    dry_run: bool,
    told: Told,
}

impl Options {
    fn read(query: Query) -> Result<Self, Error> {
        let mut fields = query.fields()?;
        let dry_run = fields.optional("dry_run", |text| match text {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(Invalid::new("invalid_boolean", "must be true or false")),
        });
        let told = fields.optional("report", Told::parse);
        let (dry_run, told) = (dry_run.unwrap_or(false), told.unwrap_or(Told::All));
        fields.finish(|| Some(Self { dry_run, told }))
    }
}

/// An import that goes on as its answer is read.
struct Import {
    app: Arc<App>,
    cx: Arc<Context>,
    source: Source,
    options: Options,
    report: Report,
    is_over: bool,
}

impl Import {
    /// Does the next part of it and tells what became of that; `None` at its end. Fails
    /// when there is nobody to tell any more.
    async fn go_on(&mut self) -> std::io::Result<Option<String>> {
        while !self.is_over {
            match self.take().await {
                Ok(true) => {}
                Ok(false) => {
                    self.is_over = true;
                    self.report.end(self.options.dry_run, None);
                }
                Err(_) if self.source.is_broken() => {
                    return Err(std::io::Error::other("the client has gone"));
                }
                Err(problem) => {
                    self.is_over = true;
                    self.log(&problem);
                    self.source.abandon();
                    self.report.end(self.options.dry_run, Some(problem));
                }
            }
            let told = self.report.take();
            if !told.is_empty() {
                return Ok(Some(told));
            }
        }
        Ok(None)
    }

    /// A line in the log: the request's own was written when the answer began.
    fn log(&self, problem: &Problem) {
        let line = serde_json::json!({
            "time": self.app.now().to_string(),
            "level": "warn",
            "message": "import ended early",
            "request_id": self.cx.request_id,
            "code": problem.code,
            "cause": problem.cause,
        });
        self.app.log.line(&line.to_string());
    }

    /// Takes the lines that have come; `false` if there will be no more.
    async fn take(&mut self) -> Result<bool, Problem> {
        self.source.fill().await?;
        let lines = self.source.take();
        if lines.is_empty() {
            return Ok(false);
        }
        let (mut numbers, mut users) = (Vec::new(), Vec::new());
        let mut refused = Vec::new();
        for line in lines {
            match line.user {
                Ok(user) => {
                    numbers.push(line.number);
                    users.push(user);
                }
                Err(error) => refused.push((line.number, error)),
            }
        }
        let (app, cx, dry_run) = (&*self.app, &*self.cx, self.options.dry_run);
        let taken = {
            let take = Box::pin(imports::take(app, cx, users, dry_run));
            // Meanwhile the next lines are read.
            match select(take, Box::pin(self.source.fill())).await {
                Either::Left((taken, _)) => taken,
                Either::Right((_, take)) => take.await,
            }
        }?;
        let taken = numbers.into_iter().zip(taken);
        self.report.tell(taken, refused, self.options.told, dry_run);
        Ok(true)
    }
}

/// Judges a record.
fn imported_user(value: serde_json::Value, app: &App) -> Result<ImportedUser, Error> {
    let mut fields = Fields::of(value)?;
    for name in IGNORED {
        fields.value(name, |_| Ok(()));
    }
    let external_id = fields.nullable("external_id", ExternalId::parse).flatten();
    let email = fields.required("email", Email::parse);
    let name = fields.required("name", Name::parse);
    let metadata = fields.value("metadata", Metadata::parse);
    let private_metadata = fields.value("private_metadata", Metadata::parse);
    let own_metadata = fields.value("own_metadata", Metadata::parse);
    let roles = fields.optional_list("roles", MAX_ROLES, RoleName::parse);
    let password = first_password(&mut fields, app);
    let past = |text: &str| moment(text, app.now());
    let verified_at = fields.nullable("email_verified_at", past).flatten();
    let is_verified = fields.value("email_verified", |value| match value {
        serde_json::Value::Bool(false) if verified_at.is_some() => {
            Err(Invalid::new("contradictory", "must not be false beside email_verified_at"))
        }
        serde_json::Value::Bool(is_verified) => Ok(is_verified),
        _ => Err(Invalid::new("wrong_type", "must be true or false")),
    });
    let suspended_at = fields.nullable("suspended_at", past).flatten();
    let email_verified_at = verified_at.or_else(|| is_verified?.then(|| app.now()));
    fields.finish(|| {
        Some(ImportedUser {
            email: email?,
            name: name?,
            external_id,
            metadata,
            private_metadata,
            own_metadata,
            roles,
            password,
            email_verified_at,
            suspended_at,
        })
    })
}

/// By how much the clock of another service may be ahead.
const AHEAD: Duration = Duration::from_secs(60);

/// When something was, by another service.
fn moment(text: &str, now: Timestamp) -> Result<Timestamp, Invalid> {
    let reason = || Invalid::new("invalid_time", "must be like 2026-01-01T00:00:00Z");
    let moment = Timestamp::parse(text).ok_or_else(reason)?;
    if moment > now.plus(AHEAD) {
        return Err(Invalid::new("out_of_range", "must not be in the future"));
    }
    Ok(moment)
}
