-- How users are found and sorted, and what the application keeps of them where.
-- 0009_finding.sqlite.sql is the same for the other database, where texts are
-- compared by their bytes anyway: COLLATE "C" says so here, whatever the collation
-- of the database, so that a beginning of a text is a range of an index.

-- The application's own key for a user.
ALTER TABLE users ADD COLUMN external_id TEXT COLLATE "C";
-- What the user writes, and what the user does not see; NULL is an empty object.
ALTER TABLE users ADD COLUMN own_metadata TEXT;
ALTER TABLE users ADD COLUMN private_metadata TEXT;
-- Lower case, NFC: what is looked up.
ALTER TABLE users ADD COLUMN name_normalized TEXT COLLATE "C" NOT NULL DEFAULT '';

UPDATE users SET name_normalized = lower(name);

ALTER TABLE users ALTER COLUMN email_normalized TYPE TEXT COLLATE "C";

CREATE UNIQUE INDEX users_external_id_key ON users (external_id) WHERE external_id IS NOT NULL;

CREATE INDEX users_by_name ON users (name_normalized, id);

CREATE INDEX users_by_created_at ON users (created_at, id);

CREATE INDEX users_by_updated_at ON users (updated_at, id);

CREATE INDEX users_by_suspended_at ON users (suspended_at, id) WHERE suspended_at IS NOT NULL;
