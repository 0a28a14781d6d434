//! A function, window functions included, as PostgreSQL prints it.

use super::{Attribute, Catalog, Kind, KindId, OLDEST, Read, deparsed, plain, shared, shell_type, Response};
use crate::fact::Fact;
use crate::plan::{Difference, Group};
use crate::read::{Cells, ReadError, Reader, columns, oid, text};

pub(super) static KIND: Kind = Kind {
    name: "function",
    folder: Some("functions"),
    sharing: super::Sharing::ByFile,
    attributes: ATTRIBUTES,
    reads: &[Read { catalog: Catalog::Proc, sql: &[(OLDEST, include_str!("read.sql"))], row }],
    create,
    respond,
    alter: shared::alter_by_create,
    spaces: shared::routine_space,
    comes_with: shell_type::type_of,
    rename: shared::rename,
    cases: include_str!("cases.md"),
    ..shared::PART
};

/// `arguments` and `result` decide whether CREATE OR REPLACE can change it in place.
const ATTRIBUTES: &[Attribute] = &[plain("arguments"), plain("result"), deparsed("definition")];

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[own, namespace, name, kind, signature, arguments, result, definition, owner, acl, usual] =
        columns(KIND.name, cells)?;
    let (own, owner) = (oid(own)?, oid(owner)?);
    let Some(schema) = reader.schema(oid(namespace)?) else { return Ok(()) };
    let kind = match kind {
        Some("f" | "w") => KindId::Function,
        Some("p") => KindId::Procedure,
        other => return Err(ReadError::Unknown { what: "kind of routine", value: other.unwrap_or_default().into() }),
    };
    let id = schema.qualified_child(kind, text(name)?, text(signature)?);
    let fact = Fact::new()
        .text("arguments", arguments)
        .text("result", result)
        .text("definition", definition.map(|text| text.trim_end_matches('\n')));
    reader.add(Catalog::Proc, own, &id, fact);
    reader.owner(&id, owner);
    reader.grants(&id, Some(owner), acl, usual)
}

/// The definition is a whole statement.
pub(super) fn create(group: &Group<'_>) -> Vec<String> {
    vec![group.fact.get_text("definition").unwrap_or_default().to_owned()]
}

/// CREATE OR REPLACE changes all but how a function is called and what it gives; it can give names to arguments that
/// have none, and default values.
pub(super) fn respond(difference: &Difference<'_>) -> Response {
    let is_called_otherwise = difference.differs("arguments") && !only_names(difference);
    let loses_defaults = defaults(difference.becomes()) < defaults(difference.was());
    match is_called_otherwise || loses_defaults || difference.differs("result") {
        true => Response::Again,
        false => shared::alters(difference),
    }
}

/// Whether arguments that had no names get some, and nothing else is new about them.
fn only_names(difference: &Difference<'_>) -> bool {
    let arguments = |fact: &'_ Fact| -> Vec<String> {
        shared::list_items(fact.get_text("arguments").unwrap_or_default()).into_iter().map(str::to_owned).collect()
    };
    let (before, after) = (arguments(difference.was()), arguments(difference.becomes()));
    let types = shared::list_items(difference.id.qualifier());
    let is_alike = |((before, after), plain): ((&String, &String), &&str)| {
        before == after || (before == plain && after.ends_with(&format!(" {plain}")) && !has_mode(after))
    };
    before.len() == after.len()
        && before.len() == types.len()
        && before.iter().zip(&after).zip(&types).all(is_alike)
}

fn has_mode(argument: &str) -> bool {
    ["IN ", "OUT ", "INOUT ", "VARIADIC "].iter().any(|mode| argument.starts_with(mode))
}

/// How many arguments have default values.
fn defaults(fact: &Fact) -> usize {
    let definition = fact.get_text("definition").unwrap_or_default();
    let arguments = definition.split_once('(').map_or("", |(_, rest)| rest);
    shared::list_items(arguments).iter().filter(|argument| argument.contains(" DEFAULT ")).count()
}
