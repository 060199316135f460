//! What is known of a request besides what it asks for, whichever transport it
//! comes by: both have HTTP headers.

use axum::http::{HeaderMap, Request, header};

use super::http::headers;
use crate::app::App;
use crate::domain::locale::Locale;
use crate::domain::time::Timestamp;
use crate::service::credentials::Credentials;
use crate::service::{Context, GoodUntil, WroteMail};

/// Reads it. Nothing is believed yet: services decide what a credential is worth.
pub fn read<B>(app: &App, request: &Request<B>, now: Timestamp) -> Context {
    let headers = request.headers();
    Context {
        request_id: headers::request_id(headers, now, &*app.rng),
        trace_id: headers::trace_id(headers),
        address: headers::client_address(headers, app.config.trusted_proxies),
        is_local: headers::is_local(request),
        user_agent: text(headers, header::USER_AGENT),
        credentials: credentials(app, headers, now),
        limits: Default::default(),
        locale: text(headers, header::ACCEPT_LANGUAGE)
            .and_then(|languages| Locale::negotiate(&languages)),
        wrote_mail: WroteMail::default(),
        good_until: GoodUntil::default(),
        once: None,
    }
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// The one credential of the request. Several are as bad as none: another
/// component might have looked at the other one. What is of another scheme is none.
fn credentials(app: &App, headers: &HeaderMap, now: Timestamp) -> Credentials {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Credentials::None };
    let parts = value.to_str().ok().and_then(|value| value.split_once(' '));
    match (parts, values.next()) {
        (Some((scheme, token)), None) if scheme.eq_ignore_ascii_case("bearer") => {
            Credentials::read(&app.tokens, token.trim(), now)
        }
        (Some(_), None) => Credentials::None,
        _ => Credentials::Garbage,
    }
}
