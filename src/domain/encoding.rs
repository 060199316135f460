//! Bytes as text, in constant time, because secrets pass through here too: RFC 4648
//! and no other form of the same bytes.

use std::marker::PhantomData;

use ct_codecs::{
    Base32NoPadding, Base64 as Padded, Base64NoPadding, Base64UrlSafeNoPadding, Decoder, Encoder,
    Hex,
};

/// Lower-case hexadecimal.
pub const HEX: Encoding<Hex> = Encoding(PhantomData);
/// Base64, with padding.
pub const BASE64: Encoding<Padded> = Encoding(PhantomData);
/// Base64 without padding.
pub const BASE64_NOPAD: Encoding<Base64NoPadding> = Encoding(PhantomData);
/// Base64 for addresses and file names, without padding.
pub const BASE64URL_NOPAD: Encoding<Base64UrlSafeNoPadding> = Encoding(PhantomData);
/// Base32 in upper case, without padding.
pub const BASE32_NOPAD: Encoding<Base32NoPadding> = Encoding(PhantomData);

/// One way to write bytes.
pub struct Encoding<C>(PhantomData<C>);

impl<C: Encoder + Decoder> Encoding<C> {
    /// Writes bytes.
    pub fn encode(&self, bytes: &[u8]) -> String {
        // It fails on what no memory holds.
        C::encode_to_string(bytes).unwrap_or_default()
    }

    /// Reads what [`Encoding::encode`] wrote, and nothing else.
    pub fn decode(&self, text: impl AsRef<[u8]>) -> Option<Vec<u8>> {
        C::decode_to_vec(text, None).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_as_rfc_4648_has_it_and_read_back() {
        let bytes = [0xfb, 0xff, 0x00, 0x7f];
        assert_eq!(HEX.encode(&bytes), "fbff007f");
        assert_eq!(BASE64.encode(&bytes), "+/8Afw==");
        assert_eq!(BASE64_NOPAD.encode(&bytes), "+/8Afw");
        assert_eq!(BASE64URL_NOPAD.encode(&bytes), "-_8Afw");
        assert_eq!(BASE32_NOPAD.encode(&bytes), "7P7QA7Y");
        assert_eq!(HEX.decode("fbff007f"), Some(bytes.to_vec()));
        assert_eq!(BASE64.decode("+/8Afw=="), Some(bytes.to_vec()));
        assert_eq!(BASE64_NOPAD.decode("+/8Afw"), Some(bytes.to_vec()));
        assert_eq!(BASE64URL_NOPAD.decode("-_8Afw"), Some(bytes.to_vec()));
        assert_eq!(BASE32_NOPAD.decode("7P7QA7Y"), Some(bytes.to_vec()));
    }

    #[test]
    fn no_other_text_is_read() {
        for text in ["-_8Afx", "-_8Afw==", "+/8Afw", "-_8Af", "-_8A fw", "-_8Afw\n"] {
            assert_eq!(BASE64URL_NOPAD.decode(text), None, "{text:?}");
        }
        for text in ["+/8Afw", "+/8Afx==", "+/8Afw=", "+/8Afw==="] {
            assert_eq!(BASE64.decode(text), None, "{text:?}");
        }
        for text in ["fbf", "fg", "0x"] {
            assert_eq!(HEX.decode(text), None, "{text:?}");
        }
        for text in ["7P7QA7Z", "7P7QA7Y=", "7p7qa71"] {
            assert_eq!(BASE32_NOPAD.decode(text), None, "{text:?}");
        }
    }
}
