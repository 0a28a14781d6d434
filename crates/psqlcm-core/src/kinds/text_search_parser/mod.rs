//! A text search parser, which has neither owner nor privileges.

use super::{Attribute, Catalog, Kind, KindId, OLDEST, Read, plain, shared};
use crate::fact::Fact;
use crate::plan::Group;
use crate::read::{Cells, ReadError, Reader, columns};

pub(super) static KIND: Kind = Kind {
    name: "text search parser",
    folder: Some("text_search"),
    attributes: ATTRIBUTES,
    reads: &[Read { catalog: Catalog::TsParser, sql: &[(OLDEST, include_str!("read.sql"))], row }],
    create,
    rename: shared::rename,
    cases: include_str!("cases.md"),
    ..shared::PART
};

const ATTRIBUTES: &[Attribute] =
    &[plain("start"), plain("next_token"), plain("end"), plain("headline"), plain("token_types")];

const OPTIONS: [(&str, &str); 5] = [
    ("start", "START"),
    ("next_token", "GETTOKEN"),
    ("end", "END"),
    ("headline", "HEADLINE"),
    ("token_types", "LEXTYPES"),
];

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[own, namespace, name, start, next_token, end, headline, token_types] = columns(KIND.name, cells)?;
    let fact = Fact::new()
        .text("start", start)
        .text("next_token", next_token)
        .text("end", end)
        .text("headline", headline)
        .text("token_types", token_types);
    let cells = [own, namespace, name, None];
    shared::add_in_schema(reader, Catalog::TsParser, KindId::TextSearchParser, &cells, fact)?;
    Ok(())
}

fn create(group: &Group<'_>) -> Vec<String> {
    vec![shared::create_with(group, &OPTIONS)]
}
