//! The common options as they hold: an option wins over its `PSQLCM_*` variable, the variable over
//! `psql-cm.toml`, the file over the default. Each remembers where it came from.

use std::fmt;
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::str::FromStr;

use clap::ValueEnum;
use psqlcm_core::ignore::Ignore;
use psqlcm_core::targets::{
    DatabaseRequest, Databases, Glob, SchemaRequest, TargetError, check_name, choose_databases,
};
use psqlcm_engine::config::{Config, Environment};
use psqlcm_engine::conninfo::holds_secret;

use crate::args::Common;
use crate::failure::Failure;
use crate::ui::{Appearance, Verbosity};
use crate::values::{Jobs, NameList};
use crate::variables::{Variables, wrong};

/// The common options, settled.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the cluster is; never to be shown, for it may hold a password.
    pub uri: Option<Sourced<String>>,
    databases: Sourced<DatabaseRequest>,
    pgdatabase: Option<String>,
    /// Which schemas.
    pub schemas: Sourced<SchemaRequest>,
    /// What is not judged.
    pub ignore: Ignore,
    /// The folder of the tree.
    pub sql_path: Sourced<PathBuf>,
    /// The ledger's table.
    pub cm_table: Sourced<String>,
    /// The environment's name; fit to be a folder's.
    pub environment: Sourced<String>,
    /// The role to act as.
    pub role: Option<Sourced<String>>,
    /// A server for scratch databases, where no option of the command says one; never to be shown, for it may hold a password.
    pub scratch_uri: Option<String>,
    /// Whether a person may be asked for a password.
    pub may_ask: bool,
    /// How many databases at once.
    pub jobs: Sourced<NonZeroU16>,
    /// How to speak.
    pub appearance: Appearance,
}

/// A value and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sourced<T> {
    /// The value.
    pub value: T,
    /// Where it came from.
    pub source: Source,
}

/// Where a value came from; the earlier one wins.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// An option on the command line.
    Option(&'static str),
    /// A variable.
    Variable(&'static str),
    /// `psql-cm.toml`.
    File(PathBuf),
    /// Nobody said anything.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Option(name) | Self::Variable(name) => formatter.write_str(name),
            Self::File(path) => write!(formatter, "{}", path.display()),
            Self::Default => formatter.write_str("the default"),
        }
    }
}

impl Source {
    fn rank(&self) -> u8 {
        match self {
            Self::Option(_) => 0,
            Self::Variable(_) => 1,
            Self::File(_) => 2,
            Self::Default => 3,
        }
    }
}

impl Settings {
    /// Settles the options.
    pub fn resolve(common: &Common, variables: &Variables, config: &Config) -> Result<Self, Failure> {
        let sources = Sources { variables, config };
        let environment = sources.environment(common)?;
        let file = config.environments.get(&environment.value).cloned().unwrap_or_default();
        Ok(Self {
            uri: sources.pick("--uri", &common.uri, "PSQLCM_URI", file.uri.clone())?,
            databases: sources.databases(common, &file)?,
            pgdatabase: variables.checked("PGDATABASE")?.map(str::to_owned),
            schemas: sources.schemas(common, &file)?,
            ignore: config.ignore.clone(),
            sql_path: sources
                .pick("--sql-path", &common.sql_path, "PSQLCM_SQL_PATH", config.sql_path.clone())?
                .unwrap_or_else(|| Sourced { value: "sql".into(), source: Source::Default }),
            cm_table: sources
                .name("--cm-table", &common.cm_table, "PSQLCM_CM_TABLE", config.cm_table.clone())?
                .unwrap_or_else(|| Sourced { value: "pg_psql_cm".into(), source: Source::Default }),
            role: sources.name("--role", &common.role, "PSQLCM_ROLE", file.role)?,
            scratch_uri: variables.checked("PSQLCM_SCRATCH_URI")?.map(str::to_owned),
            may_ask: !common.no_password,
            jobs: sources.pick("--jobs", &common.jobs, "PSQLCM_JOBS", None)?.map_or_else(
                || Sourced { value: processors(), source: Source::Default },
                |Sourced { value: Jobs(value), source }| Sourced { value, source },
            ),
            appearance: sources.appearance(common)?,
            environment,
        })
    }

