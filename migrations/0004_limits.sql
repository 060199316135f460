-- How much of what is limited was used, and from where people signed in before.

-- A row is a bucket that is not full. One that is full again says nothing more,
-- and is deleted now and then.
CREATE TABLE rate_limits (
    -- An HMAC of what is limited and for whom: no row tells who somebody is.
    key TEXT PRIMARY KEY,
    -- When nothing will be missing any more.
    full_at BIGINT NOT NULL,
    -- By how much the next use puts that off, in microseconds.
    price BIGINT NOT NULL,
    -- The most that a use may come to cost.
    top_price BIGINT NOT NULL
);

CREATE INDEX rate_limits_by_end ON rate_limits (full_at);

-- The part of the address that is counted as one place.
ALTER TABLE sessions ADD COLUMN address_prefix TEXT;

CREATE INDEX sessions_by_place ON sessions (user_id, address_prefix);
