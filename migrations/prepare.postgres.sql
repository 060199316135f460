-- What must be there before the first migration: the table that remembers them,
-- and the function that makes a whole change one statement. Spin's pool gives a
-- connection back as it is, so a transaction of several statements could leak
-- into the next request; one statement cannot. It also costs two round trips
-- where a transaction of ten statements costs twenty-four.
DO $prepare$
BEGIN
    -- Of several that start at once, one prepares and the others wait.
    PERFORM pg_advisory_xact_lock(7237123);

    CREATE TABLE IF NOT EXISTS schema_migrations (
        version BIGINT PRIMARY KEY,
        checksum TEXT NOT NULL,
        applied_at BIGINT NOT NULL
    );

    -- Takes [{"sql": text, "params": [text], "rows": number | null}]. A statement
    -- finds its parameters in $1. SQLSTATE RC001 says which statement affected
    -- another number of rows than it had to.
    CREATE OR REPLACE FUNCTION rollcall_commit_v1(changes TEXT) RETURNS BIGINT
    LANGUAGE plpgsql AS $commit$
    DECLARE
        change JSON;
        done BIGINT := 0;
        affected BIGINT;
    BEGIN
        FOR change IN SELECT value FROM json_array_elements(changes::json) LOOP
            EXECUTE change ->> 'sql' USING change -> 'params';
            GET DIAGNOSTICS affected = ROW_COUNT;
            IF affected <> (change ->> 'rows')::bigint THEN
                RAISE EXCEPTION 'guard %', done USING ERRCODE = 'RC001';
            END IF;
            done := done + 1;
        END LOOP;
        RETURN done;
    END
    $commit$;
END
$prepare$
