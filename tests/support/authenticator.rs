//! Somebody with a second factor, and the app on their telephone.

use std::sync::Arc;

use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use rollcall::domain::time::Clock;
use serde_json::{Value, json};
use totp_rs::{Builder, Totp};

use super::client::Client;
use super::ports::FixedClock;
use super::{PASSWORD, TestApp};

/// An authenticator app that was told a secret.
pub(crate) struct Authenticator {
    totp: Totp,
    clock: Arc<FixedClock>,
}

impl Authenticator {
    /// What it shows now.
    pub(crate) fn code(&self) -> String {
        self.code_at(0)
    }

    /// What it shows so many steps of 30 seconds from now.
    pub(crate) fn code_at(&self, steps: i64) -> String {
        let seconds = self.clock.now().seconds() + 30 * steps;
        self.totp.generate(seconds.try_into().unwrap()).to_string()
    }

    /// Six digits that it shows in none of the steps around now.
    pub(crate) fn wrong_code(&self) -> String {
        let near: Vec<_> = (-3..=3).map(|steps| self.code_at(steps)).collect();
        let mut codes = (0..8).map(|digit| format!("00000{digit}"));
        codes.find(|code| !near.contains(code)).unwrap()
    }
}

/// Somebody with a second factor.
pub(crate) struct Protected {
    /// Signed in, in the session that added the factor.
    pub(crate) client: Client,
    /// Their app. The code that it shows at first is used up.
    pub(crate) authenticator: Authenticator,
    /// Their recovery codes.
    pub(crate) recovery_codes: Vec<String>,
}

impl TestApp {
    /// Adds an authenticator app, not confirmed yet.
    pub(crate) async fn enroll(&self, client: &Client) -> Authenticator {
        let answer = client.send(http::Method::POST, "/api/v1/me/factors/totp", "", "").await;
        let secret = answer.assert_status(201).text_at("/secret");
        let secret = BASE32_NOPAD.decode(secret.as_bytes()).unwrap();
        let totp = Builder::new().with_secret(secret).build().unwrap();
        Authenticator { totp, clock: Arc::clone(&self.clock) }
    }

    /// Gives somebody who is signed in a second factor.
    pub(crate) async fn protect(&self, client: Client) -> Protected {
        let authenticator = self.enroll(&client).await;
        let code = json!({"code": authenticator.code()});
        let answer = client.post("/api/v1/me/factors/totp/confirm", code).await;
        let codes = answer.assert_status(200).body["recovery_codes"].clone();
        let recovery_codes = serde_json::from_value(codes).unwrap();
        Protected { client, authenticator, recovery_codes }
    }

    /// Shows the first of two factors, and gets a token that owes the second.
    pub(crate) async fn half_sign_in(&self, email: &str) -> String {
        let credentials = json!({"email": email, "password": PASSWORD});
        let answer = self.anon().post("/api/v1/sessions", credentials).await;
        answer.assert_status(202).text_at("/token")
    }
}

/// What an access token says.
pub(crate) fn claims(access_token: &str) -> Value {
    let payload = access_token.split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64URL_NOPAD.decode(payload.as_bytes()).unwrap()).unwrap()
}
