//! `grpc.reflection.v1` and its predecessor `v1alpha`, over the descriptors that
//! the build made. The library's own implementation needs a runtime that the
//! component does not have.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use axum::body::Bytes;
use futures_util::stream::try_unfold;
use prost::Message;
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{
    ErrorResponse, ExtensionNumberResponse, FileDescriptorResponse, ListServiceResponse,
    ServerReflectionRequest, ServerReflectionResponse, ServiceResponse,
    server_reflection_server::ServerReflection,
};
use tonic_reflection::pb::{v1, v1alpha};

use super::call::{Answers, Call};
use super::descriptors::{Enumeration, File, Files, Type};
use super::layers::METHODS;
use super::pb;
use crate::embedded;

/// The service.
#[derive(Clone, Default)]
pub struct Reflection(Arc<OnceLock<Index>>);

#[tonic::async_trait]
impl ServerReflection for Reflection {
    type ServerReflectionInfoStream = Answers<ServerReflectionResponse>;

    async fn server_reflection_info(
        &self,
        request: Request<Streaming<ServerReflectionRequest>>,
    ) -> Result<Response<Self::ServerReflectionInfoStream>, Status> {
        let (call, requests) = Call::of(request)?;
        let begun = (self.clone(), call.clone(), requests);
        let answers = try_unfold(begun, async |(this, call, mut requests)| {
            let Some(request) = call.next(&mut requests).await? else { return Ok(None) };
            Ok(Some((this.index().answer(request), (this, call, requests))))
        });
        Ok(Response::new(call.answers(answers)))
    }
}

#[tonic::async_trait]
impl v1alpha::server_reflection_server::ServerReflection for Reflection {
    type ServerReflectionInfoStream = Answers<v1alpha::ServerReflectionResponse>;

    async fn server_reflection_info(
        &self,
        request: Request<Streaming<v1alpha::ServerReflectionRequest>>,
    ) -> Result<Response<Self::ServerReflectionInfoStream>, Status> {
        let (call, requests) = Call::of(request)?;
        let begun = (self.clone(), call.clone(), requests);
        let answers = try_unfold(begun, async |(this, call, mut requests)| {
            let Some(request) = call.next(&mut requests).await? else { return Ok(None) };
            let answer = same_fields(&this.index().answer(same_fields(&request)?))?;
            Ok(Some((answer, (this, call, requests))))
        });
        Ok(Response::new(call.answers(answers)))
    }
}

/// The two versions differ in their package alone.
fn same_fields<A: Message, B: Message + Default>(message: &A) -> Result<B, Status> {
    let decoded = B::decode(message.encode_to_vec().as_slice());
    decoded.map_err(|error| crate::error::Error::internal(error).into())
}

impl Reflection {
    fn index(&self) -> &Index {
        self.0.get_or_init(Index::new)
    }
}

/// Where everything that has a name is described.
#[derive(Default)]
struct Index {
    by_name: HashMap<String, Bytes>,
    by_symbol: HashMap<String, Bytes>,
    by_extension: HashMap<(String, i32), Bytes>,
}

impl Index {
    fn new() -> Self {
        let mut index = Self::default();
        // Made by the build; what could not be read has no name here.
        let own = embedded::read(pb::DESCRIPTORS).unwrap_or_default();
        for set in [
            own.as_slice(),
            tonic_health::pb::FILE_DESCRIPTOR_SET,
            v1::FILE_DESCRIPTOR_SET,
            v1alpha::FILE_DESCRIPTOR_SET,
        ] {
            for bytes in Files::decode(set).unwrap_or_default().files {
                if let Ok(file) = File::decode(bytes.clone()) {
                    index.add(&file, &bytes);
                }
            }
        }
        index
    }

