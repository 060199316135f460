//! Access tokens: JWTs by RFC 9068 (`typ: at+jwt`), signed with a key of ours.
//!
//! Which algorithm checks a token is the key's word, never the token's.

use super::encoding::BASE64URL_NOPAD;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_simple::prelude::{
    Audiences, ECDSAP256KeyPairLike, ECDSAP256PublicKeyLike, ES256KeyPair, Ed25519KeyPair,
    EdDSAKeyPairLike, EdDSAPublicKeyLike, HeaderOptions, JWTClaims, UnixTimeStamp,
    VerificationOptions,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::id::{SessionId, UserId};
use super::secret::sha256;
use super::time::Timestamp;

/// The media type of the token, RFC 9068, 2.1.
pub(super) const TYPE: &str = "at+jwt";
/// No token of ours comes near; longer ones are not looked at.
pub(super) const MAX_BYTES: usize = 8 * 1024;

/// How tokens are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// Ed25519, RFC 8037.
    EdDsa,
    /// ECDSA over P-256 with SHA-256, RFC 7518.
    Es256,
}

impl Algorithm {
    /// The `alg` of RFC 7518 and 8037.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
        }
    }

    /// Reads an `alg` that this service signs with.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::EdDsa, Self::Es256].into_iter().find(|algorithm| algorithm.as_str() == text)
    }
}

/// What an access token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// Who issued it: `public_url`.
    pub issuer: String,
    /// Whom it is for.
    pub audience: String,
    /// Whose it is.
    pub user: UserId,
    /// In which session.
    pub session: SessionId,
    /// When it was issued, in whole seconds.
    pub issued_at: Timestamp,
    /// When it ends, in whole seconds.
    pub expires_at: Timestamp,
    /// Names the token.
    pub token_id: String,
    /// The user's roles when it was issued.
    pub roles: Vec<String>,
    /// The user's version when it was issued.
    pub version: i64,
    /// When the user last proved who they are, in whole seconds.
    pub authenticated_at: Timestamp,
    /// How: the `amr` of RFC 8176.
    pub methods: Vec<String>,
    /// How sure that makes us: the `acr` of OpenID Connect.
    pub assurance: String,
}

#[derive(Serialize, Deserialize)]
struct OwnClaims {
    sid: String,
    roles: Vec<String>,
    ver: i64,
    auth_time: i64,
    amr: Vec<String>,
    acr: String,
}

/// A key that signs access tokens.
pub struct SigningKey {
    kid: String,
    pair: KeyPair,
}

enum KeyPair {
    EdDsa(Ed25519KeyPair),
    Es256(ES256KeyPair),
}

impl SigningKey {
    /// A new key. The libraries draw it from the host's random source.
    pub fn generate(algorithm: Algorithm) -> Self {
        Self::with_kid(match algorithm {
            Algorithm::EdDsa => KeyPair::EdDsa(Ed25519KeyPair::generate()),
            Algorithm::Es256 => KeyPair::Es256(ES256KeyPair::generate()),
        })
    }

    /// From what [`SigningKey::to_bytes`] wrote.
    pub fn from_bytes(algorithm: Algorithm, bytes: &[u8]) -> Option<Self> {
        let pair = match algorithm {
            Algorithm::EdDsa => KeyPair::EdDsa(Ed25519KeyPair::from_bytes(bytes).ok()?),
            Algorithm::Es256 => KeyPair::Es256(ES256KeyPair::from_bytes(bytes).ok()?),
        };
        Some(Self::with_kid(pair))
    }

    /// The private key; to be encrypted before it is stored.
    pub fn to_bytes(&self) -> zeroize::Zeroizing<Vec<u8>> {
        zeroize::Zeroizing::new(match &self.pair {
            KeyPair::EdDsa(pair) => pair.to_bytes(),
            KeyPair::Es256(pair) => pair.to_bytes(),
        })
    }

    /// Names the key: its thumbprint, so that a key has one name wherever it is.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// What it signs with.
    pub fn algorithm(&self) -> Algorithm {
        match self.pair {
            KeyPair::EdDsa(_) => Algorithm::EdDsa,
            KeyPair::Es256(_) => Algorithm::Es256,
        }
    }

    /// The public key as a JWK (RFC 7517, RFC 8037).
    pub fn jwk(&self) -> Value {
        let mut jwk = public_jwk(&self.pair);
        if let Value::Object(members) = &mut jwk {
            members.insert("kid".to_owned(), json!(self.kid));
            members.insert("use".to_owned(), json!("sig"));
            members.insert("alg".to_owned(), json!(self.algorithm().as_str()));
        }
        jwk
    }

