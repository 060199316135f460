//! Prints the description of the API: `make openapi`.

fn main() -> serde_json::Result<()> {
    let document = rollcall::transport::http::openapi_document::document();
    println!("{}", serde_json::to_string_pretty(&document)?);
    Ok(())
}
