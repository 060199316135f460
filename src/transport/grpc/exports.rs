//! Every user, as a stream: page by page, so that memory stays bounded, and no
//! page before the client has taken the one before it.

use std::collections::VecDeque;

use futures_util::stream::try_unfold;
use tonic::Status;

use super::call::{Answers, Call};
use super::{fields, finding, pb, view};
use crate::domain::finding::{Sort, UserQuery};
use crate::domain::page::{self, PageRequest};
use crate::domain::user::DirectoryEntry;
use crate::error::Result;
use crate::service;

/// How many users are read at once.
const PAGE: i32 = 200;

struct Export {
    call: Call,
    query: UserQuery,
    path: String,
    read: VecDeque<DirectoryEntry>,
    next: Option<PageRequest>,
}

/// Begins at a cursor, or with the first user. What is not allowed is said before
/// the stream begins.
pub async fn begin(
    call: Call,
    message: &pb::ExportUsersRequest,
) -> Result<Answers<pb::ExportUsersResponse>> {
    let (query, path) = finding::asked(&message.filter, "")?;
    // In the order in which users were created, which no change of theirs changes.
    let query = UserQuery { sort: Some(Sort::ID), ..query };
    let next = Some(fields::page(&call.app, &path, PAGE, &message.cursor)?);
    let mut export = Export { call: call.clone(), query, path, read: VecDeque::new(), next };
    export.read_page().await?;
    let stream = try_unfold(export, |mut export| async move {
        let entry = export.entry().await?;
        Ok::<_, Status>(entry.map(|entry| (export.answer(&entry), export)))
    });
    Ok(call.answers(stream))
}

impl Export {
    async fn entry(&mut self) -> Result<Option<DirectoryEntry>> {
        // A page may be empty, and another one behind it all the same.
        while self.read.is_empty() && self.next.is_some() {
            self.read_page().await?;
        }
        Ok(self.read.pop_front())
    }

    /// Reads the next page, if there is one. Each asks anew whether the caller may.
    async fn read_page(&mut self) -> Result<()> {
        let Some(request) = self.next.take() else { return Ok(()) };
        let page = service::finding::list(&self.call.app, &self.call.cx, &self.query, &request);
        let page = page.await?;
        self.next = page.next.map(|key| PageRequest { after: Some(key), ..request });
        self.read.extend(page.items);
        Ok(())
    }

    fn answer(&self, entry: &DirectoryEntry) -> pb::ExportUsersResponse {
        let secret = &self.call.app.config.secret_key;
        let cursor = page::write_cursor(secret, &self.path, &entry.user.id.to_string());
        pb::ExportUsersResponse { user: Some(view::entry(entry)), cursor }
    }
}
