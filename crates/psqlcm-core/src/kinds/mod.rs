//! The registry of kinds: for each kind of fact one folder that says how it is read from the catalog, how it
//! is made, and which cases prove it.
//!
//! The engine, the order, hashing and the tree text know kinds only through [`Kind`]. Edges between kinds
//! may name another kind. To add one: a folder, and one line in the list below; the line's place is its
//! place in the natural order.

use crate::fact::{Fact, FactId};
use crate::plan::{Difference, Doing, Effect, Group};
use crate::read::{Cells, ReadError, Reader};
use crate::snapshot::Snapshot;

pub mod cases;
mod effect;
mod shared;

pub use extension::{VersionChange, leave_version, say_versions, say_versions_as, version_changes};
pub(crate) use shared::{list_items, quoted, schema_path};

macro_rules! kinds {
    ($($variant:ident => $module:ident,)*) => {
        $(pub(crate) mod $module;)*

        /// The kinds of fact, in their natural order: what is ready first is made in this order.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum KindId {
            $(#[doc = concat!("See the folder `kinds/", stringify!($module), "`.")] $variant,)*
        }

        /// All kinds, in their natural order.
        pub static ALL: &[KindId] = &[$(KindId::$variant,)*];

        impl KindId {
            /// What is known of the kind.
            pub fn kind(self) -> &'static Kind {
                match self {
                    $(Self::$variant => &$module::KIND,)*
                }
            }
        }
    };
}

kinds! {
    Database => database,
    Role => role,
    Membership => membership,
    Tablespace => tablespace,
    Parameter => parameter,
    Schema => schema,
    Extension => extension,
    Language => language,
    AccessMethod => access_method,
    Collation => collation,
    Member => member,
    ShellType => shell_type,
    Enum => enum_type,
    Composite => composite,
    Domain => domain,
    Range => range,
    BaseType => base_type,
    TextSearchParser => text_search_parser,
    TextSearchTemplate => text_search_template,
    TextSearchDictionary => text_search_dictionary,
    TextSearchConfiguration => text_search_configuration,
    Cast => cast,
    Function => function,
    Procedure => procedure,
    Aggregate => aggregate,
    Operator => operator,
    OperatorFamily => operator_family,
    OperatorFamilyMember => operator_family_member,
    OperatorClass => operator_class,
    Transform => transform,
    Conversion => conversion,
    ForeignDataWrapper => foreign_data_wrapper,
    ForeignServer => foreign_server,
    UserMapping => user_mapping,
    ForeignTable => foreign_table,
    Table => table,
    Column => column,
    Sequence => sequence,
    Default => default,
    View => view,
    ViewDefinition => view_definition,
    MaterializedView => materialized_view,
    OwnedBy => owned_by,
    Attachment => attachment,
    Typing => typing,
    Constraint => constraint,
    Index => index,
    IndexAttachment => index_attachment,
    ForeignKey => foreign_key,
    Statistics => statistics,
    Rule => rule,
    Trigger => trigger,
    Policy => policy,
    Publication => publication,
    PublicationTable => publication_table,
    PublicationSchema => publication_schema,
    LargeObject => large_object,
    ExtensionDependency => extension_dependency,
    Owner => owner,
    Comment => comment,
    SecurityLabel => security_label,
    Setting => setting,
    Grant => grant,
    Population => population,
    DefaultPrivilege => default_privilege,
    EventTrigger => event_trigger,
    Subscription => subscription,
}

