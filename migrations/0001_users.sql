-- Who there is, what they may do, where they are signed in, and what happened.

CREATE TABLE users (
    id TEXT PRIMARY KEY,
    email TEXT NOT NULL,
    -- Lower case, NFC, the domain in ASCII: what is unique and looked up.
    email_normalized TEXT NOT NULL UNIQUE,
    email_verified_at BIGINT,
    name TEXT NOT NULL,
    metadata TEXT NOT NULL,
    -- A PHC string; NULL for those who cannot sign in with a password.
    password_hash TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    suspended_at BIGINT,
    version BIGINT NOT NULL
);

CREATE TABLE roles (
    name TEXT PRIMARY KEY,
    -- Separated by spaces; '*' is every permission.
    permissions TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);

INSERT INTO roles (name, permissions, created_at, updated_at, version)
VALUES ('admin', '*', 0, 0, 1), ('user', '', 0, 0, 1);

CREATE TABLE user_roles (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role TEXT NOT NULL REFERENCES roles (name),
    PRIMARY KEY (user_id, role)
);

-- Who holds a role: the guard of the last admin asks.
CREATE INDEX user_roles_by_role ON user_roles (role, user_id);

-- What exists once. A change that must not race with another of its kind takes
-- its row first, which makes the second one wait for the first.
CREATE TABLE singletons (
    name TEXT PRIMARY KEY,
    version BIGINT NOT NULL
);

INSERT INTO singletons (name, version) VALUES ('admins', 0);

CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    device TEXT,
    address TEXT,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at BIGINT,
    -- The newest access token, by SHA-256: whoever shows it needs no signature check.
    access_token_hash TEXT NOT NULL,
    -- Refresh tokens are made from the seed and the generation; none is stored.
    seed TEXT NOT NULL,
    generation BIGINT NOT NULL,
    rotated_at BIGINT NOT NULL
);

CREATE INDEX sessions_by_user ON sessions (user_id, id);

CREATE TABLE signing_keys (
    kid TEXT PRIMARY KEY,
    algorithm TEXT NOT NULL,
    -- Encrypted with a key derived from the operator's.
    private_key TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

-- What happened. Ids only: no row here tells who somebody is.
CREATE TABLE events (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    subject TEXT,
    at BIGINT NOT NULL,
    request_id TEXT NOT NULL
);

CREATE INDEX events_by_subject ON events (subject, id);
