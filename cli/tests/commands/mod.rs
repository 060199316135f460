//! What the commands do.

mod bulk;
mod directory;
mod drafts;
mod files;
mod operations;
mod outages;
mod output;
mod sessions;
mod sign_in;
mod terminal;
mod trail;