    /// The databases to act on, given the one the connection string names.
    ///
    /// A connection string from the command line outranks a list from the file: who types a database means it.
    pub fn databases(&self, uri_database: Option<&str>) -> Result<Databases, TargetError> {
        let request = self.database_request(uri_database).cloned().unwrap_or_default();
        choose_databases(&request, uri_database, self.pgdatabase.as_deref())
    }

    /// The databases to act on besides the cluster's globals: those that are named as such. A connection string's is
    /// where to connect.
    pub fn databases_besides(&self, uri_database: Option<&str>) -> Result<Option<Databases>, TargetError> {
        match self.database_request(uri_database) {
            Some(request) if request.all || !request.named.is_empty() => {
                choose_databases(request, None, None).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// What was asked for, unless what somebody typed into the connection string outranks it.
    fn database_request(&self, uri_database: Option<&str>) -> Option<&DatabaseRequest> {
        let uri_rank = self.uri.as_ref().map_or(u8::MAX, |uri| uri.source.rank());
        let uri_names_one = uri_database.is_some_and(|name| !name.is_empty());
        let is_outranked = uri_names_one && uri_rank < self.databases.source.rank();
        (!is_outranked).then_some(&self.databases.value)
    }

    /// The schemas a change runs in: those named, else `public`; more only if `all` was said.
    ///
    /// A list in the file says what is managed; that a change is meant for all of it has to be said.
    pub fn schemas_of_change(&self, all: bool) -> SchemaRequest {
        let SchemaRequest { named, excluded } = self.schemas.value.clone();
        let is_chosen = matches!(self.schemas.source, Source::Option(_) | Source::Variable(_));
        let named = if all || is_chosen { named } else { vec!["public".to_owned()] };
        SchemaRequest { named, excluded }
    }

    /// Where each setting comes from, a line each, for `--verbose`.
    pub fn origins(&self) -> Vec<String> {
        let optional =
            |name: &str, source: Option<&Source>| source.map(|source| format!("{name} from {source}"));
        let shown = |name: &str, value: &dyn fmt::Display, source: &Source| {
            Some(format!("{name} {value} from {source}"))
        };
        let lines = [
            shown("environment", &self.environment.value, &self.environment.source),
            optional("uri", self.uri.as_ref().map(|uri| &uri.source)),
            optional("databases", Some(&self.databases.source)),
            optional("schemas", Some(&self.schemas.source)),
            shown("sql-path", &self.sql_path.value.display(), &self.sql_path.source),
            shown("cm-table", &self.cm_table.value, &self.cm_table.source),
            self.role.as_ref().and_then(|role| shown("role", &role.value, &role.source)),
            shown("jobs", &self.jobs.value, &self.jobs.source),
        ];
        lines.into_iter().flatten().collect()
    }
}

/// The configuration file that was named, if one was.
pub fn config_path(common: &Common, variables: &Variables) -> Result<Option<PathBuf>, Failure> {
    match &common.config {
        Some(path) => Ok(Some(path.clone())),
        None => Ok(variables.checked("PSQLCM_CONFIG")?.map(PathBuf::from)),
    }
}

fn processors() -> NonZeroU16 {
    let available = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    u16::try_from(available).ok().and_then(NonZeroU16::new).unwrap_or(NonZeroU16::MIN)
}

/// The two places an option's value may come from besides the command line.
struct Sources<'a> {
    variables: &'a Variables,
    config: &'a Config,
}

impl Sources<'_> {
    fn pick<T>(
        &self,
        option: &'static str,
        given: &Option<T>,
        variable: &'static str,
        in_file: Option<T>,
    ) -> Result<Option<Sourced<T>>, Failure>
    where
        T: FromStr<Err: fmt::Display> + Clone,
    {
        if let Some(value) = given {
            return Ok(Some(Sourced { value: value.clone(), source: Source::Option(option) }));
        }
        if let Some(value) = self.parsed(variable)? {
            return Ok(Some(Sourced { value, source: Source::Variable(variable) }));
        }
        Ok(in_file.map(|value| Sourced { value, source: self.file() }))
    }

    fn name(
        &self,
        option: &'static str,
        given: &Option<String>,
        variable: &'static str,
        in_file: Option<String>,
    ) -> Result<Option<Sourced<String>>, Failure> {
        let name = self.pick(option, given, variable, in_file)?;
        if let Some(Sourced { value, source }) = &name {
            check_name(value).map_err(|error| Failure::usage(format!("{option} from {source}: {error}")))?;
        }
        Ok(name)
    }

    fn environment(&self, common: &Common) -> Result<Sourced<String>, Failure> {
        let in_file = self.config.environment.clone();
        let environment = self
            .pick("--environment", &common.environment, "PSQLCM_ENVIRONMENT", in_file)?
            .unwrap_or_else(|| Sourced { value: "default".into(), source: Source::Default });
        let Sourced { value: name, source } = &environment;
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        if name.is_empty() || name.starts_with('-') || !name.chars().all(is_plain) {
            let message =
                format!("the environment {name:?} from {source} has other than letters, digits, - and _");
            return Err(Failure::usage(message).hint("its name is a folder's name in the tree"));
        }
        let known = &self.config.environments;
        // A misspelt name must not end up on whatever cluster the variables point to.
        if *source != Source::Default && !known.is_empty() && !known.contains_key(name) {
            let names: Vec<&str> = known.keys().map(String::as_str).collect();
            let message = format!("the environment {name:?} from {source} is not in {}", self.file());
            return Err(Failure::usage(message).hint(format!("there are: {}", names.join(", "))));
        }
        Ok(environment)
    }

    fn databases(&self, common: &Common, file: &Environment) -> Result<Sourced<DatabaseRequest>, Failure> {
        let named = listed(&common.database, &common.databases);
        // A database may be called like a connection string, but hardly with a password; where it is a URI, whether
        // there is such a database decides.
        if named.iter().any(|name| !name.contains("://") && holds_secret(name)) {
            let message = "--database and --databases take names, and one of these is a connection string";
            return Err(Failure::usage(message).hint("give it as --uri"));
        }
        if common.all_databases || !named.is_empty() {
            let request = DatabaseRequest { named, all: common.all_databases };
            return Ok(Sourced { value: request, source: Source::Option("the command line") });
        }
        let (named, source) = self.names("PSQLCM_DATABASES", &file.databases)?;
        Ok(Sourced { value: DatabaseRequest { named, all: false }, source })
    }

    fn schemas(&self, common: &Common, file: &Environment) -> Result<Sourced<SchemaRequest>, Failure> {
        let named = listed(&common.schema, &common.schemas);
        let (named, source) = if named.is_empty() {
            self.names("PSQLCM_SCHEMAS", &file.schemas)?
        } else {
            (named, Source::Option("the command line"))
        };
        let excluded = self.excluded(common, file)?;
        Ok(Sourced { value: SchemaRequest { named, excluded }, source })
    }

    /// What is excluded anywhere is excluded: an option must not widen what a team agreed to leave alone.
    fn excluded(&self, common: &Common, file: &Environment) -> Result<Vec<Glob>, Failure> {
        let mut excluded = common.exclude_schema.clone();
        let in_variable: Option<NameList> = self.parsed("PSQLCM_EXCLUDE_SCHEMAS")?;
        for glob in in_variable.map(|list| list.0).unwrap_or_default().iter().chain(&file.exclude_schemas) {
            excluded.push(glob.parse()?);
        }
        excluded.extend_from_slice(&self.config.ignore.schemas);
        Ok(excluded)
    }

    fn names(&self, variable: &'static str, in_file: &[String]) -> Result<(Vec<String>, Source), Failure> {
        let in_variable: Option<NameList> = self.parsed(variable)?;
        Ok(match in_variable {
            Some(list) => (list.0, Source::Variable(variable)),
            None if in_file.is_empty() => (Vec::new(), Source::Default),
            None => (in_file.to_vec(), self.file()),
        })
    }

    fn appearance(&self, common: &Common) -> Result<Appearance, Failure> {
        let debug = common.debug || self.variables.asks_for_debug();
        let verbosity = match (debug, common.verbose) {
            (true, _) => Verbosity::Debug,
            (false, true) => Verbosity::Verbose,
            (false, false) => Verbosity::Normal,
        };
        Ok(Appearance {
            format: self.word(common.format, "PSQLCM_FORMAT")?,
            color: self.word(common.color, "PSQLCM_COLOR")?,
            verbosity,
        })
    }

    fn word<T: ValueEnum + Default>(&self, given: Option<T>, variable: &'static str) -> Result<T, Failure> {
        let in_variable = self.variables.checked(variable)?.map(|word| T::from_str(word, false));
        match (given, in_variable) {
            (Some(value), _) | (None, Some(Ok(value))) => Ok(value),
            (None, Some(Err(error))) => Err(wrong(variable, &error)),
            (None, None) => Ok(T::default()),
        }
    }

    fn parsed<T: FromStr<Err: fmt::Display>>(&self, variable: &'static str) -> Result<Option<T>, Failure> {
        let parse = |text: &str| text.parse().map_err(|error| wrong(variable, &error));
        self.variables.checked(variable)?.map(parse).transpose()
    }

    fn file(&self) -> Source {
        Source::File(self.config.path.clone().unwrap_or_default())
    }
}

fn listed(single: &[String], lists: &[NameList]) -> Vec<String> {
    single.iter().chain(lists.iter().flat_map(|list| &list.0)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use psqlcm_core::report::Exit;
    use std::ffi::OsString;
    use std::path::Path;

    const FILE: &str = r#"
        cm_table = "file_table"
        sql_path = "tree"
        [environments.default]
        databases = ["file_db"]
        schemas = ["file_schema"]
        exclude_schemas = ["file_*"]
        [environments.prod]
        uri = "postgres://prod.example.org/"
    "#;

    fn resolve(common: &Common, variables: &[(&str, &str)], file: &str) -> Result<Settings, Failure> {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), OsString::from(value)));
        let config = Config::parse(file, Path::new("psql-cm.toml")).unwrap();
        Settings::resolve(common, &variables.collect(), &config)
    }

    fn named(names: &[&str]) -> Databases {
        Databases::Named(names.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn option_before_variable_before_file_before_default() {
        let table = |option: Option<&str>, variables: &[(&str, &str)], file: &str| {
            let common = Common { cm_table: option.map(str::to_owned), ..Common::default() };
            let settings = resolve(&common, variables, file).unwrap();
            format!("{} from {}", settings.cm_table.value, settings.cm_table.source)
        };
        let variables = [("PSQLCM_CM_TABLE", "var_table")];
        assert_eq!(table(Some("opt_table"), &variables, FILE), "opt_table from --cm-table");
        assert_eq!(table(None, &variables, FILE), "var_table from PSQLCM_CM_TABLE");
        assert_eq!(table(None, &[("PSQLCM_CM_TABLE", "")], FILE), "file_table from psql-cm.toml");
        assert_eq!(table(None, &[], ""), "pg_psql_cm from the default");
    }

    #[test]
    fn databases_replace_each_other_and_exclusions_add_up() {
        let common = Common {
            database: vec!["a".into()],
            exclude_schema: vec!["x*".parse().unwrap()],
            ..Common::default()
        };
        let settings =
            resolve(&common, &[("PSQLCM_DATABASES", "b"), ("PSQLCM_EXCLUDE_SCHEMAS", "y,z")], FILE).unwrap();
        assert_eq!(settings.databases(None).unwrap(), named(&["a"]));
        let globs: Vec<String> = settings.schemas.value.excluded.iter().map(ToString::to_string).collect();
        assert_eq!(globs, ["x*", "y", "z", "file_*"]);
        assert_eq!(settings.schemas.value.named, ["file_schema"]);

        let settings = resolve(&Common::default(), &[("PSQLCM_DATABASES", r#"b,"My, DB""#)], FILE).unwrap();
        assert_eq!(settings.databases(Some("uri")).unwrap(), named(&["b", "My, DB"]));
    }

    #[test]
    fn all_databases_overrides_the_variable_and_the_file() {
        let common = Common { all_databases: true, ..Common::default() };
        let settings = resolve(&common, &[("PSQLCM_DATABASES", "b")], FILE).unwrap();
        assert_eq!(settings.databases(None).unwrap(), Databases::All);
        let both = Common { database: vec!["a".into()], ..common };
        assert_eq!(resolve(&both, &[], "").unwrap().databases(None), Err(TargetError::AllAndNamed));
    }

    #[test]
    fn a_database_typed_in_a_uri_wins_over_the_file() {
        let typed = Common { uri: Some("postgres:///typed".into()), ..Common::default() };
        let settings = resolve(&typed, &[], FILE).unwrap();
        assert_eq!(settings.databases(Some("typed")).unwrap(), named(&["typed"]));
        assert_eq!(settings.databases(None).unwrap(), named(&["file_db"]));
        assert_eq!(settings.databases_besides(Some("typed")), Ok(None));
        assert_eq!(settings.databases_besides(None), Ok(Some(named(&["file_db"]))));
        let none = resolve(&Common::default(), &[("PGDATABASE", "pg")], "").unwrap();
        assert_eq!(none.databases_besides(Some("uri")), Ok(None));
        assert_eq!(none.databases(None).unwrap(), named(&["pg"]));
    }

    #[test]
    fn a_change_goes_to_public_unless_more_was_said() {
        let schemas = |common: &Common, variables: &[(&str, &str)], all| {
            resolve(common, variables, FILE).unwrap().schemas_of_change(all).named
        };
        let named_one = Common { schema: vec!["app".into()], ..Common::default() };
        assert_eq!(schemas(&Common::default(), &[], false), ["public"]);
        assert_eq!(schemas(&Common::default(), &[("PSQLCM_SCHEMAS", "a,b")], false), ["a", "b"]);
        assert_eq!(schemas(&named_one, &[], false), ["app"]);
        assert_eq!(schemas(&Common::default(), &[], true), ["file_schema"]);
    }

    #[test]
    fn an_environment_of_the_file_gives_its_uri_and_a_misspelt_one_is_an_error() {
        let in_environment =
            |name: &str| resolve(&Common { environment: Some(name.into()), ..Common::default() }, &[], FILE);
        let uri = in_environment("prod").unwrap().uri.unwrap();
        assert_eq!(
            (uri.value.as_str(), uri.source.to_string().as_str()),
            ("postgres://prod.example.org/", "psql-cm.toml")
        );
        for wrong in ["prd", "a/b", "..", "", "-x"] {
            assert_eq!(in_environment(wrong).unwrap_err().exit, Exit::Usage, "{wrong}");
        }
    }

    #[test]
    fn a_wrong_variable_is_named() {
        for (name, value) in [
            ("PSQLCM_JOBS", "0"),
            ("PSQLCM_FORMAT", "xml"),
            ("PSQLCM_COLOR", "sometimes"),
            ("PSQLCM_DATABASES", "\"a"),
        ] {
            let failure = resolve(&Common::default(), &[(name, value)], "").unwrap_err();
            assert!(failure.exit == Exit::Usage && failure.problems[0].message.contains(name), "{failure:?}");
        }
    }

    #[test]
    fn origins_never_show_the_uri() {
        let common = Common { uri: Some("postgres://u:s3cret@h/".into()), ..Common::default() };
        let origins = resolve(&common, &[], "").unwrap().origins().join("\n");
        assert!(origins.contains("uri from --uri") && !origins.contains("s3cret"), "{origins}");
    }

    #[test]
    fn debug_variable() {
        let verbosity =
            |value: &str| resolve(&Common::default(), &[("DEBUG", value)], "").unwrap().appearance.verbosity;
        assert_eq!(verbosity("1"), Verbosity::Debug);
        assert_eq!(verbosity("0"), Verbosity::Normal);
        assert_eq!(verbosity(""), Verbosity::Normal);
    }
}