    /// Signs claims; `None` only if the library fails.
    pub fn sign(&self, claims: &Claims) -> Option<String> {
        let options = HeaderOptions { signature_type: Some(TYPE.to_owned()), content_type: None };
        let claims = to_library(claims);
        let token = match &self.pair {
            KeyPair::EdDsa(pair) => pair.sign_with_options(claims, &options),
            KeyPair::Es256(pair) => pair.sign_with_options(claims, &options),
        };
        token.ok()
    }

    /// Whether this key signed the token, which is of the right type, for this
    /// issuer and audience and has not expired.
    pub fn verify(&self, token: &str, issuer: &str, audience: &str, now: Timestamp) -> bool {
        let options = VerificationOptions {
            required_signature_type: Some(TYPE.to_owned()),
            required_key_id: Some(self.kid.clone()),
            allowed_issuers: Some([issuer.to_owned()].into()),
            allowed_audiences: Some([audience.to_owned()].into()),
            time_tolerance: None,
            max_token_length: Some(MAX_BYTES),
            artificial_time: Some(to_library_time(now)),
            ..VerificationOptions::default()
        };
        match &self.pair {
            KeyPair::EdDsa(pair) => {
                pair.public_key().verify_token::<OwnClaims>(token, Some(options)).is_ok()
            }
            KeyPair::Es256(pair) => {
                pair.public_key().verify_token::<OwnClaims>(token, Some(options)).is_ok()
            }
        }
    }

    fn with_kid(pair: KeyPair) -> Self {
        // RFC 7638: the hash of the required members in lexical order.
        let thumbprint = sha256(public_jwk(&pair).to_string().as_bytes());
        let kid = BASE64URL_NOPAD.encode(&thumbprint);
        let pair = match pair {
            KeyPair::EdDsa(pair) => KeyPair::EdDsa(pair.with_key_id(&kid)),
            KeyPair::Es256(pair) => KeyPair::Es256(pair.with_key_id(&kid)),
        };
        Self { kid, pair }
    }
}

fn public_jwk(pair: &KeyPair) -> Value {
    let encode = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
    match pair {
        KeyPair::EdDsa(pair) => {
            json!({"crv": "Ed25519", "kty": "OKP", "x": encode(&pair.public_key().to_bytes())})
        }
        KeyPair::Es256(pair) => {
            // SEC 1, 2.3.3: one byte of form, then both coordinates.
            let point = pair.public_key().public_key().to_bytes_uncompressed();
            let (x, y) = point.split_at_checked(33).unwrap_or_default();
            json!({"crv": "P-256", "kty": "EC", "x": encode(x.get(1..).unwrap_or_default()), "y": encode(y)})
        }
    }
}

/// Everything that a token says.
pub fn claims(token: &str) -> Option<Claims> {
    from_library(read_part(token.split('.').nth(1)?)?)
}

/// Reads the header or the payload, which are no secrets: they need not be decoded in
/// constant time, which takes ten times as long and is done for every request.
pub(super) fn read_part<T: serde::de::DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

fn to_library(claims: &Claims) -> JWTClaims<OwnClaims> {
    JWTClaims {
        issued_at: Some(to_library_time(claims.issued_at)),
        expires_at: Some(to_library_time(claims.expires_at)),
        invalid_before: None,
        issuer: Some(claims.issuer.clone()),
        subject: Some(claims.user.to_string()),
        audiences: Some(Audiences::AsString(claims.audience.clone())),
        jwt_id: Some(claims.token_id.clone()),
        nonce: None,
        custom: OwnClaims {
            sid: claims.session.to_string(),
            roles: claims.roles.clone(),
            ver: claims.version,
            auth_time: claims.authenticated_at.seconds(),
            amr: claims.methods.clone(),
            acr: claims.assurance.clone(),
        },
    }
}

