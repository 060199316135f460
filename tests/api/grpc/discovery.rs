//! Health and reflection, as standard tools ask for them.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, stream};
use prost::Message;
use prost_reflect::DescriptorPool;
use prost_types::FileDescriptorProto;
use rollcall::store::database::DatabaseError;
use rollcall::transport::grpc::layers::METHODS;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{ExtensionRequest, ServerReflectionRequest};
use tonic_reflection::pb::v1alpha;

use crate::support::TestApp;

async fn ask(app: &TestApp, requests: Vec<MessageRequest>) -> Vec<MessageResponse> {
    let requests = requests.into_iter().map(|request| ServerReflectionRequest {
        host: String::new(),
        message_request: Some(request),
    });
    let mut client = ServerReflectionClient::new(app.anon().channel());
    let answers = client.server_reflection_info(stream::iter(requests)).await.unwrap();
    answers.into_inner().map(|answer| answer.unwrap().message_response.unwrap()).collect().await
}

fn files(answer: MessageResponse) -> Vec<FileDescriptorProto> {
    let MessageResponse::FileDescriptorResponse(files) = answer else { panic!("{answer:?}") };
    let decode = |bytes: &Vec<u8>| FileDescriptorProto::decode(bytes.as_slice()).unwrap();
    files.file_descriptor_proto.iter().map(decode).collect()
}

/// Gets a symbol as tools do: its file, and then the files that this one names.
async fn resolve(app: &TestApp, symbol: &str) -> BTreeMap<String, FileDescriptorProto> {
    let mut found = BTreeMap::new();
    let mut wanted = vec![MessageRequest::FileContainingSymbol(symbol.to_owned())];
    while !wanted.is_empty() {
        let answers = ask(app, std::mem::take(&mut wanted)).await;
        for file in answers.into_iter().flat_map(files) {
            let new = file.dependency.iter().filter(|name| !found.contains_key(*name));
            wanted.extend(new.cloned().map(MessageRequest::FileByFilename));
            found.insert(file.name().to_owned(), file);
        }
    }
    found
}

#[tokio::test]
async fn every_service_is_listed_and_described_whole() {
    let app = TestApp::new().await;
    let answer = ask(&app, vec![MessageRequest::ListServices(String::new())]).await.remove(0);
    let MessageResponse::ListServicesResponse(list) = answer else { panic!("{answer:?}") };
    let names: BTreeSet<_> = list.service.iter().map(|service| service.name.as_str()).collect();
    let expected: BTreeSet<_> =
        METHODS.iter().map(|(path, ..)| path.split('/').nth(1).unwrap()).collect();
    assert_eq!(names, expected);
    for name in names {
        let files = resolve(&app, name).await;
        let mut pool = DescriptorPool::new();
        pool.add_file_descriptor_protos(files.into_values()).unwrap();
        assert!(pool.get_service_by_name(name).is_some(), "{name}");
    }
}

#[tokio::test]
async fn annotations_are_there_too() {
    let app = TestApp::new().await;
    let of_type = "google.protobuf.MethodOptions".to_owned();
    let extension =
        ExtensionRequest { containing_type: of_type.clone(), extension_number: 72_295_728 };
    let mut answers = ask(
        &app,
        vec![
            MessageRequest::FileContainingExtension(extension),
            MessageRequest::AllExtensionNumbersOfType(of_type.clone()),
            MessageRequest::FileContainingSymbol("rollcall.v1.UserService.GetUser".to_owned()),
        ],
    )
    .await;
    let MessageResponse::FileDescriptorResponse(raw) = answers.pop().unwrap() else { panic!() };
    let raw = &raw.file_descriptor_proto[0];
    let route = b"/api/v1/users/{id}/suspend";
    assert!(raw.windows(route.len()).any(|window| window == route), "the route was dropped");
    let MessageResponse::AllExtensionNumbersResponse(numbers) = answers.pop().unwrap() else {
        panic!()
    };
    assert_eq!(numbers.extension_number, [72_295_728]);
    assert_eq!(files(answers.pop().unwrap())[0].name(), "google/api/annotations.proto");
}

