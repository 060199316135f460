-- What was answered to requests with an Idempotency-Key, for who asks again.

-- The id is an HMAC of caller, route and key, the fingerprint one of the rest of
-- the request; the answer is encrypted.
CREATE TABLE answers (
  id TEXT NOT NULL PRIMARY KEY,
  fingerprint TEXT NOT NULL,
  answer TEXT NOT NULL,
  expires_at BIGINT NOT NULL
);

CREATE INDEX answers_by_expires_at ON answers (expires_at);
