//! SQL brought into a scratch database: statements in whatever order they turn out to work, or a script in its own.

use std::collections::BTreeSet;
use std::slice;

use psqlcm_core::change;
use psqlcm_core::name::quote_ident;
use psqlcm_core::plan::{self, Step};
use psqlcm_core::script::{self, is_shared, label};
use psqlcm_core::source::{Source, char_to_byte};
use psqlcm_core::tree::adapt::{self, Concern};
use psqlcm_core::tree::{self, restore_script};

use super::error::doing;
use super::{ScratchDatabase, ScratchError, has_role};
use crate::restore::load::{Atomicity, LoadError, attempt, first_real};
use crate::restore::needs;
use crate::restore::tree::{File, Single, Statement, Tree};
use crate::restore::{Place, RestoreError};
use crate::session::DbError;

/// Statements to be loaded in any order, and the texts they stand in.
pub struct Sql {
    files: Vec<File>,
    statements: Vec<Statement>,
    /// The database that they make, as they name it.
    database: String,
}

impl Sql {
    /// The steps of a plan from empty, for a database that they call so. `name` says in errors what they are.
    pub fn of_steps(name: &str, database: &str, steps: &[Step]) -> Self {
        let (mut text, mut statements) = (String::new(), Vec::new());
        for step in steps {
            for statement in &step.statements {
                let sql = plan::with_database_name(statement, database);
                statements.push(Statement {
                    file: 0,
                    offset: text.len(),
                    place: step.place,
                    sql: sql.clone(),
                });
                text.push_str(&tree::terminated(&sql));
            }
        }
        let files = vec![File { path: name.to_owned(), text }];
        Self { files, statements, database: database.to_owned() }
    }

    /// Texts as they were dumped or recorded, each with the name that errors call it by.
    pub(crate) fn of_texts(texts: impl Iterator<Item = (String, String)>) -> Result<Self, RestoreError> {
        let mut sql = Self { files: Vec::new(), statements: Vec::new(), database: String::new() };
        for (name, text) in texts {
            let single = Single::parse(&name, text)?;
            let file = sql.files.len();
            sql.statements
                .extend(single.statements.into_iter().map(|statement| Statement { file, ..statement }));
            sql.files.push(single.file);
        }
        Ok(sql)
    }

    /// What a tree says of a database. Its roles and ledgers are left out.
    pub(crate) fn of_tree(tree: Tree, database: &str) -> Self {
        Self { files: tree.files, statements: tree.statements, database: database.to_owned() }
    }

    /// The statement that makes the database, if there is one.
    pub fn create_database(&self) -> Option<&str> {
        self.statements.iter().map(|statement| statement.sql.as_str()).find(|sql| self.creates_database(sql))
    }

    /// Of how many statements it is.
    pub fn len(&self) -> usize {
        self.statements.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }

    fn creates_database(&self, sql: &str) -> bool {
        tree::renamed(sql, &self.database, &self.database).is_some()
            && adapt::names_after(sql, "CREATE") == ["database"]
    }

    fn is_of_database(&self, sql: &str) -> bool {
        tree::renamed(sql, &self.database, &self.database).is_some()
    }

    fn error(&self, statements: &[Statement], error: LoadError) -> ScratchError {
        match error {
            LoadError::Db(error) => ScratchError::Db { doing: "the connection was lost", error },
            LoadError::Interrupted(interrupted) => ScratchError::Interrupted(interrupted),
            LoadError::Statement { index, error, others } => {
                ScratchError::Statement { place: self.place(&statements[index], &error), error, others }
            }
        }
    }

