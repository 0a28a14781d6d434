//! A rewrite rule, as PostgreSQL prints it. The rule that makes a view is the view's definition.

use super::{Alone, Attribute, Catalog, Kind, KindId, OLDEST, Read, deparsed, plain, shared, trigger};
use crate::fact::Fact;
use crate::name::quote_ident;
use crate::plan::{Difference, Group};
use crate::read::{Cells, ReadError, Reader, columns, oid, text};

pub(super) static KIND: Kind = Kind {
    name: "rule",
    attributes: ATTRIBUTES,
    reads: &[Read { catalog: Catalog::Rewrite, sql: &[(OLDEST, include_str!("read.sql"))], row }],
    reference: shared::reference_on,
    create,
    respond: shared::alters,
    alter,
    drops_alone: Alone::AtOnce,
    rename: shared::rename,
    cases: include_str!("cases.md"),
    ..shared::PART
};

const ATTRIBUTES: &[Attribute] = &[deparsed("definition"), plain("firing")];

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[own, relation, name, enabled, definition] = columns(KIND.name, cells)?;
    let own = oid(own)?;
    let Some(parent) = reader.relation(oid(relation)?) else { return Ok(()) };
    let Some(definition) = definition else {
        let of = match parent.kind() {
            KindId::View => parent.child(KindId::ViewDefinition, ""),
            _ => parent,
        };
        reader.locate(Catalog::Rewrite, own, 0, &of);
        return Ok(());
    };
    let fact = Fact::new()
        .text("definition", Some(&shared::settled(definition.trim_end_matches(';'))))
        .text("firing", trigger::firing(enabled)?);
    reader.add(Catalog::Rewrite, own, &parent.child(KindId::Rule, text(name)?), fact);
    Ok(())
}

fn create(group: &Group<'_>) -> Vec<String> {
    let definition = group.fact.get_text("definition").unwrap_or_default().to_owned();
    let firing = group.fact.get_text("firing").map(|firing| {
        let name = quote_ident(group.id.name());
        format!("ALTER TABLE {} {} RULE {name}", shared::parent_path(group.id), trigger::words(firing))
    });
    std::iter::once(definition).chain(firing).collect()
}

fn alter(difference: &Difference<'_>) -> Vec<String> {
    let definition = difference.becomes().get_text("definition").unwrap_or_default();
    let replace = definition.replacen("CREATE RULE", "CREATE OR REPLACE RULE", 1);
    let firing = difference.differs("firing").then(|| {
        let (table, name) = (shared::parent_path(difference.id), quote_ident(difference.id.name()));
        let words = trigger::words(difference.becomes().get_text("firing").unwrap_or("origin"));
        format!("ALTER TABLE {table} {words} RULE {name}")
    });
    difference.differs("definition").then_some(replace).into_iter().chain(firing).collect()
}
