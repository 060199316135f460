//! What the client does about a service that is busy, a token that has ended, and a
//! connection that breaks off. The service here says what it is told to say.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use rollcall_client::bulk::{Format, ImportOptions};
use rollcall_client::{Client, CreateUser, Credential, Error, PatchUser, TokenStore, Tokens};

/// A service that gives these answers, one after the other.
struct Script {
    url: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

/// What was asked.
#[derive(Debug, Clone, Default)]
struct Request {
    line: String,
    authorization: String,
    idempotency_key: String,
    body: String,
}

/// The answer to a request that is never answered.
const BREAK_OFF: &str = "";
/// The end of an answer that does not end.
const STALL: &str = "\0";

impl Script {
    fn new(answers: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let answers: Vec<_> = answers.iter().map(ToString::to_string).collect();
        let seen = requests.clone();
        thread::spawn(move || {
            let mut open = Vec::new();
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                seen.lock().unwrap().push(read(&stream).unwrap());
                stream.write_all(answer.trim_end_matches(STALL).as_bytes()).unwrap();
                open.extend(answer.ends_with(STALL).then_some(stream));
            }
            // Somebody still waits for the rest of these.
            open.iter_mut().for_each(|stream| drop(stream.read(&mut [0])));
        });
        Self { url, requests }
    }

    fn client(&self, credential: Credential) -> Client {
        Client::builder(&self.url).unwrap().credential(credential).build().unwrap()
    }

    /// A client that waits for nothing longer than a moment.
    fn hasty_client(&self) -> Client {
        Client::builder(&self.url).unwrap().limit(Duration::from_secs(1)).build().unwrap()
    }

    fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

fn read(stream: &TcpStream) -> io::Result<Request> {
    let mut reader = BufReader::new(stream);
    let mut request = Request::default();
    let (mut length, mut is_chunked) = (0, false);
    reader.read_line(&mut request.line)?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "authorization" => request.authorization = value.to_owned(),
            "idempotency-key" => request.idempotency_key = value.to_owned(),
            "content-length" => length = value.parse().unwrap(),
            "transfer-encoding" => is_chunked = true,
            _ => {}
        }
    }
    while is_chunked {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        is_chunked = line != "0\r\n";
        length = 2;
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    request.body = String::from_utf8(body).unwrap();
    request.line.truncate(request.line.trim_end().len());
    Ok(request)
}

fn answer(status: &str, header: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n{header}\r\n{body}"
    )
}

fn problem(status: &str, header: &str, code: &str) -> String {
    let number = &status[..3];
    let body = format!(
        r#"{{"type":"urn:rollcall:problem:{code}","title":"T","status":{number},"detail":"D","code":"{code}","request_id":"R"}}"#
    );
    answer(status, header, &body)
}

const USER: &str = r#"{"id":"1","email":"ada@example.com","email_verified_at":null,"name":"Ada","roles":["user"],"metadata":{},"created_at":"c","updated_at":"u","suspended_at":null,"version":1,"shoe_size":38}"#;

fn created() -> String {
    answer("201 Created", "etag: \"1\"\r\n", USER)
}

fn signed_in(access: &str, refresh: &str) -> String {
    let session = r#"{"id":"2","device":null,"address":null,"created_at":"c","last_used_at":"l","expires_at":"e","current":true}"#;
    let body = format!(
        r#"{{"access_token":"{access}","token_type":"Bearer","expires_in":600,"refresh_token":"{refresh}","session":{session},"user":{USER}}}"#
    );
    answer("200 OK", "", &body)
}

fn ada() -> CreateUser {
    CreateUser { email: "ada@example.com".into(), name: "Ada".into(), ..CreateUser::default() }
}

/// Tokens in the memory of the test.
#[derive(Clone)]
struct Memory(Arc<Mutex<Tokens>>);

impl Memory {
    /// Tokens that are good until then, in seconds since 1970.
    fn new(expires_at: u64) -> Self {
        let (access_token, refresh_token) = ("old".to_owned(), "first".to_owned());
        Self(Arc::new(Mutex::new(Tokens { access_token, refresh_token, expires_at })))
    }
}

