//! The headers that Spin gives to a guest besides those of the client.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use http::header::{CONNECTION, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};

use crate::routes::RouteMatch;

/// Removes what concerns the connection alone.
pub(crate) fn strip_connection(headers: &mut HeaderMap) {
    headers.remove(CONNECTION);
}

/// Appends the `spin-*` headers. The client's own of the same names stay, in
/// front of the host's: a guest must read the last.
///
/// # Errors
///
/// When a header of the client is not UTF-8, which Spin answers with 500.
pub(crate) fn append_spin(
    headers: &mut HeaderMap,
    uri: &Uri,
    route: &RouteMatch<'_>,
    client: SocketAddr,
) -> Result<()> {
    for (name, value) in headers.iter() {
        std::str::from_utf8(value.as_bytes())
            .with_context(|| format!("the header {name} is not UTF-8"))?;
    }
    let host = headers.get(HOST).map_or("localhost", |host| host.to_str().unwrap_or("localhost"));
    let path_and_query = uri.path_and_query().map_or("/", |path| path.as_str());
    let full_url = format!("http://{host}{path_and_query}");

    let mut append = |name: &str, value: &str| {
        // A part of a path that no header can hold is left out.
        let name = HeaderName::from_bytes(name.as_bytes());
        let value = HeaderValue::from_bytes(value.as_bytes());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    };
    append("spin-path-info", &route.path_info);
    append("spin-full-url", &full_url);
    append("spin-matched-route", route.route);
    append("spin-base-path", "/");
    append("spin-raw-component-route", route.route);
    append("spin-component-route", route.prefix());
    append("spin-client-addr", &client.to_string());
    for (name, value) in &route.parameters {
        let name = name.replace('_', "-").to_ascii_lowercase();
        append(&format!("spin-path-match-{name}"), value);
    }
    Ok(())
}
