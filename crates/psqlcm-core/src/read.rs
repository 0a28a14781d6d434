//! A capture in progress: rows of the catalog come in, facts and edges come out.
//!
//! Rows are raw: OIDs are joined to names here and not on the server. Each kind's `row` function uses a
//! [`Reader`] to look up what was read before it and to add its facts. Nothing here talks to a server.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::catalogs::{Catalogs, Column, Unknown};
use crate::fact::{Fact, FactId, Quick, Value};
use crate::kinds::{ALL, Catalog, Kind, KindId, Read};
use crate::name::quote_literal;
use crate::privileges::{self, Acl, Difference};
use crate::snapshot::{LeftOut, Snapshot};

mod printed;
use printed::Printed;

/// The cells of one row in PostgreSQL's text format; `None` is NULL.
pub type Cells<'a> = &'a [Option<&'a str>];

/// Objects with a lower OID are part of every database (`FirstNormalObjectId` in PostgreSQL's
/// `access/transam.h`).
pub const FIRST_USER_OID: u32 = 16_384;

/// The OID of `pg_largeobject_metadata`, as the census gives it: what it holds is data.
const LARGE_OBJECTS: &str = "2613";

/// Why a row cannot be taken in. Each is a defect of this program or a server it does not know.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The statement returned rows of another shape than its reader expects.
    #[error("a row of {kind} has {found} columns instead of {expected}")]
    Width {
        /// What was being read.
        kind: &'static str,
        /// How many columns the reader expects.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// A cell does not hold what it should.
    #[error("cannot read {what} from {cell:?}")]
    Cell {
        /// What it should be.
        what: &'static str,
        /// What it is.
        cell: Option<String>,
    },
    /// A value of the catalog that this version of the program does not know.
    #[error("unknown {what} {value:?}")]
    Unknown {
        /// Which property.
        what: &'static str,
        /// Its value.
        value: String,
    },
}

/// The address of an object as `pg_depend` gives it: catalog, OID, and the column's number or 0.
type Address = (u32, u32, u32);

/// How an access control list differs from others, by their text.
type AclDifferences = HashMap<Box<str>, Arc<[Difference]>>;

/// What is done once all is read, with the fact that then stands at an address.
type Later = Box<dyn FnOnce(&mut Reader, Option<&FactId>)>;

/// Builds a [`Snapshot`] from rows.
pub struct Reader {
    server_version: u32,
    /// What is known of catalogs.
    known: Catalogs,
    /// The catalogs of a server that is newer than what is known.
    columns: Vec<Column>,
    snapshot: Snapshot,
    /// What stands at an address; `None` where something was seen that is no fact of its own.
    addresses: HashMap<Address, Option<FactId>, Quick>,
    /// Extension members, with the extension they came with.
    members: HashMap<(u32, u32), u32, Quick>,
    roles: HashMap<u32, Fact, Quick>,
    role_names: HashMap<Box<str>, u32>,
    /// How access control lists differ from the usual ones, by both texts.
    acls: HashMap<Box<str>, AclDifferences>,
    /// What stands in a catalog and was not read: catalog and OID.
    unread: Vec<(u32, u32)>,
    edges: Vec<(Address, Address)>,
    /// What is said of objects, which may not have been read yet.
    later: Vec<(Address, Later)>,
    /// The kinds of which a second message reads more.
    asked: BTreeSet<KindId>,
    printed: Printed,
    /// The numbers of dropped columns, by relation.
    dropped: HashMap<u32, BTreeSet<u32>, Quick>,
}

/// One statement of a capture.
#[derive(Clone)]
pub enum Statement {
    /// Which objects came with an extension.
    Members,
    /// All roles, by OID.
    Roles,
    /// The words that are quoted as names.
    Keywords,
    /// A kind's own statement.
    Kind(&'static Kind, &'static Read),
    /// `pg_description` and `pg_shdescription`.
    Comments,
    /// `pg_depend`.
    Edges,
    /// How many objects each catalog holds, and how many objects nobody asked for.
    Census,
    /// The columns of the catalogs, of a server that is newer than what is known.
    Catalogs,
    /// What only the server can print; of a second message.
    Definitions,
    /// What stands in a catalog and nothing read; of a second message.
    Unread,
    /// How many rows use what is not known; of a second message.
    Unknown(Unknown),
}

impl Statement {
    /// All statements that read a database, in the order in which their rows must come in: schemas before what is in
    /// them, what has columns before what hangs on columns, else the natural order.
    pub fn all() -> Vec<Self> {
        let pass = |id: &KindId| match id.kind().has_columns {
            _ if *id <= KindId::Schema => 0,
            true => 1,
            false => 2,
        };
        let mut kinds = ALL.to_vec();
        kinds.sort_by_key(pass);
        let kinds = kinds.into_iter().flat_map(|id| {
            let kind = id.kind();
            kind.reads.iter().map(move |read| Self::Kind(kind, read))
        });
        let first = [Self::Members, Self::Roles, Self::Keywords];
        let last = [Self::Comments, Self::Edges, Self::Census, Self::Catalogs];
        first.into_iter().chain(kinds).chain(last).collect()
    }

    /// All statements that read the cluster's globals, in the order in which their rows must come in.
    pub fn globals() -> Vec<Self> {
        let kinds = ALL.iter().flat_map(|id| {
            let kind = id.kind();
            kind.globals.iter().map(move |read| Self::Kind(kind, read))
        });
        [Self::Roles].into_iter().chain(kinds).collect()
    }

    /// Its text for a server of that version: one statement, no semicolon. Those of the second message have theirs from
    /// [`Reader::more`].
    pub fn sql(&self, server_version: u32) -> &'static str {
        match self {
            Self::Members => include_str!("read/members.sql"),
            Self::Roles => include_str!("read/roles.sql"),
            Self::Keywords => include_str!("read/keywords.sql"),
            Self::Kind(_, read) => read.sql_for(server_version),
            Self::Comments => include_str!("read/comments.sql"),
            Self::Edges => include_str!("read/edges.sql"),
            Self::Census => include_str!("read/census.sql"),
            Self::Catalogs => include_str!("read/catalogs.sql"),
            Self::Definitions | Self::Unread | Self::Unknown(_) => "",
        }
    }

    /// Whether a capture goes on without it, where the role may not run it. Without members, roles or dependencies all
    /// else would be wrong.
    pub fn is_dispensable(&self) -> bool {
        matches!(self, Self::Kind(..) | Self::Comments | Self::Census)
    }

    /// What it reads, for messages.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Members => "extension members",
            Self::Roles => "roles",
            Self::Keywords => "keywords",
            Self::Kind(kind, _) => kind.name,
            Self::Comments => "comments",
            Self::Edges => "dependencies",
            Self::Census => "census",
            Self::Catalogs => "catalogs",
            Self::Definitions => "definitions",
            Self::Unread => "what was not read",
            Self::Unknown(_) => "what is new",
        }
    }
}

