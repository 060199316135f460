//! The program, as somebody at a keyboard and a script use it, against the built
//! component.
//!
//! [`service`] starts a service that the tests share, [`script`] one that says what a
//! test tells it to, [`shell`] runs the program in a home of its own, [`commands`] has
//! the tests.

mod commands;
mod script;
mod service;
mod shell;
