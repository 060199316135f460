//! What metadata may be.

use super::Reader;
use crate::domain::schema::Schema;

/// A schema for each kind of metadata; `None` allows every object.
pub struct MetadataSchemas {
    /// Of what the user sees.
    pub metadata: Option<Schema>,
    /// Of what is kept from the user.
    pub private_metadata: Option<Schema>,
    /// Of what the user writes.
    pub own_metadata: Option<Schema>,
}

impl Reader {
    /// Reads the settings about metadata.
    pub(super) fn schemas(&mut self) -> Option<MetadataSchemas> {
        let metadata = self.schema("metadata_schema");
        let private_metadata = self.schema("private_metadata_schema");
        let own_metadata = self.schema("own_metadata_schema");
        Some(MetadataSchemas {
            metadata: metadata?,
            private_metadata: private_metadata?,
            own_metadata: own_metadata?,
        })
    }

    fn schema(&mut self, name: &'static str) -> Option<Option<Schema>> {
        let text = self.value(name, "must be text", |text| Some(text.to_owned()))?;
        if text.is_empty() {
            return Some(None);
        }
        // What is wrong with a schema is told in its own words; it holds no secrets.
        match Schema::parse(&text) {
            Ok(schema) => Some(Some(schema)),
            Err(reason) => {
                self.errors.push(format!("{name} {reason}"));
                None
            }
        }
    }
}