impl Reader {
    /// Nothing read yet.
    pub fn new(server_version: u32, known: Catalogs) -> Self {
        Self {
            server_version,
            known,
            columns: Vec::new(),
            snapshot: Snapshot::new(server_version),
            addresses: HashMap::with_hasher(Quick),
            members: HashMap::with_hasher(Quick),
            roles: HashMap::with_hasher(Quick),
            role_names: HashMap::new(),
            acls: HashMap::new(),
            unread: Vec::new(),
            edges: Vec::new(),
            later: Vec::new(),
            asked: BTreeSet::new(),
            printed: Printed::default(),
            dropped: HashMap::with_hasher(Quick),
        }
    }

    /// The `server_version_num` of the server the rows come from.
    pub fn server_version(&self) -> u32 {
        self.server_version
    }

    /// Takes in one row of one statement.
    ///
    /// # Errors
    /// When the row is not what the statement promises.
    pub fn row(&mut self, statement: &Statement, cells: Cells<'_>) -> Result<(), ReadError> {
        match statement {
            Statement::Members => self.member_row(cells),
            Statement::Roles => self.role_row(cells),
            Statement::Keywords => self.keyword_row(cells),
            Statement::Kind(_, read) => {
                let oid = oid(cells.first().copied().flatten())?;
                if self.members.contains_key(&(read.catalog as u32, oid)) {
                    return Ok(());
                }
                (read.row)(self, cells)
            }
            Statement::Comments => self.comment_row(cells),
            Statement::Edges => self.edge_row(cells),
            Statement::Census => self.census_row(cells),
            Statement::Catalogs => self.catalog_row(cells),
            Statement::Definitions => self.definition_row(cells),
            Statement::Unread => self.unread_row(cells),
            Statement::Unknown(unknown) => self.unknown_row(unknown, cells),
        }
    }

