//! `rollcall.v1.TokenService`.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::call::Call;
use super::pb::token_service_server::TokenService;
use super::{pb, view};
use crate::app::App;
use crate::domain::access_token::Claims;
use crate::error::Result;
use crate::service::tokens::{self, Active};

/// The service.
pub struct Tokens(pub Arc<App>);

#[tonic::async_trait]
impl TokenService for Tokens {
    async fn verify_token(
        &self,
        request: Request<pb::VerifyTokenRequest>,
    ) -> Result<Response<pb::VerifyTokenResponse>, Status> {
        let (_, message) = Call::of(request)?;
        let claims = tokens::verify(&self.0, &message.token).await?;
        let valid = claims.is_some();
        let claims = claims.map(to_claims);
        Ok(Response::new(pb::VerifyTokenResponse { valid, claims }))
    }

    async fn introspect_token(
        &self,
        request: Request<pb::IntrospectTokenRequest>,
    ) -> Result<Response<pb::IntrospectTokenResponse>, Status> {
        let (call, message) = Call::of(request)?;
        let found = tokens::introspect(&self.0, &call.cx, &message.token).await?;
        Ok(Response::new(found.map(to_introspection).unwrap_or_default()))
    }
}

fn to_claims(claims: Claims) -> pb::TokenClaims {
    pb::TokenClaims {
        issuer: claims.issuer,
        audience: claims.audience,
        subject: claims.user.to_string(),
        session_id: claims.session.to_string(),
        token_id: claims.token_id,
        issued_at: Some(view::time(claims.issued_at)),
        expires_at: Some(view::time(claims.expires_at)),
        authenticated_at: Some(view::time(claims.authenticated_at)),
        roles: claims.roles,
        methods: claims.methods,
    }
}

fn to_introspection(active: Active) -> pb::IntrospectTokenResponse {
    pb::IntrospectTokenResponse {
        active: true,
        subject: active.subject.to_string(),
        session_id: active.session.map(|id| id.to_string()).unwrap_or_default(),
        roles: active.roles.iter().map(ToString::to_string).collect(),
        permissions: active.permissions.iter().map(ToString::to_string).collect(),
        expires_at: active.expires_at.map(view::time),
    }
}