fn from_library(claims: JWTClaims<OwnClaims>) -> Option<Claims> {
    let audience = match claims.audiences? {
        Audiences::AsString(audience) => audience,
        Audiences::AsSet(_) => return None,
    };
    Some(Claims {
        issuer: claims.issuer?,
        audience,
        user: UserId::parse(&claims.subject?).ok()?,
        session: SessionId::parse(&claims.custom.sid).ok()?,
        issued_at: from_library_time(claims.issued_at?),
        expires_at: from_library_time(claims.expires_at?),
        token_id: claims.jwt_id?,
        roles: claims.custom.roles,
        version: claims.custom.ver,
        authenticated_at: Timestamp::from_seconds(claims.custom.auth_time),
        methods: claims.custom.amr,
        assurance: claims.custom.acr,
    })
}

fn to_library_time(at: Timestamp) -> UnixTimeStamp {
    UnixTimeStamp::from_secs(u64::try_from(at.seconds()).unwrap_or(0))
}

fn from_library_time(at: UnixTimeStamp) -> Timestamp {
    Timestamp::from_seconds(i64::try_from(at.as_secs()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::presented_token;
    use std::time::Duration;

    const NOW: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

    fn claims() -> Claims {
        Claims {
            issuer: "https://id.example.com".to_owned(),
            audience: "https://id.example.com".to_owned(),
            user: UserId::from_bytes([1; 16]),
            session: SessionId::from_bytes([2; 16]),
            issued_at: NOW,
            expires_at: NOW.plus(Duration::from_secs(600)),
            token_id: "t1".to_owned(),
            roles: vec!["user".to_owned()],
            version: 7,
            authenticated_at: NOW,
            methods: vec!["pwd".to_owned()],
            assurance: "urn:rollcall:acr:1".to_owned(),
        }
    }

    fn verifies(key: &SigningKey, token: &str, now: Timestamp) -> bool {
        key.verify(token, "https://id.example.com", "https://id.example.com", now)
    }

    #[test]
    fn a_token_reads_back_and_verifies_with_its_key_until_it_expires() {
        for algorithm in [Algorithm::EdDsa, Algorithm::Es256] {
            let key = SigningKey::generate(algorithm);
            let token = key.sign(&claims()).unwrap();
            let presented = presented_token::read(&token, NOW).unwrap();
            assert_eq!((presented.kid.as_str(), presented.user), (key.kid(), claims().user));
            assert_eq!(super::claims(&token), Some(claims()));
            assert!(verifies(&key, &token, NOW));
            let restored = SigningKey::from_bytes(algorithm, &key.to_bytes()).unwrap();
            assert_eq!(restored.jwk(), key.jwk());
            assert!(verifies(&restored, &token, NOW));
            let end = NOW.plus(Duration::from_secs(600));
            assert!(presented_token::read(&token, end).is_none());
            assert!(!verifies(&key, &token, end.plus(Duration::from_secs(1))));
            assert!(!verifies(&SigningKey::generate(algorithm), &token, NOW));
            assert!(!key.verify(&token, "https://other.example", "https://id.example.com", NOW));
            assert!(!key.verify(&token, "https://id.example.com", "other", NOW));
        }
    }

    #[test]
    fn tokens_of_other_forms_are_not_read() {
        let key = SigningKey::generate(Algorithm::EdDsa);
        let token = key.sign(&claims()).unwrap();
        let (_, rest) = token.split_once('.').unwrap();
        let encoded = |header: Value| BASE64URL_NOPAD.encode(header.to_string().as_bytes());
        let with_header = |header: Value| format!("{}.{rest}", encoded(header));
        for forged in [
            with_header(json!({"alg": "none", "typ": "at+jwt", "kid": key.kid()})),
            with_header(json!({"alg": "HS256", "typ": "at+jwt", "kid": key.kid()})),
            with_header(json!({"alg": "EdDSA", "typ": "JWT", "kid": key.kid()})),
            with_header(json!({"alg": "EdDSA", "typ": "at+jwt"})),
            token.rsplit_once('.').unwrap().0.to_owned(),
            format!("{token}.x"),
            "a".repeat(MAX_BYTES + 1),
            String::new(),
        ] {
            assert!(presented_token::read(&forged, NOW).is_none(), "{forged}");
            assert!(!verifies(&key, &forged, NOW), "{forged}");
        }
    }

    /// RFC 8037, A.3: the thumbprint of its example key.
    #[test]
    fn the_key_id_is_the_thumbprint_of_rfc_7638() {
        let seed = BASE64URL_NOPAD.decode(b"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
        let public =
            BASE64URL_NOPAD.decode(b"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").unwrap();
        let key = SigningKey::from_bytes(Algorithm::EdDsa, &[seed, public].concat()).unwrap();
        assert_eq!(key.kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }
}
