//! rollcall-bench-hello
