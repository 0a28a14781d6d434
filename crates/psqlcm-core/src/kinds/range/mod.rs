//! A range type and its multirange.

use super::{
    Attribute, Catalog, Kind, KindId, Nature, OLDEST, Read, Space, enum_type, plain, shared, shell_type,
};
use crate::fact::{Fact, FactId};
use crate::name::{quote_ident, quote_literal};
use crate::plan::{Difference, Group};
use crate::read::{Cells, ReadError, Reader, columns, oid};
use crate::snapshot::Snapshot;

pub(super) static KIND: Kind = Kind {
    name: "range type",
    folder: Some("types"),
    attributes: ATTRIBUTES,
    reads: &[Read {
        catalog: Catalog::Type,
        sql: &[(OLDEST, include_str!("read.sql")), (140_000, include_str!("read.pg14.sql"))],
        row,
    }],
    reference: enum_type::reference,
    create,
    edges,
    set_aside,
    takes: shell_type::takes,
    drop_aside: shared::drop_aside,
    spaces,
    drop: shell_type::drop_type,
    rename: shared::rename,
    cases: include_str!("cases.md"),
    ..shared::PART
};

const ATTRIBUTES: &[Attribute] = &[
    plain("subtype"),
    plain("operator_class"),
    plain("collation"),
    plain("canonical"),
    plain("subtype_difference"),
    Attribute { name: "multirange", nature: Nature::Newer },
];

/// The words of CREATE TYPE ... AS RANGE for each attribute.
const OPTIONS: [(&str, &str); 6] = [
    ("subtype", "SUBTYPE"),
    ("operator_class", "SUBTYPE_OPCLASS"),
    ("collation", "COLLATION"),
    ("canonical", "CANONICAL"),
    ("subtype_difference", "SUBTYPE_DIFF"),
    ("multirange", "MULTIRANGE_TYPE_NAME"),
];

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[
        own,
        namespace,
        name,
        array,
        owner,
        acl,
        usual,
        subtype,
        operator_class,
        collation,
        canonical,
        difference,
        multirange,
        multirange_oid,
        multirange_array,
    ] = columns(KIND.name, cells)?;
    let fact = Fact::new()
        .text("subtype", subtype)
        .text("operator_class", operator_class)
        .text("collation", collation)
        .text("canonical", canonical)
        .text("subtype_difference", difference)
        .text("multirange", multirange);
    let cells = [own, namespace, name, array, owner, acl, usual];
    let Some(id) = enum_type::add_type(reader, KindId::Range, &cells, fact)? else { return Ok(()) };
    for also in [multirange_oid, multirange_array].into_iter().flatten() {
        reader.locate(Catalog::Type, oid(Some(also))?, 0, &id);
    }
    Ok(())
}

fn create(group: &Group<'_>) -> Vec<String> {
    let option = |(attribute, word): (&str, &str)| {
        group.fact.get_text(attribute).map(|value| format!("\n    {word} = {value}"))
    };
    let options: Vec<_> = OPTIONS.into_iter().filter_map(option).collect();
    vec![format!("CREATE TYPE {} AS RANGE ({}\n)", shared::path(group.id), options.join(","))]
}

/// Its multirange makes room too, and so do the functions that make values of both, which would be in the way; all go with it.
/// Only the catalog knows what those are called: a type that was renamed left them as they were.
fn set_aside(difference: &Difference<'_>) -> Vec<String> {
    let own = shared::path(difference.id);
    let aside = shared::aside(difference.id);
    let multirange = difference.was().get_text("multirange");
    let types: Vec<_> = std::iter::once(own.as_str()).chain(multirange).map(quote_literal).collect();
    let functions = format!(
        "DO $do$\nDECLARE\n    f pg_catalog.regprocedure;\nBEGIN\n    \
         FOR f IN SELECT objid FROM pg_catalog.pg_depend\n        \
         WHERE classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND deptype = 'i'\n            \
         AND refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass\n            \
         AND refobjid = ANY (ARRAY[{}]::pg_catalog.regtype[])\n    \
         LOOP\n        EXECUTE pg_catalog.format('ALTER FUNCTION %s RENAME TO %I', f, {});\n    \
         END LOOP;\nEND\n$do$",
        types.join(", "),
        quote_literal(aside.name())
    );
    let multirange = multirange.map(|path| {
        format!("ALTER TYPE {path} RENAME TO {}", quote_ident(&format!("{}_m", aside.name())))
    });
    std::iter::once(functions).chain(multirange).chain(shared::rename_aside(difference)).collect()
}

fn spaces<'a>(id: &'a FactId, fact: &'a Fact) -> Vec<Space<'a>> {
    let multirange = fact.get_text("multirange").map(Space::Multirange);
    let functions = fact.get_text("subtype").map(|subtype| Space::RangeOver(id.schema(), subtype));
    shared::type_space(id, fact).into_iter().chain(multirange).chain(functions).collect()
}

/// A canonical function takes and gives the range.
fn edges(snapshot: &mut Snapshot) {
    let canonical = snapshot.facts().filter(|(id, fact)| id.kind() == KindId::Range && fact.get("canonical").is_some());
    let ranges: Vec<FactId> = canonical.map(|(id, _)| id.clone()).collect();
    for range in ranges {
        shell_type::come_before(snapshot, &range);
    }
}
