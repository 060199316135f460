//! Roles and permissions.

use reqwest::Method;
use serde_json::json;

use crate::client::Client;
use crate::error::Result;
use crate::model::{Permission, Role, Versioned};
use crate::page::Pages;

/// Roles and permissions.
#[derive(Clone, Copy)]
pub struct Roles<'a>(pub(crate) &'a Client);

const ROLES: [&str; 3] = ["api", "v1", "roles"];

impl<'a> Roles<'a> {
    /// All roles.
    pub fn list(self) -> Pages<'a, Role> {
        Pages::new(move || self.0.call(Method::GET, &ROLES))
    }

    /// What may be allowed.
    pub fn permissions(self) -> Pages<'a, Permission> {
        Pages::new(move || self.0.call(Method::GET, &["api", "v1", "permissions"]))
    }

    /// The role with this name.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn get(self, name: &str) -> Result<Versioned<Role>> {
        self.0.call(Method::GET, &path(name)).receive_versioned().await
    }

    /// Makes a role.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn create(self, name: &str, permissions: &[String]) -> Result<Versioned<Role>> {
        let body = json!({"name": name, "permissions": permissions});
        self.0.call(Method::POST, &ROLES).json(&body).receive_versioned().await
    }

    /// Gives the version of a role with this ETag other permissions.
    ///
    /// # Errors
    ///
    /// As every call; the code is `precondition_failed` if it has another version.
    pub async fn replace(
        self,
        name: &str,
        permissions: &[String],
        etag: &str,
    ) -> Result<Versioned<Role>> {
        let call = self.0.call(Method::PUT, &path(name)).json(&json!({"permissions": permissions}));
        call.if_match(Some(etag))?.receive_versioned().await
    }

    /// Deletes a role; only the version with this ETag, if one is given.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn delete(self, name: &str, etag: Option<&str>) -> Result<()> {
        self.0.call(Method::DELETE, &path(name)).if_match(etag)?.complete().await
    }
}

fn path(name: &str) -> Vec<&str> {
    ROLES.into_iter().chain([name]).collect()
}
