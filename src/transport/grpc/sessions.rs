//! `rollcall.v1.SessionService`.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::call::Call;
use super::fields::{self, Fields, session_id, user_id};
use super::pb::session_service_server::SessionService;
use super::{pb, view};
use crate::app::App;
use crate::domain::email::Email;
use crate::domain::factor::Code;
use crate::domain::password::Password;
use crate::domain::session::Device;
use crate::error::Result;
use crate::service::{second_factor, sessions, sign_in};

/// Where REST has the own list; a cursor is good here and there.
const LIST: &str = "/api/v1/sessions";

/// The service.
pub struct Sessions(pub Arc<App>);

#[tonic::async_trait]
impl SessionService for Sessions {
    async fn sign_in(
        &self,
        request: Request<pb::SignInRequest>,
    ) -> Result<Response<pb::SignInResponse>, Status> {
        let (call, message) = Call::of(request)?;
        let mut fields = Fields::default();
        let email = fields.required("email", &message.email, Email::parse);
        let password = fields.required("password", &message.password, Password::given);
        let device = fields.optional("device", message.device.as_deref(), Device::parse);
        let (email, password) = fields.finish(|| Some((email?, password?)))?;
        let admission = sign_in::sign_in(&self.0, &call.cx, &email, password, device).await?;
        Ok(Response::new(view::admission(&admission)))
    }

    async fn sign_in_with_second_factor(
        &self,
        request: Request<pb::SignInWithSecondFactorRequest>,
    ) -> Result<Response<pb::SignInWithSecondFactorResponse>, Status> {
        let (call, message) = Call::of(request)?;
        let mut fields = Fields::default();
        let token = fields.required("token", &message.token, |text| Ok(text.to_owned()));
        let code = fields.required("code", &message.code, Code::parse);
        let (token, code) = fields.finish(|| Some((token?, code?)))?;
        let signed_in = second_factor::complete(&self.0, &call.cx, &token, &code).await?;
        let signed_in = Some(view::signed_in(&signed_in));
        Ok(Response::new(pb::SignInWithSecondFactorResponse { signed_in }))
    }

    async fn refresh_session(
        &self,
        request: Request<pb::RefreshSessionRequest>,
    ) -> Result<Response<pb::RefreshSessionResponse>, Status> {
        let (call, message) = Call::of(request)?;
        let mut fields = Fields::default();
        let given = &message.refresh_token;
        let token = fields.required("refresh_token", given, |text| Ok(text.to_owned()));
        let token = fields.finish(|| token)?;
        let signed_in = sessions::refresh(&self.0, &call.cx, &token).await?;
        let signed_in = Some(view::signed_in(&signed_in));
        Ok(Response::new(pb::RefreshSessionResponse { signed_in }))
    }

    async fn sign_out(
        &self,
        request: Request<pb::SignOutRequest>,
    ) -> Result<Response<pb::SignOutResponse>, Status> {
        let (call, _) = Call::of(request)?;
        sessions::sign_out(&self.0, &call.cx).await?;
        Ok(Response::new(pb::SignOutResponse {}))
    }

    async fn list_sessions(
        &self,
        request: Request<pb::ListSessionsRequest>,
    ) -> Result<Response<pb::ListSessionsResponse>, Status> {
        let (call, message) = Call::of(request)?;
        let page = fields::page(&self.0, LIST, message.limit, &message.cursor)?;
        let list = sessions::list(&self.0, &call.cx, &page).await?;
        let next_cursor = view::next_cursor(&self.0.config.secret_key, LIST, &list.page);
        let items = view::sessions(&list);
        Ok(Response::new(pb::ListSessionsResponse { items, next_cursor }))
    }

    async fn end_session(
        &self,
        request: Request<pb::EndSessionRequest>,
    ) -> Result<Response<pb::EndSessionResponse>, Status> {
        let (call, message) = Call::of(request)?;
        sessions::end(&self.0, &call.cx, session_id(&message.id)?).await?;
        Ok(Response::new(pb::EndSessionResponse {}))
    }

    async fn end_other_sessions(
        &self,
        request: Request<pb::EndOtherSessionsRequest>,
    ) -> Result<Response<pb::EndOtherSessionsResponse>, Status> {
        let (call, _) = Call::of(request)?;
        sessions::end_others(&self.0, &call.cx).await?;
        Ok(Response::new(pb::EndOtherSessionsResponse {}))
    }

    async fn list_user_sessions(
        &self,
        request: Request<pb::ListUserSessionsRequest>,
    ) -> Result<Response<pb::ListUserSessionsResponse>, Status> {
        let (call, message) = Call::of(request)?;
        let user = user_id(&message.user_id)?;
        let path = format!("/api/v1/users/{user}/sessions");
        let page = fields::page(&self.0, &path, message.limit, &message.cursor)?;
        let list = sessions::list_of(&self.0, &call.cx, user, &page).await?;
        let next_cursor = view::next_cursor(&self.0.config.secret_key, &path, &list.page);
        let items = view::sessions(&list);
        Ok(Response::new(pb::ListUserSessionsResponse { items, next_cursor }))
    }

    async fn end_user_sessions(
        &self,
        request: Request<pb::EndUserSessionsRequest>,
    ) -> Result<Response<pb::EndUserSessionsResponse>, Status> {
        let (call, message) = Call::of(request)?;
        sessions::end_all_of(&self.0, &call.cx, user_id(&message.user_id)?).await?;
        Ok(Response::new(pb::EndUserSessionsResponse {}))
    }
}
