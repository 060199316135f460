-- How users are found and sorted, and what the application keeps of them where.
-- 0009_finding.postgres.sql is the same for the other database.

-- The application's own key for a user.
ALTER TABLE users ADD COLUMN external_id TEXT;
-- What the user writes, and what the user does not see; NULL is an empty object.
ALTER TABLE users ADD COLUMN own_metadata TEXT;
ALTER TABLE users ADD COLUMN private_metadata TEXT;
-- Lower case, NFC: what is looked up. Capitals outside ASCII in a name that is there
-- already stay until the name is written again.
ALTER TABLE users ADD COLUMN name_normalized TEXT NOT NULL DEFAULT '';

UPDATE users SET name_normalized = lower(name);

CREATE UNIQUE INDEX users_external_id_key ON users (external_id) WHERE external_id IS NOT NULL;

CREATE INDEX users_by_name ON users (name_normalized, id);

CREATE INDEX users_by_created_at ON users (created_at, id);

CREATE INDEX users_by_updated_at ON users (updated_at, id);

CREATE INDEX users_by_suspended_at ON users (suspended_at, id) WHERE suspended_at IS NOT NULL;