    fn add(&mut self, file: &File, bytes: &Bytes) {
        let package = &file.package;
        self.by_name.insert(file.name.clone(), bytes.clone());
        for message in &file.messages {
            self.add_message(package, message, bytes);
        }
        for enumeration in &file.enums {
            self.add_enum(package, enumeration, bytes);
        }
        for service in &file.services {
            self.add_symbol(package, &service.name, bytes);
            let service_name = join(package, &service.name);
            for method in &service.methods {
                self.add_symbol(&service_name, &method.name, bytes);
            }
        }
        for extension in &file.extensions {
            self.add_symbol(package, &extension.name, bytes);
            let extended = extension.extends.trim_start_matches('.').to_owned();
            self.by_extension.insert((extended, extension.number), bytes.clone());
        }
    }

    fn add_message(&mut self, parent: &str, message: &Type, bytes: &Bytes) {
        let name = join(parent, &message.name);
        self.by_symbol.insert(name.clone(), bytes.clone());
        for nested in &message.messages {
            self.add_message(&name, nested, bytes);
        }
        for enumeration in &message.enums {
            self.add_enum(&name, enumeration, bytes);
        }
        for field in &message.fields {
            self.add_symbol(&name, &field.name, bytes);
        }
    }

    fn add_enum(&mut self, parent: &str, enumeration: &Enumeration, bytes: &Bytes) {
        for named in
            std::iter::once(&enumeration.name).chain(enumeration.values.iter().map(|v| &v.name))
        {
            self.add_symbol(parent, named, bytes);
        }
    }

    fn add_symbol(&mut self, parent: &str, name: &str, bytes: &Bytes) {
        self.by_symbol.insert(join(parent, name), bytes.clone());
    }

    fn answer(&self, request: ServerReflectionRequest) -> ServerReflectionResponse {
        let response = match &request.message_request {
            Some(MessageRequest::FileByFilename(name)) => file(self.by_name.get(name)),
            Some(MessageRequest::FileContainingSymbol(name)) => file(self.by_symbol.get(name)),
            Some(MessageRequest::FileContainingExtension(extension)) => {
                let key = (extension.containing_type.clone(), extension.extension_number);
                file(self.by_extension.get(&key))
            }
            Some(MessageRequest::AllExtensionNumbersOfType(name)) => self.extensions(name),
            Some(MessageRequest::ListServices(_)) => services(),
            None => refusal(Code::InvalidArgument, "The request asks for nothing."),
        };
        ServerReflectionResponse {
            valid_host: request.host.clone(),
            original_request: Some(request),
            message_response: Some(response),
        }
    }

    fn extensions(&self, name: &str) -> MessageResponse {
        if !self.by_symbol.contains_key(name) {
            return not_found();
        }
        let of_type = self.by_extension.keys().filter(|(extended, _)| extended == name);
        let mut extension_number: Vec<_> = of_type.map(|(_, number)| *number).collect();
        extension_number.sort_unstable();
        let base_type_name = name.to_owned();
        let numbers = ExtensionNumberResponse { base_type_name, extension_number };
        MessageResponse::AllExtensionNumbersResponse(numbers)
    }
}

fn services() -> MessageResponse {
    let mut names: Vec<_> =
        METHODS.iter().filter_map(|(path, ..)| path.split('/').nth(1)).collect();
    names.dedup();
    let service = names.into_iter().map(|name| ServiceResponse { name: name.to_owned() });
    MessageResponse::ListServicesResponse(ListServiceResponse { service: service.collect() })
}

fn file(found: Option<&Bytes>) -> MessageResponse {
    let Some(file) = found else { return not_found() };
    let file_descriptor_proto = vec![file.to_vec()];
    MessageResponse::FileDescriptorResponse(FileDescriptorResponse { file_descriptor_proto })
}

fn not_found() -> MessageResponse {
    refusal(Code::NotFound, "There is nothing of this name.")
}

fn refusal(code: Code, message: &str) -> MessageResponse {
    let error = ErrorResponse { error_code: code.into(), error_message: message.to_owned() };
    MessageResponse::ErrorResponse(error)
}

fn join(parent: &str, name: &str) -> String {
    if parent.is_empty() { name.to_owned() } else { format!("{parent}.{name}") }
}
