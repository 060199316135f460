//! Whether the time of an answer tells that an address is known: pairs of requests
//! by turns, one for a known address and one for another.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::SendRequest;
use serde_json::json;

use crate::fixture::{ADMIN, Fixture};
use crate::load::connect;
use crate::target::Target;

/// The medians of one kind of request.
pub(crate) struct Timing {
    /// Which kind.
    pub(crate) name: &'static str,
    /// For an address that is known.
    pub(crate) known: Duration,
    /// For another one.
    pub(crate) unknown: Duration,
}

impl Timing {
    /// How far the medians are apart, as a part of the greater one.
    pub(crate) fn difference(&self) -> f64 {
        let (known, unknown) = (self.known.as_secs_f64(), self.unknown.as_secs_f64());
        (known - unknown).abs() / known.max(unknown)
    }
}

/// A request for an address, and the status of its answer.
type Asked = fn(&Fixture, &str) -> Request<Full<Bytes>>;

const KINDS: &[(&str, StatusCode, Asked)] = &[
    ("sign-in, wrong password", StatusCode::UNAUTHORIZED, |fixture, email| {
        fixture.attempt(email, "not the password")
    }),
    ("registration", StatusCode::ACCEPTED, |fixture, email| {
        let body = json!({"email": email, "name": "Somebody", "password": "a walk by the river"});
        fixture.post("/api/v1/registrations", &body)
    }),
];

/// Measures so many pairs of each kind.
///
/// # Errors
///
/// When an answer does not come, or is not as expected.
pub(crate) async fn measure(target: &Target, pairs: usize) -> Result<Vec<Timing>> {
    let mut sender = connect(target.port()).await?;
    let mut timings = Vec::new();
    for (name, status, asked) in KINDS {
        eprintln!("{pairs} pairs: {name}");
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        for pair in 0..pairs {
            let stranger = format!("stranger-{pair}@example.com");
            let mut turns = [(ADMIN[0], &mut known), (stranger.as_str(), &mut unknown)];
            // Who comes second finds other caches than who comes first.
            if pair % 2 == 1 {
                turns.reverse();
            }
            for (email, times) in turns {
                let request = asked(&target.fixture, email);
                times.push(time(&mut sender, request, *status).await?);
            }
        }
        timings.push(Timing { name, known: median(known), unknown: median(unknown) });
    }
    Ok(timings)
}

async fn time(
    sender: &mut SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
    expected: StatusCode,
) -> Result<Duration> {
    sender.ready().await?;
    let begin = Instant::now();
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    ensure!(status == expected, "{status}: {}", String::from_utf8_lossy(&body));
    Ok(begin.elapsed())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