    fn source(&self, statement: &Statement) -> Source<'_> {
        let file = &self.files[statement.file];
        Source { name: &file.path, text: &file.text }
    }

    /// Where the server found the error; the statement's start where it does not say, or where the statement was
    /// adapted and positions do not fit.
    fn place(&self, statement: &Statement, error: &DbError) -> Box<Place> {
        let source = self.source(statement);
        let is_as_written = source.text[statement.offset..].starts_with(&statement.sql);
        let within = error.position().filter(|_| is_as_written).map(|at| char_to_byte(&statement.sql, at));
        Box::new(Place::of(source, statement.offset + within.unwrap_or_default()))
    }
}

impl ScratchDatabase {
    /// Loads statements in the order in which they come, and those that fail again until nothing moves. States, as the
    /// rows of materialized views, are not brought back; what would act on all that is made later comes last. Loading can
    /// go on with more.
    ///
    /// # Errors
    /// What is missing on the server, or the first real error.
    pub fn load(&mut self, sql: &Sql, progress: &dyn Fn(usize)) -> Result<(), ScratchError> {
        self.load_amid(sql, None, progress)
    }

    /// The same, with what may be needed, and may as well fail.
    pub(crate) fn load_amid(
        &mut self,
        sql: &Sql,
        around: Option<&Sql>,
        progress: &dyn Fn(usize),
    ) -> Result<(), ScratchError> {
        let [inside, late, last] = self.phases(sql)?;
        let [around, ..] = around.map(|around| self.phases(around)).transpose()?.unwrap_or_default();
        let needing: Vec<&Statement> = around.iter().chain(&inside).chain(&late).chain(&last).collect();
        self.see_to_needs(&needing)?;
        self.session().run(restore_script::SETTINGS).map_err(doing("cannot set what loading needs"))?;
        let count = around.len();
        let inside = [around, inside].concat();
        for (statements, dispensable) in [(&inside, count), (&late, 0), (&last, 0)] {
            let interrupt = self.server.interrupt.clone();
            let alone = slice::from_mut(self.session());
            let failed = attempt(alone, statements, Atomicity::Parts, &interrupt, progress);
            let mut failed = failed.map_err(|error| sql.error(statements, error))?;
            failed.retain(|(index, _)| *index >= dispensable);
            if !failed.is_empty() {
                return Err(sql.error(statements, first_real(failed)));
            }
        }
        Ok(())
    }

    /// What is loaded first, what would act on that, and what is said of the database itself.
    fn phases(&self, sql: &Sql) -> Result<[Vec<Statement>; 3], ScratchError> {
        let [mut inside, mut late, mut last] = [const { Vec::new() }; 3];
        for statement in &sql.statements {
            let text = statement.sql.as_str();
            // Roles are seen to by who names them.
            let makes_role = adapt::concern(text) == Concern::Role;
            if makes_role || adapt::brings_state(text) || sql.creates_database(text) {
                continue;
            }
            let is_of_database = sql.is_of_database(text);
            if !is_of_database && is_shared(text) && self.server.cluster.is_none() {
                return Err(refused_as_shared(sql.source(statement), statement.offset, text));
            }
            let named = tree::renamed(text, &sql.database, &self.name).unwrap_or_else(|| text.to_owned());
            let adapted =
                Statement { sql: adapt::with_roles(&named, &self.server.role_map), ..statement.clone() };
            match () {
                () if is_of_database => last.push(adapted),
                () if statement.place.is_late() || adapt::acts_on_what_follows(text) => late.push(adapted),
                () => inside.push(adapted),
            }
        }
        Ok([inside, late, last])
    }

    /// Makes what is missing where it is ours to make; names it else.
    fn see_to_needs(&mut self, statements: &[&Statement]) -> Result<(), ScratchError> {
        let looking = doing("cannot look for what is needed");
        let mut missing = needs::missing(self.session(), statements, None).map_err(&looking)?;
        let is_own = self.server.cluster.is_some();
        if is_own {
            let is_tablespace = |thing: &&String| thing.starts_with("tablespace ");
            for thing in missing.things.iter().filter(is_tablespace) {
                self.make_tablespace(thing.trim_start_matches("tablespace "))?;
            }
            missing.things.retain(|thing| !is_tablespace(&thing));
        }
        if !missing.things.is_empty() {
            let version = self.server.version;
            return Err(ScratchError::Lacking { things: missing.things, version, is_own });
        }
        self.make_roles(&missing.roles)
    }

