-- What it takes to find everything of a person, and what has expired.

-- An HMAC of the address that a mail goes to: its content is encrypted.
ALTER TABLE mails ADD COLUMN recipient TEXT;

CREATE INDEX mails_by_recipient ON mails (recipient);

CREATE INDEX sign_in_challenges_by_expires_at ON sign_in_challenges (expires_at);

CREATE INDEX one_time_tokens_by_subject ON one_time_tokens (subject);
