//! Lists, page by page.

use std::marker::PhantomData;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::error::Result;

/// The most items of a page.
pub const LARGEST_PAGE: u32 = 200;

/// Some items of a list, and where the next ones are.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Page<T> {
    /// In the order of the list.
    pub items: Vec<T>,
    /// Gets the next page; none on the last one.
    pub next_cursor: Option<String>,
}

/// A list that is asked for page by page.
pub struct Pages<'a, T> {
    call: Box<dyn Fn() -> Call<'a> + Send + 'a>,
    limit: u32,
    position: Position,
    items: PhantomData<fn() -> T>,
}

enum Position {
    Start,
    After(String),
    End,
}

impl<'a, T: DeserializeOwned> Pages<'a, T> {
    pub(crate) fn new(call: impl Fn() -> Call<'a> + Send + 'a) -> Self {
        let (limit, position) = (LARGEST_PAGE, Position::Start);
        Self { call: Box::new(call), limit, position, items: PhantomData }
    }

    /// At most so many items a page, 1 to 200; 200 unless given.
    #[must_use]
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = limit.clamp(1, LARGEST_PAGE);
        self
    }

    /// The next page; none behind the last one.
    ///
    /// # Errors
    ///
    /// As every call. The same page can be asked for again.
    pub async fn next(&mut self) -> Result<Option<Vec<T>>> {
        let cursor = match &self.position {
            Position::Start => None,
            Position::After(cursor) => Some(cursor.as_str()),
            Position::End => return Ok(None),
        };
        let call = (self.call)().query("limit", Some(self.limit.to_string()));
        let page: Page<T> = call.query("cursor", cursor).receive().await?;
        self.position = page.next_cursor.map_or(Position::End, Position::After);
        Ok(Some(page.items))
    }

    /// Whether there is another page.
    pub fn has_next(&self) -> bool {
        !matches!(self.position, Position::End)
    }

    /// Everything that is left.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn all(mut self) -> Result<Vec<T>> {
        let mut all = Vec::new();
        while let Some(items) = self.next().await? {
            all.extend(items);
        }
        Ok(all)
    }
}