    /// The statements of a second message, with their texts: what kinds asked for, and what names what was not read.
    /// Most databases need none.
    pub fn more(&self) -> Vec<(Statement, String)> {
        let version = self.server_version;
        let asked = self.asked.iter().map(|id| id.kind());
        let asked = asked.flat_map(|kind| kind.asked.iter().map(move |read| (kind, read)));
        let asked = asked.map(|(kind, read)| (Statement::Kind(kind, read), read.sql_for(version).to_owned()));
        let mut more: Vec<_> = asked.collect();
        more.extend(self.printed.sql().map(|sql| (Statement::Definitions, sql)));
        more.extend(self.unread_sql().map(|sql| (Statement::Unread, sql)));
        more.extend(self.known.unknown(&self.columns).into_iter().map(|(unknown, sql)| {
            // What may not be read is named by a row that says so.
            (Statement::Unknown(unknown), sql.unwrap_or_else(|| "select null".to_owned()))
        }));
        more
    }

    /// Whether the statement has nothing to give, and need not be run.
    pub fn is_idle(&self, statement: &Statement) -> bool {
        matches!(statement, Statement::Catalogs) && !self.known.is_older_than(self.server_version)
    }

    /// Resolves what could only be resolved at the end, and hands the snapshot over.
    pub fn finish(mut self) -> Snapshot {
        for (address, later) in std::mem::take(&mut self.later) {
            let fact = self.addresses.get(&address).cloned().flatten();
            later(&mut self, fact.as_ref());
        }
        self.close_gaps();
        self.snapshot.sort();
        for (from, to) in std::mem::take(&mut self.edges) {
            if let (Some(from), Some(to)) = (self.resolve(from), self.resolve(to)) {
                self.snapshot.add_need(&from, &to);
            }
        }
        for (catalog, object) in std::mem::take(&mut self.unread) {
            self.leave_out("object", &format!("{object} of catalog {catalog}"), "nothing is known of it");
        }
        // Each of them walks all facts, and most databases have few kinds.
        let kinds: BTreeSet<KindId> = self.snapshot.facts().map(|(id, _)| id.kind()).collect();
        for kind in kinds {
            (kind.kind().edges)(&mut self.snapshot);
        }
        self.snapshot.settle();
        self.snapshot
    }

    /// Adds a fact and what stands at its address.
    pub fn add(&mut self, catalog: Catalog, oid: u32, id: &FactId, fact: Fact) {
        self.locate(catalog, oid, 0, id);
        self.snapshot.gather(id.clone(), fact);
    }

    /// Adds a fact that has no address of its own.
    pub fn add_part(&mut self, id: FactId, fact: Fact) {
        self.snapshot.gather(id, fact);
    }

    /// Says which fact stands for an address; `column` is 0 for the object itself.
    pub fn locate(&mut self, catalog: Catalog, oid: u32, column: u32, id: &FactId) {
        self.addresses.insert((catalog as u32, oid, column), Some(id.clone()));
    }

