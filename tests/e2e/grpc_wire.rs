//! Calls that no client library makes, frame by frame: each gets a proper status,
//! and the process lives.

use bytes::Bytes;
use h2::client::SendRequest;
use h2::{Reason, SendStream};
use http::{HeaderMap, Request, Response};
use serde_json::json;
use tokio::net::TcpStream;

use crate::client::Client;
use crate::service::{Service, builder};

const CREATE: &str = "/rollcall.v1.UserService/CreateUser";
const IMPORT: &str = "/rollcall.v1.UserService/ImportUsers";

/// A connection of HTTP/2, and what its calls show for themselves.
struct Connection {
    requests: SendRequest<Bytes>,
    authorization: String,
    port: u16,
}

/// What came back: the headers, how much data, and the trailers.
struct Answer {
    head: Response<()>,
    data: usize,
    trailers: HeaderMap,
}

impl Connection {
    async fn open(service: &Service, authorization: &str) -> Self {
        let port = service.host.port;
        let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let (requests, connection) = h2::client::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        Self { requests, authorization: authorization.to_owned(), port }
    }

    /// Begins a call.
    async fn begin(&self, path: &str) -> (h2::client::ResponseFuture, SendStream<Bytes>) {
        let request = Request::post(format!("http://127.0.0.1:{}{path}", self.port))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("authorization", &self.authorization);
        let mut requests = self.requests.clone().ready().await.unwrap();
        requests.send_request(request.body(()).unwrap(), false).unwrap()
    }

    /// Sends a body as it is, to its end.
    async fn send(&self, path: &str, body: impl Into<Bytes>) -> Answer {
        let (response, mut stream) = self.begin(path).await;
        stream.send_data(body.into(), true).unwrap();
        Answer::read(response).await
    }
}

impl Answer {
    async fn read(response: h2::client::ResponseFuture) -> Self {
        let (parts, mut body) = response.await.unwrap().into_parts();
        let mut data = 0;
        while let Some(chunk) = body.data().await {
            let chunk = chunk.unwrap();
            body.flow_control().release_capacity(chunk.len()).unwrap();
            data += chunk.len();
        }
        let trailers = body.trailers().await.unwrap().unwrap_or_default();
        Self { head: Response::from_parts(parts, ()), data, trailers }
    }

    #[track_caller]
    fn expect(&self, status: &str) {
        assert_eq!((self.head.status().as_u16(), self.data), (200, 0), "{:?}", self.trailers);
        assert!(!self.head.headers().contains_key("grpc-status"), "{:?}", self.head);
        assert_eq!(self.trailers["grpc-status"], status, "{:?}", self.trailers);
    }
}

/// A text field of protobuf, shorter than 128 bytes.
fn field(number: u8, value: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, u8::try_from(value.len()).unwrap()], value].concat()
}

/// A message that creates a user, in its frame.
fn user(name: &str) -> Vec<u8> {
    let email = format!("{name}@example.com");
    let user = [field(1, email.as_bytes()), field(2, name.as_bytes())].concat();
    let message = field(1, &user);
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0], &length[..], &message].concat()
}

async fn names(admin: &Client) -> Vec<String> {
    let page = admin.get("/api/v1/users?limit=200").await.expect(200).json();
    let items = page["items"].as_array().unwrap().clone();
    items.into_iter().map(|user| user["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn what_is_no_call_gets_a_status_in_trailers_and_changes_nothing() {
    let service = Service::start(&builder());
    let admin = service.admin().await;
    let connection = Connection::open(&service, &admin.header("authorization")).await;
    let before = names(&admin).await;
    let whole = user("new");
    let half = whole[..whole.len() - 2].to_vec();
    connection.send(CREATE, half.clone()).await.expect("3");
    connection.send(IMPORT, half).await.expect("3");
    connection.send(CREATE, vec![0, 0, 0, 0, 2, 0xff, 0xff]).await.expect("3");
    connection.send(CREATE, vec![0, 0xff, 0xff, 0xff, 0xff]).await.expect("8");
    connection.send(CREATE, Bytes::new()).await.expect("3");
    connection.send("/rollcall.v1.UserService/Nothing", whole.clone()).await.expect("12");
    for version in ["v1", "v1alpha"] {
        let path = format!("/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo");
        connection.send(&path, vec![2, 0, 0, 0, 3, 97, 98, 99]).await.expect("3");
    }
    let stranger = Connection::open(&service, "Bearer garbage").await;
    stranger.send(CREATE, whole).await.expect("16");
    assert_eq!(names(&admin).await, before);

    let body = json!({"user": {"email": "new@example.com", "name": "New"}});
    admin.post(CREATE, &body).await.expect(415);
    assert_eq!(names(&admin).await, before);
    assert_eq!(service.host.stderr(), "");
}

#[tokio::test]
async fn a_stream_that_stops_in_the_middle_leaves_whole_users_only() {
    let service = Service::start(&builder());
    let admin = service.admin().await;
    let connection = Connection::open(&service, &admin.header("authorization")).await;
    let (_response, mut stream) = connection.begin(IMPORT).await;
    let half = user("half");
    stream.send_data([user("one"), user("two")].concat().into(), false).unwrap();
    stream.send_data(half[..half.len() / 2].to_vec().into(), false).unwrap();
    // Both have been created when the third is waited for.
    while names(&admin).await.len() < 3 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    stream.send_reset(Reason::CANCEL);
    let log = service.log_with("UserService/ImportUsers").await;
    assert!(!log.contains("half"), "{log}");
    let after = Connection::open(&service, &admin.header("authorization")).await;
    let answer = after.send(CREATE, user("after")).await;
    assert_eq!(answer.trailers["grpc-status"], "0");
    let mut found = names(&admin).await;
    found.sort();
    assert_eq!(found, ["Ada Lovelace", "after", "one", "two"]);
    assert_eq!(service.host.stderr(), "");
}
