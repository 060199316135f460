-- Mail, and what people prove or get with it.

-- What is to be sent. A row is written in the commit that caused the mail.
CREATE TABLE mails (
    id TEXT PRIMARY KEY,
    -- Which mail it is, for the operator.
    kind TEXT NOT NULL,
    -- To whom and what, encrypted; NULL once it was sent or given up.
    content TEXT,
    created_at BIGINT NOT NULL,
    -- When to try next. Whoever tries moves it ahead first, so that nobody else
    -- does; NULL when there is nothing left to do.
    due_at BIGINT,
    -- When what it says has expired; then it is not sent any more.
    expires_at BIGINT,
    tries BIGINT NOT NULL,
    sent_at BIGINT,
    given_up_at BIGINT,
    last_error TEXT
);

CREATE INDEX mails_by_due_at ON mails (due_at);

-- What is good once. The row goes when the token is used.
CREATE TABLE one_time_tokens (
    -- SHA-256 of the token.
    hash TEXT PRIMARY KEY,
    purpose TEXT NOT NULL,
    -- What it is about: of one purpose and subject, only the newest is good.
    subject TEXT NOT NULL,
    -- Whose it is, where the subject is a user's.
    user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
    -- What else it is bound to.
    data TEXT,
    tries BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    UNIQUE (purpose, subject)
);

CREATE INDEX one_time_tokens_by_user ON one_time_tokens (user_id);
CREATE INDEX one_time_tokens_by_expires_at ON one_time_tokens (expires_at);

-- Who wants an account and has not proven the address yet. They become users
-- when they do; several may wait for one address, and the first to prove it wins.
CREATE TABLE registrations (
    id TEXT PRIMARY KEY,
    email TEXT NOT NULL,
    email_normalized TEXT NOT NULL,
    name TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE INDEX registrations_by_email ON registrations (email_normalized, id);
CREATE INDEX registrations_by_expires_at ON registrations (expires_at);

-- Who may register on somebody's word. The row goes when it was accepted or revoked.
CREATE TABLE invitations (
    id TEXT PRIMARY KEY,
    email TEXT NOT NULL,
    email_normalized TEXT NOT NULL UNIQUE,
    -- Separated by spaces.
    roles TEXT NOT NULL,
    invited_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE INDEX invitations_by_expires_at ON invitations (expires_at);