    /// Says that an object was seen which is no fact of its own, so that the census does not miss it.
    pub fn pass(&mut self, catalog: Catalog, oid: u32) {
        self.addresses.entry((catalog as u32, oid, 0)).or_insert(None);
    }

    /// The fact at an address, if one was read.
    pub fn fact_at(&self, catalog: Catalog, oid: u32, column: u32) -> Option<&FactId> {
        self.addresses.get(&(catalog as u32, oid, column))?.as_ref()
    }

    /// The fact that stands for an object of whatever catalog, if one was read.
    pub fn fact_of(&self, catalog: u32, oid: u32) -> Option<&FactId> {
        self.addresses.get(&(catalog, oid, 0))?.as_ref()
    }

    /// What stands for an object that belongs to no database.
    pub fn global(&mut self, catalog: u32, oid: u32) -> Option<FactId> {
        match catalog == Catalog::Authid as u32 {
            true => self.role(oid),
            false => self.fact_of(catalog, oid).cloned(),
        }
    }

    /// Does something once all is read, with the fact that then stands for a catalog's object or its column.
    pub fn once_read(
        &mut self,
        address: (u32, u32, u32),
        then: impl FnOnce(&mut Self, Option<&FactId>) + 'static,
    ) {
        self.later.push((address, Box::new(then)));
    }

    /// Says that a relation has no column of that number any more.
    pub fn dropped_column(&mut self, relation: u32, number: u32) {
        self.dropped.entry(relation).or_default().insert(number);
    }

    /// Columns are counted without those that were dropped: made again they have no gaps between them.
    fn close_gaps(&mut self) {
        for (relation, dropped) in std::mem::take(&mut self.dropped) {
            let mut gaps = 0;
            for number in dropped.first().copied().unwrap_or_default().. {
                if dropped.contains(&number) {
                    gaps += 1;
                    continue;
                }
                // The numbers of a relation have none left out.
                let Some(column) = self.column(relation, number) else { break };
                if let Some(fact) = self.fact_mut(&column) {
                    fact.set("position", Value::Int(i64::from(number - gaps)));
                }
            }
        }
    }

    /// Has a second message read what the kind reads only where there is a reason to.
    pub fn ask(&mut self, kind: KindId) {
        self.asked.insert(kind);
    }

    /// The extension that an object came with, as a fact.
    pub fn extension_of(&self, catalog: u32, oid: u32) -> Option<FactId> {
        let extension = self.members.get(&(catalog, oid))?;
        self.fact_at(Catalog::Extension, *extension, 0).cloned()
    }

    /// The schema of that OID; `None` for those of the system and for temporary ones.
    pub fn schema(&self, oid: u32) -> Option<FactId> {
        self.fact_at(Catalog::Namespace, oid, 0).cloned()
    }

    /// A relation of that OID that was read.
    pub fn relation(&self, oid: u32) -> Option<FactId> {
        self.fact_at(Catalog::Class, oid, 0).cloned()
    }

    /// The column of that relation and number.
    pub fn column(&self, relation: u32, number: u32) -> Option<FactId> {
        self.fact_at(Catalog::Class, relation, number).cloned()
    }

    /// A fact read before, to add to it.
    pub fn fact_mut(&mut self, id: &FactId) -> Option<&mut Fact> {
        self.snapshot.get_mut(id)
    }

    /// A fact read before.
    pub fn fact(&self, id: &FactId) -> Option<&Fact> {
        self.snapshot.get(id)
    }

    /// Records that one fact cannot be without the other.
    pub fn need(&mut self, id: &FactId, needed: &FactId) {
        self.snapshot.add_need(id, needed);
    }

    /// Names something that is there and that the snapshot does not hold.
    pub fn leave_out(&mut self, kind: &str, identity: &str, reason: &str) {
        self.snapshot.left_out.push(LeftOut::new(kind, identity, reason));
    }

