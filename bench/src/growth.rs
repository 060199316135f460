//! What grows with the number of users: the same requests, one at a time, on
//! databases of different sizes.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::SendRequest;
use rusqlite::Connection;
use serde_json::Value;

use crate::fixture::{ADMIN, Fixture};
use crate::load::connect;
use crate::target::Kind;

/// How often each request is sent; the median counts.
const TIMES: usize = 300;
/// A sign-in takes much longer than the others.
const SIGN_INS: usize = 30;

/// Those whose names begin so and who are not suspended, the first 20 of them.
const FILTERED: &str =
    "/api/v1/users?filter=name%20sw%20%22somebody%203%22%20and%20not%20(suspended_at%20pr)";

/// The medians at one size.
pub(crate) struct Size {
    /// How many users there are.
    pub(crate) users: usize,
    /// Name of the request, and its median.
    pub(crate) medians: Vec<(&'static str, Duration)>,
}

/// Measures at each of the sizes.
///
/// # Errors
///
/// When an answer is not as expected.
pub(crate) async fn measure(sizes: &[usize]) -> Result<Vec<Size>> {
    let mut measured = Vec::new();
    for users in sizes {
        eprintln!("{users} users");
        measured.push(Size { users: *users, medians: measure_at(*users).await? });
    }
    Ok(measured)
}

async fn measure_at(users: usize) -> Result<Vec<(&'static str, Duration)>> {
    let folder = tempfile::tempdir()?;
    let builder = Kind::Rollcall.builder(None).state_dir(folder.path());
    // The first start makes the tables and the admin, whose password all others get.
    let host = builder.start();
    let fixture = Fixture::make(connect(host.port).await?, 0).await?;
    host.stop();
    fill(&folder.path().join("sqlite_db.db"), users)?;
    let host = builder.start();
    let mut sender = connect(host.port).await?;
    let deep = deep_page(&mut sender, &fixture, users / 2).await?;
    let someone = format!("filled-{}@example.com", users / 3);
    let by_email = format!("/api/v1/users?email={someone}");
    let reads = [
        ("GET /api/v1/users/{id}", None),
        ("first page", Some("/api/v1/users")),
        ("page in the middle", Some(deep.as_str())),
        ("look-up by email", Some(by_email.as_str())),
        ("filter", Some(FILTERED)),
    ];
    let mut medians = Vec::new();
    for (name, path) in reads {
        let request = || match path {
            None => fixture.get(&format!("/api/v1/users/{}", fixture.user())),
            Some(path) => fixture.get(path),
        };
        medians.push((name, median(&mut sender, TIMES, request).await?));
    }
    let sign_in = || fixture.attempt(&someone, ADMIN[1]);
    medians.push(("sign-in", median(&mut sender, SIGN_INS, sign_in).await?));
    Ok(medians)
}

/// Fills the database up to so many users.
fn fill(file: &Path, users: usize) -> Result<()> {
    let connection = Connection::open(file)?;
    connection.execute_batch(&format!(
        "PRAGMA synchronous = OFF;
         BEGIN;
         CREATE TEMP TABLE filled AS
         WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {users})
         SELECT n, printf('01a00000-0000-7000-8000-%012x', n) AS id FROM numbers;
         INSERT INTO users (id, email, email_normalized, name, metadata, password_hash,
                            created_at, updated_at, version)
         SELECT id, printf('filled-%d@example.com', n), printf('filled-%d@example.com', n),
                printf('Somebody %d', n), '{{\"locale\":\"en\"}}',
                (SELECT password_hash FROM users WHERE email = '{}'),
                1700000000000000 + n, 1700000000000000 + n, 1
         FROM filled;
         INSERT INTO user_roles (user_id, role) SELECT id, 'user' FROM filled;
         COMMIT;
         ANALYZE;",
        ADMIN[0]
    ))?;
    Ok(())
}

/// The path of the page behind about so many users.
async fn deep_page(
    sender: &mut SendRequest<Full<Bytes>>,
    fixture: &Fixture,
    behind: usize,
) -> Result<String> {
    let mut path = "/api/v1/users?limit=200".to_owned();
    for _ in 0..behind / 200 {
        let body = answer(sender, fixture.get(&path)).await?;
        let body: Value = serde_json::from_slice(&body)?;
        let cursor = body["next_cursor"].as_str().context("there are fewer users")?;
        path = format!("/api/v1/users?limit=200&cursor={cursor}");
    }
    Ok(path.replace("limit=200", "limit=20"))
}

async fn median(
    sender: &mut SendRequest<Full<Bytes>>,
    times: usize,
    request: impl Fn() -> Request<Full<Bytes>>,
) -> Result<Duration> {
    let mut taken = Vec::with_capacity(times);
    for _ in 0..times {
        let begin = Instant::now();
        answer(sender, request()).await?;
        taken.push(begin.elapsed());
    }
    taken.sort_unstable();
    Ok(taken.get(times / 2).copied().unwrap_or_default())
}

async fn answer(
    sender: &mut SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> Result<Bytes> {
    let path = request.uri().clone();
    sender.ready().await?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    ensure!(status.is_success(), "{path}: {status} {}", String::from_utf8_lossy(&body));
    Ok(body)
}