#[tokio::test]
async fn what_else_has_a_name_is_found_by_it() {
    let app = TestApp::new().await;
    for (symbol, expected) in [
        ("google.rpc.BadRequest", "google/rpc/error_details.proto"),
        ("google.rpc.Status", "google/rpc/status.proto"),
        ("grpc.health.v1.HealthCheckResponse.ServingStatus", "health.proto"),
        ("grpc.health.v1.HealthCheckResponse.SERVING", "health.proto"),
        ("rollcall.v1.User.email", "rollcall/v1/user.proto"),
    ] {
        let files = resolve(&app, symbol).await;
        assert!(files.contains_key(expected), "{symbol}: {:?}", files.keys());
        let mut pool = DescriptorPool::new();
        pool.add_file_descriptor_protos(files.into_values()).unwrap();
    }
}

#[tokio::test]
async fn who_asks_for_nothing_is_not_waited_for() {
    let app = TestApp::new().await;
    app.timer.run_out();
    let channel = app.anon().channel();
    let mut client = ServerReflectionClient::new(channel.clone());
    let answers = client.server_reflection_info(stream::pending()).await.unwrap();
    let status = answers.into_inner().next().await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    let mut older = v1alpha::server_reflection_client::ServerReflectionClient::new(channel);
    let answers = older.server_reflection_info(stream::pending()).await.unwrap();
    let status = answers.into_inner().next().await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn what_there_is_not_is_told() {
    let app = TestApp::new().await;
    let nothing = "nothing".to_owned();
    let extension = ExtensionRequest { containing_type: nothing.clone(), extension_number: 1 };
    let answers = ask(
        &app,
        vec![
            MessageRequest::FileByFilename(nothing.clone()),
            MessageRequest::FileContainingSymbol(nothing.clone()),
            MessageRequest::FileContainingExtension(extension),
            MessageRequest::AllExtensionNumbersOfType(nothing),
        ],
    )
    .await;
    assert_eq!(answers.len(), 4);
    for answer in answers {
        let MessageResponse::ErrorResponse(error) = answer else { panic!("{answer:?}") };
        assert_eq!(Code::from(error.error_code), Code::NotFound);
    }
}

#[tokio::test]
async fn older_tools_are_answered_too() {
    let app = TestApp::new().await;
    let request = v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(v1alpha::server_reflection_request::MessageRequest::ListServices(
            String::new(),
        )),
    };
    let channel = app.anon().channel();
    let mut client = v1alpha::server_reflection_client::ServerReflectionClient::new(channel);
    let answers = client.server_reflection_info(stream::iter([request])).await.unwrap();
    let answers: Vec<_> = answers.into_inner().collect().await;
    let [Ok(answer)] = answers.as_slice() else { panic!("{answers:?}") };
    let Some(v1alpha::server_reflection_response::MessageResponse::ListServicesResponse(list)) =
        &answer.message_response
    else {
        panic!("{answer:?}")
    };
    assert_eq!(list.service.len(), 6);
}

#[tokio::test]
async fn health_is_what_readiness_is() {
    let app = TestApp::new().await;
    let check = |service: &str| {
        let request = HealthCheckRequest { service: service.to_owned() };
        let mut client = HealthClient::new(app.anon().channel());
        async move { client.check(request).await.map(|answer| answer.into_inner().status()) }
    };
    for service in ["", "rollcall.v1.UserService", "grpc.health.v1.Health"] {
        assert_eq!(check(service).await.unwrap(), ServingStatus::Serving);
    }
    assert_eq!(check("nothing").await.unwrap_err().code(), Code::NotFound);
    app.database.fail(DatabaseError::Unavailable("gone".to_owned()));
    assert_eq!(check("").await.unwrap(), ServingStatus::NotServing);
}

#[tokio::test]
async fn health_is_followed() {
    let app = TestApp::new().await;
    let mut client = HealthClient::new(app.anon().channel());
    let request = HealthCheckRequest { service: String::new() };
    let mut stream = client.watch(request).await.unwrap().into_inner();
    assert_eq!(stream.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    app.database.fail(DatabaseError::Unavailable("gone".to_owned()));
    let next = app.timer.running(stream.message()).await.unwrap().unwrap();
    assert_eq!(next.status(), ServingStatus::NotServing);
    let unknown = HealthCheckRequest { service: "nothing".to_owned() };
    let mut stream = client.watch(unknown).await.unwrap().into_inner();
    assert_eq!(stream.message().await.unwrap().unwrap().status(), ServingStatus::ServiceUnknown);
}