    /// Says something of what is no schema.
    pub fn mention(&mut self, kind: &str, identity: &str, what: &str) {
        self.snapshot.mentions.push(LeftOut::new(kind, identity, what));
    }

    /// The role of that OID, as a fact of this snapshot; `None` for one that is gone.
    pub fn role(&mut self, oid: u32) -> Option<FactId> {
        if let Some(id) = self.fact_at(Catalog::Authid, oid, 0) {
            return Some(id.clone());
        }
        let fact = self.roles.get(&oid)?;
        let id = FactId::root(KindId::Role, fact.get_text("name")?);
        if self.snapshot.get(&id).is_none() {
            let mut fact = fact.clone();
            fact.remove("name");
            self.add(Catalog::Authid, oid, &id, fact);
        }
        Some(id)
    }

    /// The role of that name, as a fact of this snapshot; `None` for one that is gone.
    pub fn role_named(&mut self, name: &str) -> Option<FactId> {
        let oid = *self.role_names.get(name)?;
        self.role(oid)
    }

    /// Records who owns an object.
    pub fn owner(&mut self, id: &FactId, role: u32) {
        let Some(role) = self.role(role) else {
            self.leave_out("owner", &id.to_string(), &format!("role {role} is gone"));
            return;
        };
        let owner = id.child(KindId::Owner, "");
        self.snapshot.gather(owner.clone(), Fact::new().text("role", Some(role.name())));
        self.snapshot.add_need(&owner, &role);
    }

    /// Records how the privileges on an object differ from those a new object of its kind has.
    ///
    /// # Errors
    /// When a list is not one that PostgreSQL writes.
    pub fn grants(
        &mut self,
        id: &FactId,
        owner: Option<u32>,
        acl: Option<&str>,
        usual: Option<&str>,
    ) -> Result<(), ReadError> {
        let Some(acl) = acl else { return Ok(()) };
        let owner = owner.and_then(|oid| self.roles.get(&oid)).and_then(|role| role.get_text("name"));
        let owner = owner.unwrap_or_default().to_owned();
        let differences = self.acl_differences(acl, usual.unwrap_or("{}"))?;
        for (position, entry) in differences.iter().enumerate() {
            let grant = id.qualified_child(KindId::Grant, &entry.grantee, &entry.grantor);
            let by_other = entry.grantor != owner;
            let fact = Fact::new()
                .list("privileges", &entry.privileges)
                .yes("revoke_first", entry.revoke_first)
                .text("grantor", by_other.then_some(entry.grantor.as_str()))
                .int("position", i64::try_from(position).ok());
            let mut roles = vec![entry.grantee.as_str()];
            roles.extend(by_other.then_some(entry.grantor.as_str()));
            for name in roles.into_iter().filter(|name| !name.is_empty()) {
                match self.role_named(name) {
                    Some(role) => self.snapshot.add_need(&grant, &role),
                    None => self.leave_out("grant", &id.to_string(), &format!("role {name} is gone")),
                }
            }
            self.snapshot.gather(grant, fact);
        }
        Ok(())
    }

    /// Many objects have the same privileges.
    fn acl_differences(&mut self, acl: &str, usual: &str) -> Result<Arc<[Difference]>, ReadError> {
        if let Some(known) = self.acls.get(acl).and_then(|known| known.get(usual)) {
            return Ok(Arc::clone(known));
        }
        let differences: Arc<[_]> = privileges::differences(&Acl::parse(acl)?, &Acl::parse(usual)?).into();
        self.acls.entry(acl.into()).or_default().insert(usual.into(), Arc::clone(&differences));
        Ok(differences)
    }

    fn unread_sql(&self) -> Option<String> {
        let objects: Vec<_> =
            self.unread.iter().map(|(catalog, object)| format!("{catalog}.{object}")).collect();
        let list = quote_literal(&objects.join(" "));
        (!objects.is_empty()).then(|| include_str!("read/unread.sql").replace(":'objects'", &list))
    }

