//! The program, as somebody at a keyboard and a script use it, against the built
//! component.
//!
//! [`service`] starts a service that the tests share, [`shell`] runs the program in a
//! home of its own, [`commands`] has the tests.

mod commands;
mod service;
mod shell;