impl TokenStore for Memory {
    fn lock(&self) -> io::Result<Box<dyn Send>> {
        Ok(Box::new(()))
    }

    fn load(&self) -> io::Result<Option<Tokens>> {
        Ok(Some(self.0.lock().unwrap().clone()))
    }

    fn save(&self, tokens: &Tokens) -> io::Result<()> {
        *self.0.lock().unwrap() = tokens.clone();
        Ok(())
    }
}

const FAR: u64 = 1 << 40;

#[tokio::test]
async fn a_busy_service_is_asked_again_with_the_same_key() {
    let busy = problem("429 Too Many Requests", "retry-after: 0\r\n", "too_many_requests");
    let away = problem("503 Service Unavailable", "retry-after: 0\r\n", "unavailable");
    let script = Script::new(&[&busy, &away, &created()]);
    let user = script.client(Credential::bearer("k")).users().create(&ada()).await.unwrap();
    assert_eq!(user.etag.as_deref(), Some("\"1\""));
    let requests = script.requests();
    assert_eq!(requests.len(), 3);
    for request in &requests {
        assert_eq!(request.line, "POST /api/v1/users HTTP/1.1");
        assert_eq!(request.authorization, "Bearer k");
        assert_eq!(request.body, r#"{"email":"ada@example.com","name":"Ada"}"#);
        assert_eq!(request.idempotency_key, requests[0].idempotency_key);
        // A UUID in quotes: the header is a structured field.
        assert_eq!(request.idempotency_key.len(), 38);
    }
}

#[tokio::test]
async fn two_changes_have_two_keys() {
    let script = Script::new(&[&created(), &created()]);
    let client = script.client(Credential::None);
    client.users().create(&ada()).await.unwrap();
    client.users().create(&ada()).await.unwrap();
    let [first, second] = &script.requests()[..] else { panic!("two requests") };
    assert_ne!(first.idempotency_key, second.idempotency_key);
}

#[tokio::test]
async fn a_longer_wait_than_there_is_patience_for_is_the_callers() {
    let busy = problem("429 Too Many Requests", "retry-after: 31\r\n", "too_many_requests");
    let script = Script::new(&[&busy]);
    let error = script.client(Credential::None).users().get("1").await.unwrap_err();
    assert_eq!(error.code(), Some("too_many_requests"));
    assert_eq!(error.retry_after(), Some(Duration::from_secs(31)));
    assert_eq!(error.problem().unwrap().request_id, "R");
    assert_eq!(script.requests().len(), 1);
}

#[tokio::test]
async fn an_answer_that_got_lost_is_asked_for_again() {
    let script = Script::new(&[BREAK_OFF, &created()]);
    script.client(Credential::None).users().create(&ada()).await.unwrap();
    let [first, second] = &script.requests()[..] else { panic!("two requests") };
    assert_eq!(first.idempotency_key, second.idempotency_key);
}

#[tokio::test]
async fn a_token_that_has_ended_is_refreshed_before_it_is_shown() {
    let script = Script::new(&[&signed_in("new", "second"), &answer("200 OK", "", USER)]);
    let memory = Memory::new(1);
    let client = script.client(Credential::session(memory.clone()).unwrap());
    let user = client.users().get("1").await.unwrap().value;
    assert_eq!(user.others["shoe_size"], 38);
    let [refresh, get] = &script.requests()[..] else { panic!("two requests") };
    assert_eq!(refresh.line, "POST /api/v1/sessions/refresh HTTP/1.1");
    assert_eq!(refresh.body, r#"{"refresh_token":"first"}"#);
    assert_eq!(refresh.authorization, "");
    assert_eq!(get.authorization, "Bearer new");
    assert_eq!(memory.load().unwrap().unwrap().refresh_token, "second");
}

#[tokio::test]
async fn a_token_that_is_refused_is_refreshed_once() {
    let refused = problem("401 Unauthorized", "", "unauthenticated");
    let script = Script::new(&[&refused, &signed_in("new", "second"), &refused]);
    let client = script.client(Credential::session(Memory::new(FAR)).unwrap());
    let error = client.users().get("1").await.unwrap_err();
    assert_eq!(error.code(), Some("unauthenticated"));
    let shown: Vec<_> = script.requests().iter().map(|r| r.authorization.clone()).collect();
    assert_eq!(shown, ["Bearer old", "", "Bearer new"]);
}

#[tokio::test]
async fn a_session_that_has_ended_is_said_to_be_over() {
    let refused = problem("401 Unauthorized", "", "unauthenticated");
    let script = Script::new(&[&refused]);
    let client = script.client(Credential::session(Memory::new(1)).unwrap());
    let error = client.users().get("1").await.unwrap_err();
    assert!(matches!(error, Error::SignedOut), "{error:?}");
}

#[tokio::test]
async fn what_another_process_has_refreshed_is_used() {
    let refused = problem("401 Unauthorized", "", "unauthenticated");
    let script = Script::new(&[&refused, &answer("200 OK", "", USER)]);
    let memory = Memory::new(FAR);
    let client = script.client(Credential::session(memory.clone()).unwrap());
    memory.0.lock().unwrap().access_token = "theirs".to_owned();
    client.users().get("1").await.unwrap();
    assert_eq!(script.requests()[1].authorization, "Bearer theirs");
}

#[tokio::test]
async fn an_answer_of_something_else_is_no_problem_of_the_service() {
    let script = Script::new(&[&answer("502 Bad Gateway", "", "<h1>Bad gateway</h1>")]);
    let error = script.client(Credential::None).users().get("1").await.unwrap_err();
    assert_eq!((error.status(), error.code()), (Some(502), None));
    assert!(error.to_string().contains("Bad gateway"), "{error}");
}

#[tokio::test]
async fn a_name_in_a_path_cannot_leave_it() {
    let script = Script::new(&[&problem("404 Not Found", "", "not_found")]);
    script.client(Credential::None).roles().get("../users?x#y").await.unwrap_err();
    assert_eq!(script.requests()[0].line, "GET /api/v1/roles/..%2Fusers%3Fx%23y HTTP/1.1");
}

#[tokio::test]
async fn what_can_be_no_id_is_not_asked_for() {
    let script = Script::new(&[]);
    let client = script.client(Credential::None);
    // A URL's parser takes a path apart at dots, and tabs and the ends of lines out of it.
    for id in [".", "..", "", ".\t.", "\n..", "a\tb"] {
        let refused = [
            client.users().get(id).await.err(),
            client.users().patch(id, &PatchUser::default(), None).await.err(),
            client.users().delete(id, None).await.err(),
            client.users().suspend(id, None).await.err(),
            client.users().unsuspend(id, None).await.err(),
            client.users().replace_roles(id, &[], None).await.err(),
            client.users().reset_factors(id).await.err(),
            client.sessions().end(id).await.err(),
            client.sessions().end_of_user(id).await.err(),
            client.sessions().list_of_user(id).all().await.err(),
            client.roles().get(id).await.err(),
            client.roles().replace(id, &[], "*").await.err(),
            client.roles().delete(id, None).await.err(),
            client.api_keys().get(id).await.err(),
            client.api_keys().delete(id).await.err(),
            client.invitations().delete(id).await.err(),
        ];
        for error in refused {
            assert!(matches!(error, Some(Error::Request(_))), "{id:?}: {error:?}");
        }
    }
}

#[tokio::test]
async fn half_an_export_is_no_export() {
    let half = "content-type: text/csv; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhalf\n\r\n";
    let script = Script::new(&[&format!("HTTP/1.1 200 OK\r\n{half}")]);
    let client = script.client(Credential::None);
    let mut users = pin!(client.users().export(Format::Csv, None).await.unwrap());
    assert_eq!(users.next().await.unwrap().unwrap(), "half\n");
    let error = users.next().await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Transport(_)), "{error:?}");
}