    fn catalog_row(&mut self, cells: Cells<'_>) -> Result<(), ReadError> {
        let &[catalog, name, is_oid, is_letter, is_readable] = columns("catalogs", cells)?;
        self.columns.push(Column {
            catalog: text(catalog)?.to_owned(),
            name: text(name)?.to_owned(),
            is_oid: flag(is_oid)?,
            is_letter: flag(is_letter)?,
            is_readable: flag(is_readable)?,
        });
        Ok(())
    }

    fn unknown_row(&mut self, unknown: &Unknown, cells: Cells<'_>) -> Result<(), ReadError> {
        let &[rows] = columns("what is new", cells)?;
        let (major, newest) = (self.server_version / 10_000, self.known.newest());
        let reason = match number(rows)? {
            Some(0) => return Ok(()),
            Some(rows) => {
                let rows = if rows == 1 { "1 row uses".to_owned() } else { format!("{rows} rows use") };
                format!("PostgreSQL {major} has it, psql-cm knows {newest} at most, and {rows} it")
            }
            None => format!(
                "PostgreSQL {major} has it, psql-cm knows {newest} at most, and the role may not read it"
            ),
        };
        match unknown {
            Unknown::Catalog(catalog) => self.leave_out("new catalog", catalog, &reason),
            Unknown::Column(catalog, column) => {
                self.leave_out("new column", &format!("{catalog}.{column}"), &reason);
            }
        }
        Ok(())
    }

    fn unread_row(&mut self, cells: Cells<'_>) -> Result<(), ReadError> {
        let &[catalog, object, kind, identity] = columns("what was not read", cells)?;
        let address = (oid(catalog)?, oid(object)?);
        // An object that another session dropped meanwhile has no identity.
        let (Some(kind), Some(identity)) = (kind, identity) else { return Ok(()) };
        self.unread.retain(|unread| *unread != address);
        self.leave_out(
            kind,
            identity,
            "it is in a schema of the system, or belongs to something that was left out",
        );
        Ok(())
    }

    fn member_row(&mut self, cells: Cells<'_>) -> Result<(), ReadError> {
        let &[catalog, object, extension] = columns("extension members", cells)?;
        self.members.insert((oid(catalog)?, oid(object)?), oid(extension)?);
        Ok(())
    }

    fn role_row(&mut self, cells: Cells<'_>) -> Result<(), ReadError> {
        let (oid, fact) = crate::kinds::role::from_row(cells)?;
        self.role_names.insert(fact.get_text("name").unwrap_or_default().into(), oid);
        self.roles.insert(oid, fact);
        Ok(())
    }

    fn comment_row(&mut self, cells: Cells<'_>) -> Result<(), ReadError> {
        let &[catalog, object, column, text] = columns("comments", cells)?;
        let address = (oid(catalog)?, oid(object)?, oid(column)?);
        let fact = Fact::new().text("text", text);
        self.once_read(address, move |reader, id| {
            if let Some(id) = id {
                reader.add_part(crate::kinds::comment::id_on(id, address.0), fact);
            }
        });
        Ok(())
    }

    fn edge_row(&mut self, cells: Cells<'_>) -> Result<(), ReadError> {
        let &[catalog, object, column, to_catalog, to_object, to_column] = columns("dependencies", cells)?;
        let from = (oid(catalog)?, oid(object)?, oid(column)?);
        let to = (oid(to_catalog)?, oid(to_object)?, oid(to_column)?);
        self.edges.push((from, to));
        Ok(())
    }

