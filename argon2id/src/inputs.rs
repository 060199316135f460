use zeroize::Zeroizing;

use crate::{Error, Params, Variant, blake2b};

/// The version of Argon2 that RFC 9106 describes.
const VERSION: u32 = 0x13;

/// What is hashed. Nothing of it may have more than 2^32 - 1 bytes.
#[derive(Clone, Copy, Default)]
pub struct Inputs<'a> {
    /// The password.
    pub password: &'a [u8],
    /// The salt, at least 8 bytes, another one for every password.
    pub salt: &'a [u8],
    /// A key that is kept elsewhere than the hash (a pepper), or nothing.
    pub secret: &'a [u8],
    /// What else the hash is to depend on, or nothing.
    pub associated_data: &'a [u8],
}

impl Inputs<'_> {
    /// H0 of RFC 9106 section 3.2: the hash of all that is asked for.
    pub(crate) fn seed(
        &self,
        variant: Variant,
        params: Params,
        output_length: usize,
    ) -> Result<Box<Zeroizing<[u8; blake2b::LONGEST]>>, Error> {
        let output_length = match u32::try_from(output_length) {
            Ok(length @ 4..) => length,
            _ => return Err(Error::OutputLengthOutOfRange),
        };
        if self.salt.len() < 8 {
            return Err(Error::SaltTooShort);
        }
        let mut seed = Box::new(Zeroizing::new([0; blake2b::LONGEST]));
        blake2b::hash(
            &[
                &params.lanes().to_le_bytes(),
                &output_length.to_le_bytes(),
                &params.memory_kib().to_le_bytes(),
                &params.passes().to_le_bytes(),
                &VERSION.to_le_bytes(),
                &variant.number().to_le_bytes(),
                &length(self.password)?,
                self.password,
                &length(self.salt)?,
                self.salt,
                &length(self.secret)?,
                self.secret,
                &length(self.associated_data)?,
                self.associated_data,
            ],
            &mut **seed,
        );
        Ok(seed)
    }
}

fn length(input: &[u8]) -> Result<[u8; 4], Error> {
    match u32::try_from(input.len()) {
        Ok(length) => Ok(length.to_le_bytes()),
        Err(_) => Err(Error::InputTooLong),
    }
}