#[tokio::test]
async fn nobody_is_waited_for_for_ever() {
    let ok = "HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\n";
    let head = format!("{ok}transfer-encoding: chunked\r\n\r\n5\r\nhalf\n\r\n{STALL}");
    let refusal = format!("HTTP/1.1 403 Forbidden\r\ncontent-length: 9\r\n\r\n{{{STALL}");
    let may = answer("200 OK", "", "");
    let script =
        Script::new(&[STALL, &head, STALL, &head, &refusal, STALL, &may, STALL, &may, &head]);
    let client = script.hasty_client();
    let is_timeout = |error: &Error| matches!(error, Error::Transport(e) if e.is_timeout());
    let is_silent = |error: Error| is_timeout(&error) || matches!(error, Error::Silent(_));

    assert!(is_silent(client.users().get("1").await.unwrap_err()));
    assert!(is_silent(client.users().get("1").await.unwrap_err()));
    assert!(is_silent(client.users().export(Format::Ndjson, None).await.err().unwrap()));
    let mut users = pin!(client.users().export(Format::Ndjson, None).await.unwrap());
    assert_eq!(users.next().await.unwrap().unwrap(), "half\n");
    assert!(is_silent(users.next().await.unwrap().unwrap_err()));
    assert!(is_silent(client.users().export(Format::Ndjson, None).await.err().unwrap()));

    let import = async || {
        let users = stream::iter([Ok::<_, io::Error>("{}\n")]);
        client.users().import(Format::Ndjson, ImportOptions::default(), users).await
    };
    // Neither the question whether it may, nor the beginning of the answer.
    assert!(is_silent(import().await.err().unwrap()));
    assert!(is_silent(import().await.err().unwrap()));
    let mut reports = import().await.unwrap();
    assert!(matches!(reports.next().await, Err(Error::Unexpected { .. })), "half is no report");
    assert!(is_silent(reports.next().await.unwrap_err()));
}

