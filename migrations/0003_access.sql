-- API keys, and signing keys that follow one another.

-- A key acts in its own name: it is the account of a program.
CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    -- Separated by spaces.
    permissions TEXT NOT NULL,
    -- SHA-256 of the key, which is shown once and kept nowhere.
    key_hash TEXT NOT NULL UNIQUE,
    -- An actor, as in events: an id, not a name.
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    last_used_at BIGINT
);

-- A key is published from its creation, signs from activates_at, and is gone
-- after retires_at, when the last token that it signed has expired.
ALTER TABLE signing_keys ADD COLUMN activates_at BIGINT;

ALTER TABLE signing_keys ADD COLUMN retires_at BIGINT;

UPDATE signing_keys SET activates_at = created_at;

INSERT INTO singletons (name, version) VALUES ('signing_keys', 0);
