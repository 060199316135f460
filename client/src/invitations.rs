//! Invitations.

use reqwest::Method;
use serde_json::json;

use crate::client::Client;
use crate::error::Result;
use crate::model::Invitation;
use crate::page::Pages;

/// Invitations to register.
#[derive(Clone, Copy)]
pub struct Invitations<'a>(pub(crate) &'a Client);

const INVITATIONS: [&str; 3] = ["api", "v1", "invitations"];

impl<'a> Invitations<'a> {
    /// Those that are open.
    pub fn list(self) -> Pages<'a, Invitation> {
        Pages::new(move || self.0.call(Method::GET, &INVITATIONS))
    }

    /// Invites somebody by mail; `["user"]` unless roles are given.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn create(self, email: &str, roles: Option<&[String]>) -> Result<Invitation> {
        let mut body = json!({"email": email});
        if let Some(roles) = roles {
            body["roles"] = json!(roles);
        }
        self.0.call(Method::POST, &INVITATIONS).json(&body).receive().await
    }

    /// Takes an invitation back.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn delete(self, id: &str) -> Result<()> {
        let path: Vec<_> = INVITATIONS.into_iter().chain([id]).collect();
        self.0.call(Method::DELETE, &path).complete().await
    }
}
