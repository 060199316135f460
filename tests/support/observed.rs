//! A database that can be watched, and made to fail.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use rollcall::store::database::{BoxFuture, Database, DatabaseError, Dialect, Row, Statement};

/// A database in front of another one, which it hands everything to unless the
/// test says otherwise.
pub(crate) struct Observed {
    database: Arc<dyn Database>,
    fault: Mutex<Option<Fault>>,
    before_commit: Mutex<Vec<Statement>>,
    before_every_commit: Mutex<Vec<Statement>>,
    before_query: Mutex<Option<(&'static str, Statement)>>,
    after_commit: Mutex<Option<Then>>,
    calls: AtomicUsize,
    statements: AtomicUsize,
    stalled: AtomicUsize,
}

/// What happens at a moment that only the database knows.
type Then = Box<dyn FnOnce() + Send>;

/// What is wrong with it.
#[derive(Clone)]
enum Fault {
    Fails(DatabaseError),
    NeverAnswers,
    NeverCommits,
    BreaksOffAfterCommit,
    NeverTellsOfCommits,
}

impl Observed {
    /// Nothing is wrong, and nothing was asked yet.
    pub(crate) fn new(database: Arc<dyn Database>) -> Self {
        Self {
            database,
            fault: Mutex::new(None),
            before_commit: Mutex::default(),
            before_every_commit: Mutex::default(),
            before_query: Mutex::new(None),
            after_commit: Mutex::new(None),
            calls: AtomicUsize::new(0),
            statements: AtomicUsize::new(0),
            stalled: AtomicUsize::new(0),
        }
    }

    /// Every query and every commit fails with this, until it is repaired.
    pub(crate) fn fail(&self, error: DatabaseError) {
        *self.fault.lock().unwrap() = Some(Fault::Fails(error));
    }

    /// Nothing that is asked from now on is ever answered, until it is repaired.
    pub(crate) fn stall(&self) {
        *self.fault.lock().unwrap() = Some(Fault::NeverAnswers);
    }

    /// No commit ends from now on; what only reads is answered.
    pub(crate) fn stall_commits(&self) {
        *self.fault.lock().unwrap() = Some(Fault::NeverCommits);
    }

    /// As soon as a commit does not end.
    pub(crate) async fn commit_is_stalled(&self) {
        while self.stalled.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
    }

    /// The next commit happens, and nobody is told.
    pub(crate) fn commit_and_break_off(&self) {
        *self.fault.lock().unwrap() = Some(Fault::BreaksOffAfterCommit);
    }

    /// Commits happen from now on, and nobody is ever told.
    pub(crate) fn commit_and_never_tell(&self) {
        *self.fault.lock().unwrap() = Some(Fault::NeverTellsOfCommits);
    }

    /// This happens right before the next change is committed: somebody was faster.
    pub(crate) fn before_commit(&self, statements: Vec<Statement>) {
        *self.before_commit.lock().unwrap() = statements;
    }

    /// This happens right before every change that is committed: somebody never rests.
    pub(crate) fn before_every_commit(&self, statements: Vec<Statement>) {
        *self.before_every_commit.lock().unwrap() = statements;
    }

    /// This happens right before the next query that has these words.
    pub(crate) fn before_query(&self, words: &'static str, statement: Statement) {
        *self.before_query.lock().unwrap() = Some((words, statement));
    }

    /// This happens when the next change is committed, before anybody is told of it.
    pub(crate) fn after_commit(&self, then: impl FnOnce() + Send + 'static) {
        *self.after_commit.lock().unwrap() = Some(Box::new(then));
    }

    /// Everything works again.
    pub(crate) fn repair(&self) {
        *self.fault.lock().unwrap() = None;
    }

    /// Asks the database behind it, whatever the fault; it is not counted.
    pub(crate) async fn ask_past(&self, statement: Statement) -> Result<Vec<Row>, DatabaseError> {
        self.database.query(statement).await
    }

    /// How many queries and commits there were: what a request costs.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// How many statements SQLite runs for that: those of a commit are several, and
    /// it begins and ends with one more.
    pub(crate) fn statements(&self) -> usize {
        self.statements.load(Ordering::SeqCst)
    }

    /// The rows of every table, as text: two of them tell whether anything
    /// changed in between.
    pub(crate) fn contents(&self) -> String {
        let read = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(self.read_contents()).unwrap()
        };
        // This thread may be that of a runtime, which must not block.
        thread::scope(|scope| scope.spawn(read).join().unwrap())
    }

