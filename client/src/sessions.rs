//! Signing in and out, and where users are signed in.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::call::{read, refusal};
use crate::client::Client;
use crate::error::{Error, Result};
use crate::model::{SecondFactorRequired, Session, SignedIn, User, Versioned};
use crate::page::Pages;

/// Signing in and out, and where users are signed in.
#[derive(Clone, Copy)]
pub struct Sessions<'a>(pub(crate) &'a Client);

/// What came of an address and a password.
pub enum SignIn {
    /// A session.
    Done(Box<SignedIn>),
    /// A question: [`Sessions::answer`] answers it.
    SecondFactor(SecondFactorRequired),
}

const SESSIONS: [&str; 3] = ["api", "v1", "sessions"];

impl<'a> Sessions<'a> {
    /// Signs in with an address and a password.
    ///
    /// # Errors
    ///
    /// As every call; the code is `invalid_credentials` if they are wrong.
    pub async fn sign_in(self, email: &str, password: &str) -> Result<SignIn> {
        let body = json!({"email": email, "password": password});
        let call = self.0.call(Method::POST, &SESSIONS).public().json(&body);
        let response = call.answer().await?;
        match response.status() {
            StatusCode::CREATED => Ok(SignIn::Done(Box::new(read(response).await?))),
            StatusCode::ACCEPTED => Ok(SignIn::SecondFactor(read(response).await?)),
            _ => Err(refusal(response).await),
        }
    }

    /// Answers the question for a second factor with a code of the app or a recovery
    /// code.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn answer(self, question: &SecondFactorRequired, code: &str) -> Result<SignedIn> {
        let body = json!({"token": question.token, "code": code});
        self.0.call(Method::POST, &path("second-factor")).public().json(&body).receive().await
    }

    /// Gets the next tokens of a session.
    ///
    /// # Errors
    ///
    /// [`Error::SignedOut`] if the session has ended, else as every call.
    pub async fn refresh(self, refresh_token: &str) -> Result<SignedIn> {
        let body = json!({"refresh_token": refresh_token});
        let call = self.0.call(Method::POST, &path("refresh")).public().json(&body);
        call.receive().await.map_err(|error| match error.status() {
            Some(401) => Error::SignedOut,
            _ => error,
        })
    }

    /// Ends the session that asks.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn sign_out(self) -> Result<()> {
        self.0.call(Method::DELETE, &path("current")).complete().await
    }

    /// Who is signed in.
    ///
    /// # Errors
    ///
    /// As every call; the code is `forbidden` for an API key, which is nobody.
    pub async fn me(self) -> Result<Versioned<User>> {
        self.0.call(Method::GET, &["api", "v1", "me"]).receive_versioned().await
    }

    /// Where the caller is signed in.
    pub fn list(self) -> Pages<'a, Session> {
        Pages::new(move || self.0.call(Method::GET, &SESSIONS))
    }

    /// Where a user is signed in.
    pub fn list_of_user(self, id: &str) -> Pages<'a, Session> {
        let id = id.to_owned();
        Pages::new(move || self.0.call(Method::GET, &of_user(&id)))
    }

    /// Ends one session of the caller's.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn end(self, id: &str) -> Result<()> {
        self.0.call(Method::DELETE, &path(id)).complete().await
    }

    /// Ends all sessions of the caller's but the one that asks.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn end_others(self) -> Result<()> {
        self.0.call(Method::DELETE, &SESSIONS).complete().await
    }

    /// Ends all sessions of a user.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn end_of_user(self, id: &str) -> Result<()> {
        self.0.call(Method::DELETE, &of_user(id)).complete().await
    }
}

fn path(last: &str) -> Vec<&str> {
    SESSIONS.into_iter().chain([last]).collect()
}

fn of_user(id: &str) -> [&str; 5] {
    ["api", "v1", "users", id, "sessions"]
}
