//! A text search template, which has neither owner nor privileges.

use super::{Attribute, Catalog, Kind, KindId, OLDEST, Read, plain, shared};
use crate::fact::Fact;
use crate::plan::Group;
use crate::read::{Cells, ReadError, Reader, columns};

pub(super) static KIND: Kind = Kind {
    name: "text search template",
    folder: Some("text_search"),
    attributes: ATTRIBUTES,
    reads: &[Read { catalog: Catalog::TsTemplate, sql: &[(OLDEST, include_str!("read.sql"))], row }],
    create,
    rename: shared::rename,
    cases: include_str!("cases.md"),
    ..shared::PART
};

const ATTRIBUTES: &[Attribute] = &[plain("init"), plain("lexize")];

const OPTIONS: [(&str, &str); 2] = [("init", "INIT"), ("lexize", "LEXIZE")];

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[own, namespace, name, init, lexize] = columns(KIND.name, cells)?;
    let fact = Fact::new().text("init", init).text("lexize", lexize);
    let cells = [own, namespace, name, None];
    shared::add_in_schema(reader, Catalog::TsTemplate, KindId::TextSearchTemplate, &cells, fact)?;
    Ok(())
}

fn create(group: &Group<'_>) -> Vec<String> {
    vec![shared::create_with(group, &OPTIONS)]
}
