//! API keys.

use reqwest::Method;

use crate::client::Client;
use crate::error::Result;
use crate::model::{ApiKey, CreateApiKey};
use crate::page::Pages;

/// API keys: what programs show.
#[derive(Clone, Copy)]
pub struct ApiKeys<'a>(pub(crate) &'a Client);

const API_KEYS: [&str; 3] = ["api", "v1", "api-keys"];

impl<'a> ApiKeys<'a> {
    /// All keys, without the keys themselves.
    pub fn list(self) -> Pages<'a, ApiKey> {
        Pages::new(move || self.0.call(Method::GET, &API_KEYS))
    }

    /// The key with this id, without the key itself.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn get(self, id: &str) -> Result<ApiKey> {
        self.0.call(Method::GET, &path(id)).receive().await
    }

    /// Makes a key, which this answer tells and no other.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn create(self, key: &CreateApiKey) -> Result<ApiKey> {
        self.0.call(Method::POST, &API_KEYS).json(key).receive().await
    }

    /// Revokes a key.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn delete(self, id: &str) -> Result<()> {
        self.0.call(Method::DELETE, &path(id)).complete().await
    }
}

fn path(id: &str) -> Vec<&str> {
    API_KEYS.into_iter().chain([id]).collect()
}
