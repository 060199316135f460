//! The edges: parse, call one service function, render.

pub mod http;
