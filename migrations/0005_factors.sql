-- Second factors, how a session was signed in, and the chain over the events.

-- How its user proved who they are, and when they did so last.
ALTER TABLE sessions ADD COLUMN methods TEXT NOT NULL DEFAULT 'pwd';
ALTER TABLE sessions ADD COLUMN authenticated_at BIGINT NOT NULL DEFAULT 0;

UPDATE sessions SET authenticated_at = created_at;

CREATE TABLE totp_factors (
    user_id TEXT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    -- Encrypted with a key derived from the operator's.
    secret TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    -- NULL until its owner has shown a code of it: from then on it is asked for.
    confirmed_at BIGINT,
    -- The time step of the last code that was taken: none is good twice.
    last_step BIGINT NOT NULL,
    -- How often a code was tried since the last good one, and when the next may be.
    attempts BIGINT NOT NULL,
    retry_at BIGINT NOT NULL
);

CREATE TABLE recovery_codes (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- An HMAC under the operator's key: the codes are shorter than tokens are.
    code_hash TEXT NOT NULL,
    used_at BIGINT,
    PRIMARY KEY (user_id, code_hash)
);

-- Who has shown a first factor and owes the second.
CREATE TABLE sign_in_challenges (
    token_hash TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- What was shown so far, and on which device: the session will say the same.
    methods TEXT NOT NULL,
    device TEXT,
    expires_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    used_at BIGINT
);

CREATE INDEX sign_in_challenges_by_user ON sign_in_challenges (user_id);

-- Where an event stands in the chain; NULL until it is sealed.
ALTER TABLE events ADD COLUMN position BIGINT;
ALTER TABLE events ADD COLUMN previous_hash TEXT;
ALTER TABLE events ADD COLUMN hash TEXT;

CREATE UNIQUE INDEX events_by_position ON events (position) WHERE position IS NOT NULL;
-- Small: events are sealed soon.
CREATE INDEX events_unsealed ON events (id) WHERE position IS NULL;

-- What the audit trail is asked for; ids are in the order of time.
DROP INDEX events_by_subject;
CREATE INDEX events_by_subject ON events (subject, id);
CREATE INDEX events_by_actor ON events (actor, id);
CREATE INDEX events_by_kind ON events (kind, id);

-- The end of the chain: of several that go on from it at once, one does.
CREATE TABLE event_chain (
    name TEXT PRIMARY KEY,
    position BIGINT NOT NULL,
    hash TEXT NOT NULL
);

INSERT INTO event_chain (name, position, hash)
VALUES ('head', 0, '0000000000000000000000000000000000000000000000000000000000000000');
