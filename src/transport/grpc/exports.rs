//! Every user, as a stream: page by page, so that memory stays bounded, and no
//! page before the client has taken the one before it.

use std::collections::VecDeque;

use futures_util::stream::try_unfold;
use tonic::Status;

use super::call::{Answers, Call};
use super::fields;
use super::users::LIST;
use super::{pb, view};
use crate::domain::page::{self, PageRequest};
use crate::domain::user::DirectoryEntry;
use crate::error::Result;
use crate::service::users;

/// How many users are read at once.
const PAGE: i32 = 200;

struct Export {
    call: Call,
    read: VecDeque<DirectoryEntry>,
    next: Option<PageRequest>,
}

/// Begins at a cursor, or with the first user. What is not allowed is said before
/// the stream begins.
pub async fn begin(call: Call, cursor: &str) -> Result<Answers<pb::ExportUsersResponse>> {
    let first = fields::page(&call.app, LIST, PAGE, cursor)?;
    let mut export = Export { call: call.clone(), read: VecDeque::new(), next: Some(first) };
    export.read_page().await?;
    let stream = try_unfold(export, |mut export| async move {
        let entry = export.entry().await?;
        Ok::<_, Status>(entry.map(|entry| (export.answer(&entry), export)))
    });
    Ok(call.answers(stream))
}

impl Export {
    async fn entry(&mut self) -> Result<Option<DirectoryEntry>> {
        if self.read.is_empty() {
            self.read_page().await?;
        }
        Ok(self.read.pop_front())
    }

    /// Reads the next page, if there is one. Each asks anew whether the caller may.
    async fn read_page(&mut self) -> Result<()> {
        let Some(request) = self.next.take() else { return Ok(()) };
        let page = users::list(&self.call.app, &self.call.cx, &request).await?;
        self.next = page.next.map(|key| PageRequest { after: Some(key), ..request });
        self.read.extend(page.items);
        Ok(())
    }

    fn answer(&self, entry: &DirectoryEntry) -> pb::ExportUsersResponse {
        let secret = &self.call.app.config.secret_key;
        let cursor = page::write_cursor(secret, LIST, &entry.user.id.to_string());
        pb::ExportUsersResponse { user: Some(view::entry(entry)), cursor }
    }
}