#[tokio::test]
async fn what_something_else_answers_is_no_export() {
    let page = answer("200 OK", "content-type: text/html\r\n", "<h1>Welcome</h1>");
    let csv = answer("200 OK", "content-type: text/csv\r\n", "email\n");
    for other in [page, csv, answer("200 OK", "", "{}\n"), answer("204 No Content", "", "")] {
        let script = Script::new(&[&other]);
        let client = script.client(Credential::None);
        let Err(error) = client.users().export(Format::Ndjson, None).await else {
            panic!("{other}")
        };
        assert!(matches!(error, Error::Unexpected { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn what_an_import_tells_is_read_line_by_line() {
    let told = [
        r#"{"line":1,"statu"#,
        "s\":\"created\"}\n{\"summary\":{\"lines\":1,\"created\":1,\"updated\":0,",
        "\"unchanged\":0,\"failed\":0,\"dry_run\":true,\"complete\":true}}\n",
        "",
    ];
    let chunks = told.map(|text| format!("{:x}\r\n{text}\r\n", text.len())).concat();
    let reports = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunks}");
    // The first one only asks whether it may.
    let script = Script::new(&[&answer("200 OK", "", ""), &reports]);
    let options = ImportOptions { dry_run: true, only_failed: true };
    let users = stream::iter([Ok::<_, io::Error>("{}\n")]);
    let client = script.client(Credential::None);
    let mut reports = client.users().import(Format::Ndjson, options, users).await.unwrap();
    let line = reports.next().await.unwrap().unwrap();
    assert_eq!((line.line, line.status.as_deref()), (Some(1), Some("created")));
    let summary = reports.next().await.unwrap().unwrap().summary.unwrap();
    assert_eq!((summary.counts.created, summary.complete), (1, true));
    assert!(reports.next().await.unwrap().is_none());
    let asked = &script.requests()[1].line;
    assert_eq!(asked, "POST /api/v1/users/import?dry_run=true&report=failed HTTP/1.1");
}