    async fn read_contents(&self) -> Result<String, DatabaseError> {
        let tables = match self.dialect() {
            Dialect::Sqlite => {
                "SELECT name FROM sqlite_master WHERE type = 'table' \
                 AND name <> 'rate_limits' ORDER BY name"
            }
            Dialect::Postgres => {
                "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema() \
                 AND tablename <> 'rate_limits' ORDER BY 1"
            }
        };
        let ask = |sql: String| self.database.query(Statement::new(sql, Vec::new()));
        let mut contents = String::new();
        for name in ask(tables.to_owned()).await? {
            let name = name.read().text()?;
            contents += &format!("{name}\n");
            for row in ask(format!("SELECT * FROM {name} ORDER BY 1, 2")).await? {
                contents += &format!("  {row:?}\n");
            }
        }
        Ok(contents)
    }

    async fn fault(&self) -> Result<(), DatabaseError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        // As with every database, others go on meanwhile.
        tokio::task::yield_now().await;
        let fault = self.fault.lock().unwrap().clone();
        match fault {
            Some(Fault::Fails(error)) => Err(error),
            Some(Fault::NeverAnswers) => std::future::pending().await,
            Some(_) | None => Ok(()),
        }
    }
}

/// The tables of which the cache remembers rows.
const REMEMBERED: [&str; 4] = ["users", "user_roles", "roles", "sessions"];
/// Changes of nothing that may be shown too late: a hash of the same password, a newer
/// access token beside one that is good, and sessions that ended long ago.
const UNSEEN: [&str; 3] = [
    "UPDATE users SET password_hash = $1 WHERE ",
    "UPDATE sessions SET generation = generation + 1, rotated_at = $1, last_used_at = $1, \
     expires_at = $2, access_token_hash = $3 WHERE ",
    "DELETE FROM sessions WHERE id IN (SELECT ",
];

/// A change must say what is to be forgotten, unless it is a migration: nobody reads
/// before all have run.
fn require_touches(statements: &[Statement]) {
    let is_migration = |statement: &Statement| statement.sql.contains("INTO schema_migrations");
    if statements.iter().any(is_migration) {
        return;
    }
    let is_new = statements.iter().any(|statement| statement.sql.starts_with("INSERT INTO users "));
    let is_of_remembered = |statement: &&Statement| {
        let mut words = statement.sql.split_whitespace();
        let table = match words.next() {
            Some("UPDATE") => words.next(),
            Some("DELETE") => words.nth(1),
            // New rows of other tables change none that is there.
            Some("INSERT") if !is_new => words.nth(1).filter(|table| *table == "user_roles"),
            _ => None,
        };
        let is_unseen = UNSEEN.iter().any(|sql| statement.sql.starts_with(sql));
        !is_unseen && table.is_some_and(|table| REMEMBERED.contains(&table))
    };
    if let Some(statement) = statements.iter().find(is_of_remembered) {
        let says = statements.iter().any(|statement| !statement.touches.is_empty());
        assert!(says, "what the cache remembers changes unsaid: {}", statement.sql);
    }
}

impl Database for Observed {
    fn dialect(&self) -> Dialect {
        self.database.dialect()
    }

    fn query(&self, statement: Statement) -> BoxFuture<'_, Result<Vec<Row>, DatabaseError>> {
        Box::pin(async move {
            self.statements.fetch_add(1, Ordering::SeqCst);
            require_touches(std::slice::from_ref(&statement));
            self.fault().await?;
            let has_words = |(words, _): &mut (&str, _)| statement.sql.contains(*words);
            let faster = self.before_query.lock().unwrap().take_if(has_words);
            if let Some((_, faster)) = faster {
                self.database.query(faster).await?;
            }
            self.database.query(statement).await
        })
    }

    fn commit(&self, statements: Vec<Statement>) -> BoxFuture<'_, Result<(), DatabaseError>> {
        Box::pin(async move {
            self.statements.fetch_add(statements.len() + 2, Ordering::SeqCst);
            require_touches(&statements);
            self.fault().await?;
            if matches!(*self.fault.lock().unwrap(), Some(Fault::NeverCommits)) {
                self.stalled.fetch_add(1, Ordering::SeqCst);
                std::future::pending::<()>().await;
            }
            let mut faster = std::mem::take(&mut *self.before_commit.lock().unwrap());
            faster.extend(self.before_every_commit.lock().unwrap().iter().cloned());
            for statement in faster {
                self.database.query(statement).await?;
            }
            let result = self.database.commit(statements).await;
            let then = self.after_commit.lock().unwrap().take_if(|_| result.is_ok());
            if let Some(then) = then {
                then();
            }
            if matches!(*self.fault.lock().unwrap(), Some(Fault::NeverTellsOfCommits)) {
                self.stalled.fetch_add(1, Ordering::SeqCst);
                std::future::pending::<()>().await;
            }
            let mut fault = self.fault.lock().unwrap();
            match fault.take_if(|fault| matches!(fault, Fault::BreaksOffAfterCommit)) {
                Some(_) => Err(DatabaseError::InDoubt("broken off".to_owned())),
                None => result,
            }
        })
    }
}
