//! The contracts of the `Database` port, kept by the driver that tests use. The
//! drivers of the component are held to the same list where it is built.

#[macro_use]
mod contracts;
#[path = "support/sqlite.rs"]
mod sqlite;

use contracts::{Broken, commits, migrations, statements};
use sqlite::Sqlite;

macro_rules! on_sqlite {
    ($($module:ident::$name:ident,)*) => {$(
        #[tokio::test]
        async fn $name() {
            if let Err(Broken(how)) = $module::$name(&Sqlite::new()).await {
                panic!("{how}");
            }
        }
    )*};
}

each_contract!(on_sqlite);

/// The way that the list runs inside a component.
#[tokio::test]
async fn all_are_kept_one_after_the_other_on_one_database() {
    let broken = contracts::run_all(&Sqlite::new()).await;
    assert!(broken.is_empty(), "{broken:?}");
}
