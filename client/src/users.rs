//! The directory of users.

use reqwest::Method;
use serde_json::json;

use crate::client::Client;
use crate::error::Result;
use crate::model::{CreateUser, PatchUser, User, UserQuery, Versioned};
use crate::page::Pages;

/// The directory of users, for those who may read and write it.
#[derive(Clone, Copy)]
pub struct Users<'a>(pub(crate) &'a Client);

/// Where users are.
pub(crate) const USERS: [&str; 3] = ["api", "v1", "users"];

impl<'a> Users<'a> {
    /// Those of whom all of the query holds, the oldest first unless it says otherwise.
    /// A page may be empty, and others follow.
    pub fn list(self, query: UserQuery) -> Pages<'a, User> {
        Pages::new(move || {
            self.0
                .call(Method::GET, &USERS)
                .query("email", query.email.as_deref())
                .query("external_id", query.external_id.as_deref())
                .query("filter", query.filter.as_deref())
                .query("sort", query.sort.as_deref())
        })
    }

    /// The user with this address, if there is one.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn with_email(self, email: &str) -> Result<Option<User>> {
        let email = Some(email.to_owned());
        let found = self.list(UserQuery { email, ..UserQuery::default() }).all().await?;
        Ok(found.into_iter().next())
    }

    /// The user with this id.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn get(self, id: &str) -> Result<Versioned<User>> {
        self.0.call(Method::GET, &path(id, None)).receive_versioned().await
    }

    /// Creates a user.
    ///
    /// # Errors
    ///
    /// As every call; the code is `email_taken` if somebody has the address.
    pub async fn create(self, user: &CreateUser) -> Result<Versioned<User>> {
        self.0.call(Method::POST, &USERS).json(user).receive_versioned().await
    }

    /// Changes a user; only the version with this ETag, if one is given.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn patch(
        self,
        id: &str,
        patch: &PatchUser,
        etag: Option<&str>,
    ) -> Result<Versioned<User>> {
        let call = self.0.call(Method::PATCH, &path(id, None)).merge_patch(patch);
        call.if_match(etag)?.receive_versioned().await
    }

    /// Deletes a user; only the version with this ETag, if one is given.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn delete(self, id: &str, etag: Option<&str>) -> Result<()> {
        self.0.call(Method::DELETE, &path(id, None)).if_match(etag)?.complete().await
    }

    /// Lets a user sign in no longer, and ends their sessions.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn suspend(self, id: &str, etag: Option<&str>) -> Result<Versioned<User>> {
        let call = self.0.call(Method::POST, &path(id, Some("suspend")));
        call.if_match(etag)?.receive_versioned().await
    }

    /// Lets a user sign in again.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn unsuspend(self, id: &str, etag: Option<&str>) -> Result<Versioned<User>> {
        let call = self.0.call(Method::POST, &path(id, Some("unsuspend")));
        call.if_match(etag)?.receive_versioned().await
    }

    /// Gives a user these roles instead of those they have; only the version with
    /// this ETag, if one is given.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn replace_roles(
        self,
        id: &str,
        roles: &[String],
        etag: Option<&str>,
    ) -> Result<Versioned<User>> {
        let call = self.0.call(Method::PUT, &path(id, Some("roles")));
        let etag = etag.unwrap_or("*");
        call.json(&json!({"roles": roles})).if_match(Some(etag))?.receive_versioned().await
    }

    /// Takes a user's second factors away, and ends their sessions.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn reset_factors(self, id: &str) -> Result<()> {
        self.0.call(Method::DELETE, &path(id, Some("factors"))).complete().await
    }
}

fn path<'a>(id: &'a str, rest: Option<&'a str>) -> Vec<&'a str> {
    USERS.into_iter().chain([id]).chain(rest).collect()
}
