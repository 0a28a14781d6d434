//! An extension, by name and schema. Its version belongs to the installation: a restore takes the one the
//! server offers, as `pg_dump` does, and a difference is reported. Between two live databases it is one to be acted on.

use super::{Attribute, Catalog, Kind, KindId, OLDEST, Read, live, local, plain, shared::{self, PART}};
use crate::fact::{Fact, FactId};
use crate::name::{quote_ident, quote_literal};
use crate::plan::{Difference, Group};
use crate::read::{Cells, ReadError, Reader, columns, oid, text};
use crate::snapshot::Snapshot;

pub(super) static KIND: Kind = Kind {
    name: "extension",
    attributes: ATTRIBUTES,
    reads: &[Read { catalog: Catalog::Extension, sql: &[(OLDEST, include_str!("read.sql"))], row }],
    create,
    respond: shared::alters,
    alter,
    brings_into: Some("schema"),
    cases: include_str!("cases.md"),
    ..PART
};

const ATTRIBUTES: &[Attribute] = &[plain("schema"), local("version"), live(INSTALLED)];

/// Says the version where that is a difference.
const INSTALLED: &str = "installed_version";

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[own, name, namespace, schema, version, rows] = columns(KIND.name, cells)?;
    let id = FactId::root(KindId::Extension, text(name)?);
    let fact = Fact::new().text("schema", schema).text("version", version);
    reader.add(Catalog::Extension, oid(own)?, &id, fact);
    if let Some(schema) = reader.schema(oid(namespace)?) {
        reader.need(&id, &schema);
    }
    if let Some(table) = rows {
        reader.mention("rows of a configuration table", table, "rows are not captured");
    }
    Ok(())
}

fn create(group: &Group<'_>) -> Vec<String> {
    let schema = group.fact.get_text("schema").unwrap_or("public");
    let name = quote_ident(group.id.name());
    let version = group.fact.get_text(INSTALLED).map(|version| format!(" VERSION {}", quote_literal(version)));
    let version = version.unwrap_or_default();
    let create = format!("CREATE EXTENSION IF NOT EXISTS {name} WITH SCHEMA {}{version}", quote_ident(schema));
    // It comes with a comment of its own.
    let comment = group.snapshot.get(&group.id.child(KindId::Comment, ""));
    let no_comment = comment.is_none().then(|| format!("COMMENT ON EXTENSION {name} IS NULL"));
    std::iter::once(create).chain(no_comment).collect()
}

/// It is updated where it is: what it moves is what it then has.
fn alter(difference: &Difference<'_>) -> Vec<String> {
    let (name, new) = (quote_ident(difference.id.name()), difference.becomes());
    let version = new.get_text(INSTALLED).filter(|_| difference.differs(INSTALLED));
    let update = version.map(|version| format!("ALTER EXTENSION {name} UPDATE TO {}", quote_literal(version)));
    let schema = new.get_text("schema").filter(|_| difference.differs("schema"));
    let set_schema = schema.map(|schema| format!("ALTER EXTENSION {name} SET SCHEMA {}", quote_ident(schema)));
    update.into_iter().chain(set_schema).collect()
}

/// Says on both sides, which are live databases read as they are, which version an extension has, where that is another, or
/// where it is yet to be made. What is loaded from SQL has the version that the server offers, whatever was meant.
pub fn say_versions(from: &mut Snapshot, to: &mut Snapshot) {
    let differs = |(id, fact): &(&FactId, &Fact)| {
        let before = from.get(id).map(|fact| fact.get_text("version"));
        id.kind() == KindId::Extension && before != Some(fact.get_text("version"))
    };
    let differing: Vec<FactId> = to.facts().filter(differs).map(|(id, _)| id.clone()).collect();
    for id in &differing {
        say_version(from, id);
        say_version(to, id);
    }
}

/// An extension whose version is said, and which of them it is to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionChange {
    /// The extension.
    pub id: FactId,
    /// The version that is there, if the extension is.
    pub old: Option<String>,
    /// The version that is to be.
    pub new: String,
}

/// The changes of versions that [`say_versions`] has said.
pub fn version_changes(from: &Snapshot, to: &Snapshot) -> Vec<VersionChange> {
    let changes = to.facts().filter_map(|(id, fact)| {
        let old = from.get(id).and_then(|fact| fact.get_text(INSTALLED)).map(str::to_owned);
        Some(VersionChange { id: id.clone(), old, new: fact.get_text(INSTALLED)?.to_owned() })
    });
    changes.collect()
}

/// Says no version of the extension any more.
pub fn leave_version(snapshot: &mut Snapshot, id: &FactId) {
    if let Some(fact) = snapshot.get_mut(id) {
        fact.remove(INSTALLED);
    }
}

/// Says the versions of those extensions of which the other snapshot says them.
pub fn say_versions_as(snapshot: &mut Snapshot, other: &Snapshot) {
    for (id, _) in other.facts().filter(|(_, fact)| fact.get(INSTALLED).is_some()) {
        say_version(snapshot, id);
    }
}

fn say_version(snapshot: &mut Snapshot, id: &FactId) {
    if let Some(fact) = snapshot.get_mut(id) {
        let version = fact.get_text("version").map(str::to_owned);
        *fact = std::mem::take(fact).text(INSTALLED, version.as_deref());
    }
}
