//! An object that came with an extension or with PostgreSQL itself, and whose privileges, comment or security label
//! were changed. Nothing makes it but its extension; it is here for what was changed. A comment that was taken away
//! leaves no trace.
//!
//! Its name is the whole identity as PostgreSQL prints it, quotes and argument types included; its qualifier is the
//! words that the statement about it knows it by.

use super::{Catalog, Kind, KindId, OLDEST, Read, shared};
use crate::fact::{Fact, FactId};
use crate::read::{Cells, ReadError, Reader, columns, oid, text};

pub(super) static KIND: Kind = Kind {
    name: "member",
    reads: &[
        Read { catalog: Catalog::Extension, sql: &[(OLDEST, include_str!("read.sql"))], row },
        Read { catalog: Catalog::Extension, sql: &[(OLDEST, include_str!("read.comments.sql"))], row: comment_row },
    ],
    display: |id| format!("{} {}", id.qualifier().to_lowercase(), id.name()),
    reference: |id| format!("{} {}", id.qualifier(), id.name()),
    drop: shared::goes_along,
    is_given: true,
    cases: include_str!("cases.md"),
    ..shared::PART
};

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[extension, word, identity, column, owner, acl, usual] = columns(KIND.name, cells)?;
    let extension = reader.fact_at(Catalog::Extension, oid(extension)?, 0).cloned();
    let member = FactId::build(extension, KindId::Member, text(identity)?, text(word)?);
    reader.add_part(member.clone(), Fact::new());
    let of = match column {
        Some(column) => {
            let column = member.child(KindId::Column, column);
            reader.add_part(column.clone(), Fact::new());
            column
        }
        None => member,
    };
    reader.grants(&of, Some(oid(owner)?), acl, usual)
}

/// The comment on a member that is not the one it came with.
fn comment_row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[extension, kind, identity, comment] = columns("comments on members", cells)?;
    let extension = reader.fact_at(Catalog::Extension, oid(extension)?, 0).cloned();
    let (kind, identity) = (text(kind)?, text(identity)?);
    let Some(member) = id(extension, kind, identity) else {
        reader.leave_out("changed comment", &format!("{kind} {identity}"), "it is on a member of an extension");
        return Ok(());
    };
    reader.add_part(member.clone(), Fact::new());
    reader.add_part(member.child(KindId::Comment, ""), Fact::new().text("text", comment));
    Ok(())
}

/// The identity of a member by what `pg_identify_object` calls it, where COMMENT and SECURITY LABEL take its name as
/// that function gives it.
pub(super) fn id(extension: Option<FactId>, kind: &str, identity: &str) -> Option<FactId> {
    let words = match kind {
        "domain constraint" | "transform" => return None,
        "table constraint" => "CONSTRAINT".to_owned(),
        "statistics object" => "STATISTICS".to_owned(),
        "foreign-data wrapper" => "FOREIGN DATA WRAPPER".to_owned(),
        "composite type" => "TYPE".to_owned(),
        kind if kind.ends_with(" column") => "COLUMN".to_owned(),
        kind => kind.to_uppercase(),
    };
    let identity = match identity.strip_suffix("()").filter(|_| kind == "aggregate") {
        Some(name) => format!("{name}(*)"),
        None => identity.to_owned(),
    };
    Some(FactId::build(extension, KindId::Member, &identity, &words))
}
