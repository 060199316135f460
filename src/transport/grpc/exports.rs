//! Every user, as a stream: page by page, so that memory stays bounded, and no
//! page before the client has taken the one before it.

use std::collections::VecDeque;

use futures_util::stream::try_unfold;
use tonic::Status;

use super::call::{Answers, Call};
use super::{fields, finding, pb, view};
use crate::domain::page;
use crate::domain::user::DirectoryEntry;
use crate::error::Result;
use crate::service;

struct Export {
    call: Call,
    export: service::exports::Export,
    path: String,
    read: VecDeque<DirectoryEntry>,
}

/// Begins at a cursor, or with the first user. What is not allowed is said before
/// the stream begins.
pub async fn begin(
    call: Call,
    message: &pb::ExportUsersRequest,
) -> Result<Answers<pb::ExportUsersResponse>> {
    let (query, path) = finding::asked(&message.filter, "")?;
    let after = fields::page(&call.app, &path, 0, &message.cursor)?.after;
    let export = service::exports::Export::begin(&call.app, &call.cx, query, after).await?;
    let export = Export { call: call.clone(), export, path, read: VecDeque::new() };
    let stream = try_unfold(export, |mut export| async move {
        let entry = export.entry().await?;
        Ok::<_, Status>(entry.map(|entry| (export.answer(&entry), export)))
    });
    Ok(call.answers(stream))
}

impl Export {
    async fn entry(&mut self) -> Result<Option<DirectoryEntry>> {
        if self.read.is_empty() {
            let page = self.export.read(&self.call.app, &self.call.cx).await?;
            self.read.extend(page.into_iter().flatten());
        }
        Ok(self.read.pop_front())
    }

    fn answer(&self, entry: &DirectoryEntry) -> pb::ExportUsersResponse {
        let secret = &self.call.app.config.secret_key;
        let cursor = page::write_cursor(secret, &self.path, &entry.user.id.to_string());
        pb::ExportUsersResponse { user: Some(view::entry(entry)), cursor }
    }
}
