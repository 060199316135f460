-- Links and codes to sign in with: whoever asks for another one ends nobody else's.

CREATE TABLE sign_in_tokens (
  -- SHA-256 of the token.
  hash TEXT PRIMARY KEY,
  purpose TEXT NOT NULL,
  -- The address, of which several may be good: each for the request that asked.
  subject TEXT NOT NULL,
  -- Whose the address was then, if anybody's.
  user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
  -- What else it is bound to.
  data TEXT,
  tries BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);

CREATE INDEX sign_in_tokens_by_user ON sign_in_tokens (user_id);
CREATE INDEX sign_in_tokens_by_subject ON sign_in_tokens (subject);
CREATE INDEX sign_in_tokens_by_expires_at ON sign_in_tokens (expires_at);