    fn make_roles(&mut self, missing: &BTreeSet<String>) -> Result<(), ScratchError> {
        if missing.is_empty() {
            return Ok(());
        }
        if self.server.cluster.is_none() {
            return Err(ScratchError::LackingRoles(missing.iter().cloned().collect()));
        }
        // Another database of the place may need the same at the same time.
        let mut maintenance = self.server.maintenance();
        for role in missing {
            let make = |error| ScratchError::Role { role: role.clone(), error };
            if !has_role(&mut maintenance, role).map_err(make)? {
                let make = |error| ScratchError::Role { role: role.clone(), error };
                maintenance.run(&format!("CREATE ROLE {}", quote_ident(role))).map_err(make)?;
            }
        }
        Ok(())
    }

    /// In the folder of the cluster itself: nothing is ever stored there.
    fn make_tablespace(&mut self, name: &str) -> Result<(), ScratchError> {
        let name = quote_ident(name);
        let making = doing("cannot make a tablespace on the scratch cluster");
        let mut maintenance = self.server.maintenance();
        maintenance.run("SET allow_in_place_tablespaces = on").map_err(&making)?;
        match maintenance.run(&format!("CREATE TABLESPACE {name} LOCATION ''")) {
            Err(error) if error.sqlstate() == Some(DUPLICATE_OBJECT) => Ok(()),
            made => made.map_err(&making),
        }
    }

    /// Runs a script as it stands, statement by statement, in its order. `name` says in errors where it comes from.
    /// What fails ends it.
    ///
    /// # Errors
    /// What in it is refused, before anything is run; what the server says of a statement.
    pub fn run_script(&mut self, name: &str, text: &str) -> Result<(), ScratchError> {
        self.run_some(name, text, |_| Choice::Run).map(drop)
    }

    /// The same, with some of its statements only. What may fail and did is handed out.
    pub(crate) fn run_some(
        &mut self,
        name: &str,
        text: &str,
        choose: impl Fn(&str) -> Choice,
    ) -> Result<Vec<Missed>, ScratchError> {
        let source = Source { name, text };
        let mut missed = Vec::new();
        let mut statements = self.check_script(source, &|text| choose(text) != Choice::Leave)?;
        for statement in &mut statements {
            statement.sql = adapt::with_roles(&statement.sql, &self.server.role_map);
        }
        self.see_to_needs(&statements.iter().collect::<Vec<_>>())?;
        for statement in &statements {
            self.server.interrupt.check().map_err(ScratchError::Interrupted)?;
            let may_fail = choose(&statement.sql) == Choice::Try;
            let run = if may_fail {
                self.run_under_savepoint(&statement.sql)
            } else {
                self.session().run(&statement.sql)
            };
            let Err(error) = run else { continue };
            // The other side may have made the role: there is one cluster for both. What may fail may be there.
            if (may_fail || is_shared(&statement.sql)) && error.sqlstate() == Some(DUPLICATE_OBJECT) {
                continue;
            }
            if error.is_connection_lost() {
                return Err(ScratchError::Db { doing: "the connection was lost", error });
            }
            self.server.interrupt.check().map_err(ScratchError::Interrupted)?;
            if may_fail {
                missed.push(Missed {
                    line: source.line_column(statement.offset).0,
                    sql: statement.sql.clone(),
                    error,
                });
                continue;
            }
            let is_as_written = text[statement.offset..].starts_with(&statement.sql);
            let within = error.position().filter(|_| is_as_written);
            let within = within.map_or(0, |at| char_to_byte(&statement.sql, at));
            let place = Box::new(Place::of(source, statement.offset + within));
            return Err(ScratchError::Statement { place, error, others: 0 });
        }
        Ok(missed)
    }

