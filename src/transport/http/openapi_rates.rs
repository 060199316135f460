//! Which operations are limited by rate, and how, in the description of the API.

use serde_json::{Map, Value, json};

use crate::domain::rate_limit::{By, Policy};

/// The limit that every second factor has of its own, whoever tries its codes.
const FACTOR: &[&str] = &["second_factor"];

/// The operations that are limited: by which policies, and by which limits of their own.
const OPERATIONS: &[(&str, &[Policy], &[&str])] = &[
    ("post /api/v1/bootstrap", &[Policy::BOOTSTRAP], &[]),
    ("post /api/v1/sessions", &[Policy::SIGN_IN], &[]),
    ("post /api/v1/sessions/refresh", &[Policy::REFRESH], &[]),
    ("post /api/v1/sessions/second-factor", &[Policy::SECOND_FACTOR], FACTOR),
    ("post /api/v1/sessions/current/reauthenticate", &[Policy::OWN_PASSWORD], FACTOR),
    ("put /api/v1/me/password", &[Policy::OWN_PASSWORD], &[]),
    ("post /api/v1/me/email-change", &[Policy::OWN_PASSWORD, Policy::EMAIL_CHANGE], &[]),
    ("post /api/v1/me/email-change/confirm", &[Policy::MAILED_TOKEN], &[]),
    ("post /api/v1/me/factors/totp/confirm", &[], FACTOR),
    ("delete /api/v1/me/factors/totp", &[], FACTOR),
    ("post /api/v1/me/factors/recovery-codes", &[], FACTOR),
    ("post /api/v1/magic-links", &[Policy::EMAIL_SIGN_IN], &[]),
    ("post /api/v1/magic-links/confirm", &[Policy::MAILED_TOKEN], &[]),
    ("post /api/v1/email-codes", &[Policy::EMAIL_SIGN_IN], &[]),
    ("post /api/v1/email-codes/confirm", &[Policy::EMAIL_CODE], &[]),
    ("post /api/v1/registrations", &[Policy::REGISTRATION, Policy::MAILED_TOKEN], &[]),
    ("post /api/v1/email-verifications", &[Policy::EMAIL_VERIFICATION], &[]),
    ("post /api/v1/email-verifications/confirm", &[Policy::MAILED_TOKEN], &[]),
    ("post /api/v1/password-resets", &[Policy::PASSWORD_RESET], &[]),
    ("post /api/v1/password-resets/confirm", &[Policy::MAILED_TOKEN], &[]),
    ("post /api/v1/invitations", &[Policy::INVITATION], &[]),
    ("post /api/v1/users", &[Policy::CREATE_USER], &[]),
    ("post /api/v1/users/batch", &[Policy::CREATE_USER], &[]),
    // Its lines are; it has begun to answer by then.
    ("post /api/v1/users/import", &[Policy::CREATE_USER], &[]),
];

/// The names of the limits of an operation, such as `post /api/v1/sessions`.
pub fn of(operation: &str) -> Option<Vec<&'static str>> {
    let (_, policies, own) = OPERATIONS.iter().find(|(name, ..)| *name == operation)?;
    let limits = policies.iter().flat_map(|policy| policy.limits);
    Some(limits.map(|limit| limit.name).chain(own.iter().copied()).collect())
}

/// Every limit by its name, as the member `x-rate-limits` of the document.
pub fn described() -> Value {
    let mut described = Map::new();
    for policy in Policy::TABLE {
        for limit in policy.limits {
            let by = match limit.by {
                By::Address => "address",
                By::Account => "account",
                By::AccountHere => "account and address",
                By::AccountElsewhere => "account, at addresses where it never signed in",
            };
            let told = json!({"quota": limit.quota, "window_seconds": policy.window.as_secs(),
                "by": by, "growing": limit.grows});
            described.insert(limit.name.to_owned(), told);
        }
    }
    let description = "Wrong codes in a row of one second factor; each makes the next wait longer.";
    described.extend(FACTOR.iter().map(|name| {
        ((*name).to_owned(), json!({"by": "second factor", "description": description}))
    }));
    Value::Object(described)
}
