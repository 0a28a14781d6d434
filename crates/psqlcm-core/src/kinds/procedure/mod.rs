//! A procedure; read along with functions.

use super::{Attribute, Kind, deparsed, function, plain, shared, shared::PART};
use crate::fact::FactId;
use crate::name::quote_ident;

pub(super) static KIND: Kind = Kind {
    name: "procedure",
    folder: Some("procedures"),
    sharing: super::Sharing::ByFile,
    attributes: ATTRIBUTES,
    reference,
    create: function::create,
    respond: function::respond,
    alter: shared::alter_by_create,
    spaces: shared::routine_space,
    rename: shared::rename,
    cases: include_str!("cases.md"),
    ..PART
};

/// With a word on the first argument the list is that of the inputs; without, it could be that of another
/// procedure's inputs and outputs.
fn reference(id: &FactId) -> String {
    match id.qualifier() {
        "" => shared::reference(id),
        inputs => {
            let schema = id.parent().map(shared::path).unwrap_or_default();
            format!("PROCEDURE {schema}.{}(IN {inputs})", quote_ident(id.name()))
        }
    }
}

const ATTRIBUTES: &[Attribute] = &[plain("arguments"), deparsed("definition")];
