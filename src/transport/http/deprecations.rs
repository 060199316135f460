//! Operations that will be gone: the table of them, and how clients are told in every
//! answer: `Deprecation` (RFC 9745), `Sunset` (RFC 8594) and a link to what to do
//! instead.

use axum::body::Body;
use axum::extract::MatchedPath;
use axum::http::{HeaderName, HeaderValue, Method, Response, header};

use crate::domain::time::Timestamp;

/// Since when an operation is deprecated, in seconds since 1970.
pub const DEPRECATION: HeaderName = HeaderName::from_static("deprecation");
/// From when on it may be gone.
pub const SUNSET: HeaderName = HeaderName::from_static("sunset");

/// An operation that will be gone.
pub struct Deprecation {
    /// Its method, such as `GET`.
    pub method: &'static str,
    /// Its route, such as `/api/v1/users/{id}`.
    pub route: &'static str,
    /// Since when it is deprecated, in RFC 3339.
    pub since: &'static str,
    /// From when on it may be gone, in RFC 3339; not before `since`.
    pub sunset: &'static str,
    /// The address of a page that says what to do instead.
    pub link: &'static str,
}

/// The table. docs/compatibility.md says how an operation gets into it.
pub const TABLE: &[Deprecation] = &[];

/// Tells in an answer that its operation will be gone.
pub fn add(response: &mut Response<Body>, method: &Method, table: &[Deprecation]) {
    let route = response.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let method = if *method == Method::HEAD { "GET" } else { method.as_str() };
    let is_it = |known: &&Deprecation| known.method == method && Some(known.route) == route;
    let Some(deprecation) = table.iter().find(is_it) else { return };
    let since = Timestamp::parse(deprecation.since).map(|at| format!("@{}", at.seconds()));
    let sunset = Timestamp::parse(deprecation.sunset).and_then(http_date);
    let link = format!("<{}>; rel=\"deprecation\"", deprecation.link);
    for (name, value) in [(DEPRECATION, since), (SUNSET, sunset), (header::LINK, Some(link))] {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
            // Lists have links besides.
            response.headers_mut().append(name, value);
        }
    }
}

/// The days of the week from 1970-01-01 on.
const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A time as RFC 9110, 5.6.7, writes it.
fn http_date(at: Timestamp) -> Option<String> {
    let weekday = at.seconds().div_euclid(86_400).rem_euclid(7);
    let weekday = DAYS.get(usize::try_from(weekday).ok()?)?;
    let text = at.to_string();
    let (date, time) = text.split_once('T')?;
    let mut date = date.split('-');
    let (year, month, day) = (date.next()?, date.next()?, date.next()?);
    let month = MONTHS.get(month.parse::<usize>().ok()?.checked_sub(1)?)?;
    let time = time.get(.."hh:mm:ss".len())?;
    Some(format!("{weekday}, {day} {month} {year} {time} GMT"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::extract::Request;
    use axum::middleware::{Next, from_fn};
    use axum::response::Response;
    use axum::routing::get;
    use futures_util::FutureExt;
    use tower_service::Service;

    const OLD: &[Deprecation] = &[Deprecation {
        method: "GET",
        route: "/old/{id}",
        since: "2026-01-01T00:00:00Z",
        sunset: "2026-07-01T12:00:00Z",
        link: "https://example.com/instead",
    }];

    /// As the real router does.
    async fn remember_route(route: MatchedPath, request: Request, next: Next) -> Response {
        let mut response = next.run(request).await;
        response.extensions_mut().insert(route);
        response
    }

    fn told(method: Method, path: &str) -> Vec<(String, String)> {
        let list = || async { [(header::LINK, "</old/1?cursor=a>; rel=\"next\"")] };
        let router = Router::<()>::new()
            .route("/old/{id}", get(list).post(list))
            .route("/new/{id}", get(list))
            .route_layer(from_fn(remember_route));
        let request = Request::builder().method(&method).uri(path).body(Body::empty()).unwrap();
        let answer = router.into_service().call(request).now_or_never().unwrap();
        let mut answer = answer.unwrap();
        answer.headers_mut().remove(header::CONTENT_LENGTH);
        answer.headers_mut().remove(header::ALLOW);
        add(&mut answer, &method, OLD);
        let pair = |(name, value): (&HeaderName, &HeaderValue)| {
            (name.to_string(), value.to_str().unwrap().to_owned())
        };
        answer.headers().iter().map(pair).collect()
    }

    #[test]
    fn a_date_is_written_as_http_has_it() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", "Thu, 01 Jan 1970 00:00:00 GMT"),
            ("1994-11-06T08:49:37Z", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ("2028-02-29T23:59:59+01:00", "Tue, 29 Feb 2028 22:59:59 GMT"),
        ] {
            assert_eq!(http_date(Timestamp::parse(text).unwrap()).as_deref(), Some(expected));
        }
    }

    #[test]
    fn every_answer_of_an_operation_that_will_be_gone_says_so() {
        let next = ("link", "</old/1?cursor=a>; rel=\"next\"");
        let expected = [
            next,
            ("link", "<https://example.com/instead>; rel=\"deprecation\""),
            ("deprecation", "@1767225600"),
            ("sunset", "Wed, 01 Jul 2026 12:00:00 GMT"),
        ];
        let owned = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect::<Vec<_>>()
        };
        for method in [Method::GET, Method::HEAD] {
            assert_eq!(told(method, "/old/7"), owned(&expected));
        }
        assert_eq!(told(Method::POST, "/old/7"), owned(&[next]));
        assert_eq!(told(Method::GET, "/new/7"), owned(&[next]));
        assert_eq!(told(Method::GET, "/else"), []);
    }
}
