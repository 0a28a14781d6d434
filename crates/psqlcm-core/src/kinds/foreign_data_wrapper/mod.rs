//! A foreign-data wrapper that no extension brought.

use super::{Attribute, Catalog, Kind, KindId, OLDEST, Read, plain, shared};
use crate::fact::{Fact, FactId};
use crate::plan::{Difference, Group};
use crate::read::{Cells, ReadError, Reader, columns, list, oid, text};

pub(super) static KIND: Kind = Kind {
    name: "foreign-data wrapper",
    attributes: ATTRIBUTES,
    reads: &[Read { catalog: Catalog::ForeignDataWrapper, sql: &[(OLDEST, include_str!("read.sql"))], row }],
    reference,
    create,
    respond: shared::alters,
    alter,
    rename: shared::rename,
    cases: include_str!("cases.md"),
    ..shared::PART
};

const ATTRIBUTES: &[Attribute] = &[plain("handler"), plain("validator"), plain("options")];

fn reference(id: &FactId) -> String {
    format!("FOREIGN DATA WRAPPER {}", shared::path(id))
}

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[own, name, owner, acl, usual, handler, validator, options] = columns(KIND.name, cells)?;
    let owner = oid(owner)?;
    let id = FactId::root(KindId::ForeignDataWrapper, text(name)?);
    let options = shared::without_secrets(reader, &id, list(options)?);
    let fact = Fact::new().text("handler", handler).text("validator", validator).list("options", &options);
    reader.add(Catalog::ForeignDataWrapper, oid(own)?, &id, fact);
    reader.owner(&id, owner);
    reader.grants(&id, Some(owner), acl, usual)
}

fn alter(difference: &Difference<'_>) -> Vec<String> {
    let clause = |(attribute, word): &(&str, &str)| match difference.becomes().get_text(attribute) {
        Some(function) => format!(" {word} {function}"),
        None => format!(" NO {word}"),
    };
    let words = [("handler", "HANDLER"), ("validator", "VALIDATOR")];
    let functions: String =
        words.iter().filter(|(attribute, _)| difference.differs(attribute)).map(clause).collect();
    let options = shared::changed_foreign_options(difference, "options").map(|options| format!(" {options}"));
    vec![format!("ALTER {}{functions}{}", reference(difference.id), options.unwrap_or_default())]
}

fn create(group: &Group<'_>) -> Vec<String> {
    let clause = |(attribute, word): (&str, &str)| {
        group.fact.get_text(attribute).map(|name| format!(" {word} {name}"))
    };
    let functions: String =
        [("handler", "HANDLER"), ("validator", "VALIDATOR")].into_iter().filter_map(clause).collect();
    let options = shared::foreign_options(group.fact.get_list("options"));
    vec![format!("CREATE {}{functions}{options}", reference(group.id))]
}
