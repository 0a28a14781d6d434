//! A publication: what of its tables is published, and how. Which tables these are is facts of their own, unless they
//! are all.

use super::{Attribute, Catalog, Kind, KindId, OLDEST, Read, Response, plain, shared};
use crate::fact::{Fact, FactId};
use crate::name::quote_literal;
use crate::plan::{Difference, Group};
use crate::read::{Cells, ReadError, Reader, columns, flag, oid, text};

pub(super) static KIND: Kind = Kind {
    name: "publication",
    attributes: ATTRIBUTES,
    reads: &[Read {
        catalog: Catalog::Publication,
        sql: &[(OLDEST, include_str!("read.sql")), (180_000, include_str!("read.pg18.sql"))],
        row,
    }],
    create,
    rename: shared::rename,
    respond,
    alter,
    cases: include_str!("cases.md"),
    ..shared::PART
};

/// `publish` is there where not everything is published, and may be empty.
const ATTRIBUTES: &[Attribute] =
    &[plain("all_tables"), plain("publish"), plain("via_partition_root"), plain("generated_columns")];

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[own, name, owner, all_tables, inserts, updates, deletes, truncates, via_root, generated] =
        columns(KIND.name, cells)?;
    let mut published = Vec::new();
    for (cell, word) in
        [(inserts, "insert"), (updates, "update"), (deletes, "delete"), (truncates, "truncate")]
    {
        published.extend(flag(cell)?.then_some(word));
    }
    let generated = match generated {
        Some("s") => Some("stored"),
        Some("n") | None => None,
        Some(other) => return Err(ReadError::Unknown { what: "way to publish", value: other.to_owned() }),
    };
    let published = (published.len() < 4).then(|| published.join(", "));
    let fact = Fact::new()
        .yes("all_tables", flag(all_tables)?)
        .text("publish", published.as_deref())
        .yes("via_partition_root", flag(via_root)?)
        .text("generated_columns", generated);
    let id = FactId::root(KindId::Publication, text(name)?);
    reader.add(Catalog::Publication, oid(own)?, &id, fact);
    reader.owner(&id, oid(owner)?);
    Ok(())
}

/// That it is of all tables cannot be altered.
fn respond(difference: &Difference<'_>) -> Response {
    shared::alters_only(difference, &["publish", "via_partition_root", "generated_columns"])
}

fn alter(difference: &Difference<'_>) -> Vec<String> {
    const EVERYTHING: &str = "insert, update, delete, truncate";
    let fact = difference.becomes();
    let publish = quote_literal(fact.get_text("publish").unwrap_or(EVERYTHING));
    let generated = fact.get_text("generated_columns").unwrap_or("none");
    let settings = [
        ("publish", format!("publish = {publish}")),
        ("via_partition_root", format!("publish_via_partition_root = {}", fact.is("via_partition_root"))),
        ("generated_columns", format!("publish_generated_columns = {generated}")),
    ];
    let changed = settings.into_iter().filter(|(attribute, _)| difference.differs(attribute));
    let changed: Vec<String> = changed.map(|(_, setting)| setting).collect();
    vec![format!("ALTER {} SET ({})", shared::reference(difference.id), changed.join(", "))]
}

fn create(group: &Group<'_>) -> Vec<String> {
    let fact = group.fact;
    let all = if fact.is("all_tables") { " FOR ALL TABLES" } else { "" };
    let mut options = Vec::new();
    options
        .extend(fact.get_text("publish").map(|published| format!("publish = {}", quote_literal(published))));
    options.extend(fact.is("via_partition_root").then(|| "publish_via_partition_root = true".to_owned()));
    options
        .extend(fact.get_text("generated_columns").map(|how| format!("publish_generated_columns = {how}")));
    let options = if options.is_empty() { String::new() } else { format!(" WITH ({})", options.join(", ")) };
    vec![format!("CREATE {}{all}{options}", shared::reference(group.id))]
}
