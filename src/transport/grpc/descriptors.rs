//! `descriptor.proto`, as far as reflection reads it: where what is described. The
//! whole of it, as prost has it, would be much code for the names alone.

use axum::body::Bytes;
use prost::Message;

/// A `FileDescriptorSet` of which the files are kept as they were written: types
/// without the annotations would drop them.
#[derive(Clone, PartialEq, Message)]
pub struct Files {
    /// Each a [`File`].
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub files: Vec<Bytes>,
}

/// A `FileDescriptorProto`.
#[derive(Clone, PartialEq, Message)]
pub struct File {
    /// Its path.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its package.
    #[prost(string, tag = "2")]
    pub package: String,
    /// Its messages.
    #[prost(message, repeated, tag = "4")]
    pub messages: Vec<Type>,
    /// Its enums.
    #[prost(message, repeated, tag = "5")]
    pub enums: Vec<Enumeration>,
    /// Its services.
    #[prost(message, repeated, tag = "6")]
    pub services: Vec<Service>,
    /// Its extensions.
    #[prost(message, repeated, tag = "7")]
    pub extensions: Vec<Extension>,
}

/// A `DescriptorProto`.
#[derive(Clone, PartialEq, Message)]
pub struct Type {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its fields.
    #[prost(message, repeated, tag = "2")]
    pub fields: Vec<Named>,
    /// The messages in it.
    #[prost(message, repeated, tag = "3")]
    pub messages: Vec<Type>,
    /// The enums in it.
    #[prost(message, repeated, tag = "4")]
    pub enums: Vec<Enumeration>,
}

/// An `EnumDescriptorProto`.
#[derive(Clone, PartialEq, Message)]
pub struct Enumeration {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its values, which are named beside it and not in it.
    #[prost(message, repeated, tag = "2")]
    pub values: Vec<Named>,
}

/// A `ServiceDescriptorProto`.
#[derive(Clone, PartialEq, Message)]
pub struct Service {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its methods.
    #[prost(message, repeated, tag = "2")]
    pub methods: Vec<Named>,
}

/// A `FieldDescriptorProto` of an extension.
#[derive(Clone, PartialEq, Message)]
pub struct Extension {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// What it extends, behind a dot.
    #[prost(string, tag = "2")]
    pub extends: String,
    /// Its number.
    #[prost(int32, tag = "3")]
    pub number: i32,
}

/// What else has a name.
#[derive(Clone, PartialEq, Message)]
pub struct Named {
    /// The name.
    #[prost(string, tag = "1")]
    pub name: String,
}
