//! Rollcall: the user API for the edge.