    /// Rows are either `catalog, OIDs, NULL, NULL, NULL` or, for what no kind can read,
    /// `catalog, OID, type, identity, reason`.
    fn census_row(&mut self, cells: Cells<'_>) -> Result<(), ReadError> {
        let &[catalog, objects, kind, identity, reason] = columns("census", cells)?;
        let (Some(kind), Some(identity)) = (kind, identity) else {
            let catalog = oid(catalog)?;
            // An array of numbers has no quotes.
            let objects = objects.unwrap_or_default().trim_matches(['{', '}']);
            for object in objects.split(',').filter(|object| !object.is_empty()) {
                let object = oid(Some(object))?;
                if !self.addresses.contains_key(&(catalog, object, 0)) {
                    self.unread.push((catalog, object));
                }
            }
            return Ok(());
        };
        match catalog {
            Some(LARGE_OBJECTS) => self.mention(kind, identity, reason.unwrap_or_default()),
            _ => self.leave_out(kind, identity, reason.unwrap_or("this kind of object is not supported yet")),
        }
        Ok(())
    }

    /// The fact for an address: its own, that of the object it is a column of, or its extension.
    fn resolve(&self, (catalog, object, column): Address) -> Option<FactId> {
        let exact = self.addresses.get(&(catalog, object, column));
        if let Some(Some(id)) = exact.or_else(|| self.addresses.get(&(catalog, object, 0))) {
            return Some(id.clone());
        }
        self.extension_of(catalog, object)
    }
}

/// The columns of a row whose number is known.
///
/// # Errors
/// When there are fewer or more.
pub fn columns<'a, const N: usize>(
    kind: &'static str,
    cells: Cells<'a>,
) -> Result<&'a [Option<&'a str>; N], ReadError> {
    cells.try_into().map_err(|_| ReadError::Width { kind, expected: N, found: cells.len() })
}

/// An OID, or any other number that PostgreSQL keeps in 32 bits without a sign.
///
/// # Errors
/// When the cell holds something else.
pub fn oid(cell: Option<&str>) -> Result<u32, ReadError> {
    parse("a number", cell)
}

/// A number; `None` for NULL.
///
/// # Errors
/// When the cell holds something else.
pub fn number(cell: Option<&str>) -> Result<Option<i64>, ReadError> {
    cell.map(|text| parse("a number", Some(text))).transpose()
}

/// A boolean in PostgreSQL's text format; NULL is false.
///
/// # Errors
/// When the cell holds something else.
pub fn flag(cell: Option<&str>) -> Result<bool, ReadError> {
    match cell {
        Some("t") => Ok(true),
        Some("f") | None => Ok(false),
        Some(other) => Err(ReadError::Cell { what: "a boolean", cell: Some(other.to_owned()) }),
    }
}

/// A text that cannot be NULL.
///
/// # Errors
/// When it is.
pub fn text(cell: Option<&str>) -> Result<&str, ReadError> {
    cell.ok_or(ReadError::Cell { what: "a text", cell: None })
}

/// The items of a `text[]`; NULL is the empty list.
///
/// # Errors
/// When the cell holds no array.
pub fn list(cell: Option<&str>) -> Result<Vec<String>, ReadError> {
    let Some(text) = cell else { return Ok(Vec::new()) };
    privileges::parse_array(text).ok_or(ReadError::Cell { what: "an array", cell: Some(text.to_owned()) })
}

/// A text that is there and not empty.
pub fn filled(cell: Option<&str>) -> Option<&str> {
    cell.filter(|text| !text.is_empty())
}

/// The attribute value of a text.
pub fn text_value(text: &str) -> Value {
    Value::Text(text.into())
}

fn parse<T: std::str::FromStr>(what: &'static str, cell: Option<&str>) -> Result<T, ReadError> {
    let parsed = cell.and_then(|text| text.parse().ok());
    parsed.ok_or_else(|| ReadError::Cell { what, cell: cell.map(str::to_owned) })
}

/// The numbers of an array or vector of the catalog, such as `{1,2}` or `1 2`; NULL is the empty list.
///
/// # Errors
/// When the cell holds something else.
pub fn numbers(cell: Option<&str>) -> Result<Vec<u32>, ReadError> {
    let items = cell.unwrap_or_default().trim_matches(['{', '}']).split([',', ' ']);
    items.filter(|item| !item.is_empty()).map(|item| oid(Some(item))).collect()
}
