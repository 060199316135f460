//! How users are asked for by a query.

use serde::Serialize;
use serde_json::Value;

use super::exports::Format;
use super::extract::Query;
use super::json::Fields;
use super::view::UserView;
use crate::app::App;
use crate::domain::finding::{Field, Filter, Sort, UserQuery};
use crate::domain::page::{self, Limit, PageRequest};
use crate::domain::user::DirectoryEntry;
use crate::error::{Error, Invalid};

/// Where the list of users is; its cursors are good there only.
pub const LIST: &str = "/api/v1/users";

/// The members of a user, by name.
pub const MEMBERS: &[&str] = &[
    "id",
    "email",
    "email_verified_at",
    "name",
    "external_id",
    "roles",
    "metadata",
    "own_metadata",
    "private_metadata",
    "created_at",
    "updated_at",
    "suspended_at",
    "version",
];
/// The most names in `fields`: each of them once.
pub const MAX_FIELDS: usize = MEMBERS.len();

/// What somebody asks for.
pub struct Asked {
    /// Which users, in which order.
    pub query: UserQuery,
    /// The address of the whole list, always written alike: its cursors are bound to
    /// it.
    pub path: String,
    /// Which part of it.
    pub page: PageRequest,
    /// What of each user.
    pub members: Members,
}

/// Which members of a user are shown; all of them if `None`.
pub struct Members(Option<Vec<&'static str>>);

/// A user as somebody wants to see it.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Shown<'a> {
    /// All of it.
    Whole(Box<UserView<'a>>),
    /// Some members.
    Part(Value),
}

impl Asked {
    /// Reads what a query of the list asks for.
    pub fn read(query: Query, app: &App) -> Result<Self, Error> {
        let mut fields = query.fields()?;
        let mut parts = Vec::new();
        let conditions = conditions(&mut fields, &mut parts);
        let mut text = |name: &'static str, text: &str| parts.push((name, text.to_owned()));
        let sort = fields.optional("sort", |given| {
            text("sort", given);
            Sort::parse(given)
        });
        let members = fields.optional("fields", |given| {
            text("fields", given);
            Members::parse(given)
        });
        let path = path(&parts);
        let limit = fields.optional("limit", Limit::parse).unwrap_or_default();
        let secret = &app.config.secret_key;
        let after = fields.optional("cursor", |text| page::read_cursor(secret, &path, text));
        fields.finish(|| {
            let query = UserQuery { conditions, sort };
            let page = PageRequest { limit, after };
            Some(Self { query, path, page, members: members.unwrap_or(Members(None)) })
        })
    }
}

/// What somebody asks for who wants to have it all.
pub struct AskedExport {
    /// Which users.
    pub query: UserQuery,
    /// What of each user.
    pub members: Members,
    /// In which form, if the query says so.
    pub format: Option<Format>,
}

impl AskedExport {
    /// Reads what a query of the export asks for.
    pub fn read(query: Query) -> Result<Self, Error> {
        let mut fields = query.fields()?;
        let conditions = conditions(&mut fields, &mut Vec::new());
        let members = fields.optional("fields", Members::parse).unwrap_or(Members(None));
        let format = fields.optional("format", Format::parse);
        let query = UserQuery { conditions, sort: None };
        fields.finish(|| Some(Self { query, members, format }))
    }
}

/// Which users a query means; keeps how it says so.
fn conditions(fields: &mut Fields, parts: &mut Vec<(&'static str, String)>) -> Vec<Filter> {
    let mut conditions = Vec::new();
    for (name, parse) in FILTERS {
        let found = fields.optional(name, |text| Ok((parse(text)?, text.to_owned())));
        if let Some((condition, text)) = found {
            conditions.push(condition);
            parts.push((*name, text));
        }
    }
    conditions
}

type Parse = fn(&str) -> Result<Filter, Invalid>;

/// The parameters that say which users are meant.
const FILTERS: &[(&str, Parse)] = &[
    ("email", |text| Filter::equals(Field::Email, text)),
    ("external_id", |text| Filter::equals(Field::ExternalId, text)),
    ("filter", Filter::parse),
];

/// The address of the list with these parameters.
pub fn path(parts: &[(&str, String)]) -> String {
    if parts.is_empty() {
        return LIST.to_owned();
    }
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(parts);
    format!("{LIST}?{}", query.finish())
}

impl Members {
    /// Reads names between commas and spaces.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let known = |name: &str| MEMBERS.iter().copied().find(|known| *known == name);
        let names: Option<Vec<_>> =
            text.split(',').map(|name| known(name.trim_matches(' '))).collect();
        let names = names.filter(|names| names.len() <= MAX_FIELDS);
        names.map(|names| Self(Some(names))).ok_or_else(|| {
            let message = format!("must be names between commas, of {}", MEMBERS.join(", "));
            Invalid::new("invalid_fields", message)
        })
    }

    /// Their names.
    pub fn names(&self) -> &[&'static str] {
        self.0.as_deref().unwrap_or(MEMBERS)
    }

    /// A user with these members.
    pub fn of<'a>(&self, entry: &'a DirectoryEntry) -> Shown<'a> {
        let whole = UserView::from(entry);
        let Some(names) = &self.0 else { return Shown::Whole(Box::new(whole)) };
        let mut part = serde_json::to_value(&whole).unwrap_or_default();
        if let Value::Object(members) = &mut part {
            members.retain(|name, _| names.contains(&name.as_str()));
        }
        Shown::Part(part)
    }
}