    /// What fails does not end the transaction, if there is one.
    fn run_under_savepoint(&mut self, sql: &str) -> Result<(), DbError> {
        let session = self.session();
        if session.run("SAVEPOINT psql_cm_try").is_err_and(|error| error.sqlstate() == Some(NO_TRANSACTION)) {
            return session.run(sql);
        }
        let outcome = session.run(sql);
        let end = if outcome.is_ok() { "RELEASE" } else { "ROLLBACK TO" };
        session.run(&format!("{end} SAVEPOINT psql_cm_try"))?;
        outcome
    }

    /// Goes on as another role. On our own cluster it may do all, as nobody knows what it might do elsewhere.
    pub(crate) fn act_as(&mut self, role: &str) -> Result<(), ScratchError> {
        let role = self.server.role_map.get(role).map_or(role, String::as_str).to_owned();
        let failed = |error| ScratchError::Role { role: role.clone(), error };
        if self.server.cluster.is_some() {
            self.make_roles(&BTreeSet::from([role.clone()]))?;
            let sql = format!("ALTER ROLE {} SUPERUSER", quote_ident(&role));
            self.server.maintenance().run(&sql).map_err(failed)?;
        } else if !has_role(self.session(), &role).map_err(failed)? {
            return Err(ScratchError::LackingRoles(vec![role]));
        }
        self.session().run(&format!("SET ROLE {}", quote_ident(&role))).map_err(failed)
    }

    /// Gives the session back the settings and the role it began with.
    pub(crate) fn clean(&mut self) -> Result<(), ScratchError> {
        let access = self.server.access.clone();
        let session = self.session();
        let cleaned = session.run("DISCARD ALL").and_then(|()| access.prepare(session));
        cleaned.map_err(doing("cannot reset the session"))
    }

    /// The statements of a script, each with where it stands: nothing for psql, no rows, and nothing for a cluster that is
    /// not ours.
    fn check_script(
        &self,
        source: Source<'_>,
        is_wanted: &dyn Fn(&str) -> bool,
    ) -> Result<Vec<Statement>, ScratchError> {
        // Said as submit says it.
        let statements = change::statements(source.text).map_err(|refusal| ScratchError::Refused {
            message: refusal.to_string(),
            place: Box::new(Place::of(source, refusal.offset().unwrap_or_default())),
            hint: refusal.hint(),
        })?;
        let is_ours = self.server.cluster.is_some();
        let wanted: Vec<_> = statements.iter().filter(|statement| is_wanted(statement.text)).collect();
        if let Some(shared) = wanted.iter().find(|statement| !is_ours && is_shared(statement.text)) {
            return Err(refused_as_shared(source, shared.offset, shared.text));
        }
        let place = plan::Place::from_number(0);
        let statement = |statement: &&script::Statement<'_>| Statement {
            file: 0,
            offset: statement.offset,
            place,
            sql: statement.text.to_owned(),
        };
        Ok(wanted.iter().map(statement).collect())
    }
}

/// What becomes of a statement of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// It is left out.
    Leave,
    /// It is run, and may fail.
    Try,
    /// It is run.
    Run,
}

/// A statement that may fail, and did.
pub(crate) struct Missed {
    /// Its line in the script.
    pub line: u32,
    /// The statement.
    pub sql: String,
    /// Why.
    pub error: DbError,
}

/// `no_active_sql_transaction`
const NO_TRANSACTION: &str = "25P01";
const DUPLICATE_OBJECT: &str = "42710";

fn refused_as_shared(source: Source<'_>, offset: usize, text: &str) -> ScratchError {
    ScratchError::Refused {
        message: format!("{} is about the whole cluster, and the scratch server is not ours", label(text)),
        place: Box::new(Place::of(source, offset)),
        hint: "take it out, or leave --scratch-uri out to have a scratch cluster of local programs",
    }
}