/// What is known of one kind of fact.
pub struct Kind {
    /// The kind's name for people and for hashing, in PostgreSQL's own words; never changes.
    pub name: &'static str,
    /// The folder of its files within a schema's folder, or of what belongs to no schema its file; `None` for what hangs
    /// on something else or stands in the file of the schema or database.
    pub folder: Option<&'static str>,
    /// Whether it is said of any object (a comment, a grant) rather than being a part of one.
    pub satellite: bool,
    /// Whether the fact is one that older server versions do not have, though they have what it says: it is outside what
    /// different versions compare.
    pub newer: fn(&Fact) -> bool,
    /// Whether it is a state rather than a definition: it is restored where it can be, and is no difference.
    pub state: bool,
    /// Whether making it would change or need what is made after it, so that it comes last of all.
    pub late: bool,
    /// How several sessions can make such facts at once.
    pub sharing: Sharing,
    /// Whether it has columns, on which other kinds hang: it is read before them.
    pub has_columns: bool,
    /// Every attribute a fact of this kind can have.
    pub attributes: &'static [Attribute],
    /// How it is read from the catalog; empty for kinds that others read along.
    pub reads: &'static [Read],
    /// How it is read in a second message, where a row of the first asked for it.
    pub asked: &'static [Read],
    /// How what of it belongs to no database is read, with the cluster's globals.
    pub globals: &'static [Read],
    /// The identity as people say it.
    pub display: fn(&FactId) -> String,
    /// The identity as COMMENT ON, ALTER ... OWNER TO and GRANT ... ON take it.
    pub reference: fn(&FactId) -> String,
    /// Whether it can be made within its parent's statement.
    pub fold: fn(&FactId, &Fact) -> Fold,
    /// The statements that make it and what is folded into it, each without its semicolon.
    pub create: fn(&Group<'_>) -> Vec<String>,
    /// What a difference in a fact that stays asks for, or in one that comes or goes: by itself, or with its parent?
    pub respond: fn(&Difference<'_>) -> Response,
    /// The statements that change it in place.
    pub alter: fn(&Difference<'_>) -> Vec<String>,
    /// The statements that drop it, that which does first; its parts go along.
    pub drop: fn(&Difference<'_>) -> Vec<String>,
    /// Whether it is dropped before what it belongs to, where a cycle asks for it.
    pub drops_alone: Alone,
    /// The statements that give it another name for good, where PostgreSQL has any.
    pub rename: fn(&FactId, &str) -> Option<Vec<String>>,
    /// The statements that give it another name while its successor takes its own.
    pub set_aside: fn(&Difference<'_>) -> Vec<String>,
    /// What goes with it though it needs it.
    pub takes: fn(&Difference<'_>) -> Vec<FactId>,
    /// The statements that drop it under that name.
    pub drop_aside: fn(&FactId) -> Vec<String>,
    /// The attribute with the schema that what it brings is in, and moves to with it.
    pub brings_into: Option<&'static str>,
    /// Whether it comes with an extension or with PostgreSQL, so that only what is said of it can go.
    pub is_given: bool,
    /// What a fact does when one that it needs goes, or is made anew.
    pub react: fn(&Difference<'_>, &FactId) -> Reaction,
    /// Whether that change in place cannot be made while the other fact, which needs it or belongs to it, is there.
    pub disturbs: fn(&Difference<'_>, &FactId) -> bool,
    /// Whether it cannot be made again without what it belongs to.
    pub made_with_parent: fn(&FactId) -> bool,
    /// What had better been made, or dropped, before it besides what it needs, where that closes no cycle.
    pub also: fn(&Difference<'_>, Doing) -> Vec<FactId>,
    /// The facts of other objects whose change brings this one about, such as the column of a parent table.
    pub comes_with: fn(&Difference<'_>, Doing) -> Vec<FactId>,
    /// What that means for those who use the relations that are there already, and for what is in them.
    pub effect: fn(&Difference<'_>, Doing) -> Effect,
    /// Whether it would have a say in how that object is made; `None` for kinds that have none.
    pub meddles: Option<fn(&FactId, &FactId) -> bool>,
    /// The names it takes, which nothing else can have.
    pub spaces: for<'a> fn(&'a FactId, &'a Fact) -> Vec<Space<'a>>,
    /// Adds the edges between facts of this kind and others that PostgreSQL does not record.
    pub edges: fn(&mut Snapshot),
    /// The object in whose file it stands.
    pub home: fn(&FactId, &Snapshot) -> FactId,
    /// The cases that prove it: `cases.md` of its folder.
    pub cases: &'static str,
}

/// An attribute that facts of a kind can have.
#[derive(Clone, Copy, Debug)]
pub struct Attribute {
    /// Its name.
    pub name: &'static str,
    /// What a difference in it means.
    pub nature: Nature,
}

/// What a difference in an attribute means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nature {
    /// A difference.
    Plain,
    /// A difference, but only between texts that the same server version wrote.
    Deparsed,
    /// A difference, but not between server versions: older ones do not have it.
    Newer,
    /// Reported, and no difference: stored order.
    Order,
    /// No difference: it belongs to the cluster or the installation, not to this database's schema.
    Local,
    /// A difference between live databases, which alone say it; no part of what is recorded.
    Live,
}

/// Whether a fact can be made within its parent's statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fold {
    /// It has a statement of its own.
    Never,
    /// It is folded unless that would close a cycle.
    May,
    /// It cannot be made otherwise.
    Always,
}

/// How several sessions can make facts of one kind and pass at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// Only one session makes them, as what makes one may wait for what makes another.
    Never,
    /// Each makes those of whole files: what makes one changes and locks nothing else.
    ByFile,
    /// Each makes those of whole schemas, together with the schemas that they refer to: what makes one locks what it
    /// refers to.
    BySchema,
}

/// What a difference in a fact asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Response {
    /// Nothing: something else brings it about.
    Nothing,
    /// It can be changed in place.
    Alter,
    /// It is dropped and made again; or comes, or goes, by itself.
    Again,
    /// What it belongs to has to be made again.
    Parent,
}

/// Whether a fact is dropped before what it belongs to, where a cycle asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alone {
    /// It goes with it.
    Never,
    /// Where nothing else helps.
    AtLast,
    /// It can go without much else.
    AtOnce,
    /// It has to go by itself in any case.
    Always,
}

/// What a fact does when one that it needs goes, or is made anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// It does not hold the other back.
    Stays,
    /// It stays too; but where both go, it goes first.
    GoesFirst,
    /// It has to be dropped first.
    Again,
    /// It is changed in place to what takes the other's name; until then the other is there under another.
    Remade,
}

/// A name that only one thing can have.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Space<'a> {
    /// Of tables, views, indexes, sequences, composite types of a schema (`pg_class`).
    Relation(Option<&'a str>, &'a str),
    /// Of types of a schema, row types included (`pg_type`).
    Type(Option<&'a str>, &'a str),
    /// Of multiranges, which are types too, as PostgreSQL prints them.
    Multirange(&'a str),
    /// Of functions, procedures, aggregates with these arguments (`pg_proc`).
    Routine(Option<&'a str>, &'a str, &'a str),
    /// Of the functions of a schema that make ranges over that type. A type that was renamed left its own as they were, so
    /// that nobody knows what they are called.
    RangeOver(Option<&'a str>, &'a str),
    /// Of constraints of a table or domain.
    Constraint(Option<&'a FactId>, &'a str),
    /// What a table can have only one of at a time.
    Single(Option<&'a FactId>, &'static str),
}

/// One statement that reads a kind from a system catalog.
pub struct Read {
    /// The catalog whose OID is the first column of each row.
    pub catalog: Catalog,
    /// The statement for servers from that version on (as `server_version_num`, first the oldest).
    pub sql: &'static [(u32, &'static str)],
    /// Takes in one row.
    pub row: fn(&mut Reader, Cells<'_>) -> Result<(), ReadError>,
}

impl Read {
    /// The statement for a server of that version.
    pub fn sql_for(&self, server_version: u32) -> &'static str {
        let fitting = self.sql.iter().rev().find(|(from, _)| *from <= server_version);
        fitting.or(self.sql.first()).map_or("", |(_, sql)| sql)
    }
}

/// The system catalogs that hold objects, with their OIDs, which PostgreSQL fixes in its sources
/// (`CATALOG(..., oid, ...)` in `src/include/catalog/*.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Catalog {
    /// Data types.
    Type = 1247,
    /// Functions, procedures, aggregates.
    Proc = 1255,
    /// Tables, indexes, views, sequences.
    Class = 1259,
    /// Roles.
    Authid = 1260,
    /// Memberships of roles; those have OIDs since 16.
    AuthMembers = 1261,
    /// Tablespaces.
    Tablespace = 1213,
    /// Privileges on configuration parameters.
    ParameterAcl = 6243,
    /// Databases.
    Database = 1262,
    /// Column defaults.
    AttrDef = 2604,
    /// Constraints.
    Constraint = 2606,
    /// Schemas.
    Namespace = 2615,
    /// Rules.
    Rewrite = 2618,
    /// Triggers.
    Trigger = 2620,
    /// Extensions.
    Extension = 3079,
    /// Policies.
    Policy = 3256,
    /// Default privileges.
    DefaultAcl = 826,
    /// Access methods.
    AccessMethod = 2601,
    /// Servers of foreign-data wrappers.
    ForeignServer = 1417,
    /// User mappings.
    UserMapping = 1418,
    /// Foreign-data wrappers.
    ForeignDataWrapper = 2328,
    /// Event triggers.
    EventTrigger = 3466,
    /// Publications.
    Publication = 6104,
    /// Tables of publications.
    PublicationTable = 6106,
    /// Schemas of publications.
    PublicationSchema = 6237,
    /// Casts.
    Cast = 2605,
    /// Large objects (`pg_largeobject`; their owners stand in `pg_largeobject_metadata`).
    LargeObject = 2613,
    /// Subscriptions.
    Subscription = 6100,
    /// Operators of operator families (`pg_amop`).
    AccessOperator = 2602,
    /// Functions of operator families (`pg_amproc`).
    AccessFunction = 2603,
    /// Conversions.
    Conversion = 2607,
    /// Languages.
    Language = 2612,
    /// Operator classes.
    OperatorClass = 2616,
    /// Operators.
    Operator = 2617,
    /// Operator families.
    OperatorFamily = 2753,
    /// Extended statistics.
    StatisticExt = 3381,
    /// Collations.
    Collation = 3456,
    /// Transforms.
    Transform = 3576,
    /// Text search dictionaries.
    TsDict = 3600,
    /// Text search parsers.
    TsParser = 3601,
    /// Text search configurations.
    TsConfig = 3602,
    /// Text search templates.
    TsTemplate = 3764,
}

/// Whether the fact is a state or said of one: it is restored, and is no difference.
pub fn is_of_state(id: &FactId) -> bool {
    id.path().any(|id| id.kind().kind().state)
}

/// Whether the fact is a part without which what it belongs to cannot be thought, such as a column.
pub(crate) fn is_part(id: &FactId, fact: &Fact) -> bool {
    (id.kind().kind().fold)(id, fact) == Fold::Always
}

impl Kind {
    /// The nature of one of its attributes; a difference in an attribute nobody declared is a difference.
    pub fn nature(&self, attribute: &str) -> Nature {
        self.attributes
            .iter()
            .find(|known| known.name == attribute)
            .map_or(Nature::Plain, |known| known.nature)
    }
}

/// Shorthands for the lists of attributes.
const fn plain(name: &'static str) -> Attribute {
    Attribute { name, nature: Nature::Plain }
}

const fn deparsed(name: &'static str) -> Attribute {
    Attribute { name, nature: Nature::Deparsed }
}

const fn order(name: &'static str) -> Attribute {
    Attribute { name, nature: Nature::Order }
}

const fn local(name: &'static str) -> Attribute {
    Attribute { name, nature: Nature::Local }
}

const fn live(name: &'static str) -> Attribute {
    Attribute { name, nature: Nature::Live }
}

/// The oldest server we read: what stands first in every list of statements.
const OLDEST: u32 = 130_000;

/// For kinds that are never folded.
fn never(_: &FactId, _: &Fact) -> Fold {
    Fold::Never
}
