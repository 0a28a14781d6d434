//! A collation. Which version of its library made what is sorted by it belongs to the installation.

use super::{Attribute, Catalog, Kind, KindId, OLDEST, Read, plain, shared};
use crate::fact::Fact;
use crate::name::quote_literal;
use crate::plan::Group;
use crate::read::{Cells, ReadError, Reader, columns, flag};

pub(super) static KIND: Kind = Kind {
    name: "collation",
    folder: Some("collations"),
    attributes: ATTRIBUTES,
    reads: &[Read {
        catalog: Catalog::Collation,
        sql: &[
            (OLDEST, include_str!("read.sql")),
            (150_000, include_str!("read.pg15.sql")),
            (160_000, include_str!("read.pg16.sql")),
            (170_000, include_str!("read.pg17.sql")),
        ],
        row,
    }],
    create,
    set_aside: shared::rename_aside,
    drop_aside: shared::drop_aside,
    rename: shared::rename,
    cases: include_str!("cases.md"),
    ..shared::PART
};

const ATTRIBUTES: &[Attribute] = &[
    plain("provider"),
    plain("locale"),
    plain("collate"),
    plain("character_type"),
    plain("rules"),
    plain("not_deterministic"),
];

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[own, namespace, name, owner, provider, locale, collate, character_type, is_deterministic, rules] =
        columns(KIND.name, cells)?;
    let provider = match provider {
        Some("c") => "libc",
        Some("i") => "icu",
        Some("b") => "builtin",
        other => {
            return Err(ReadError::Unknown {
                what: "collation provider",
                value: other.unwrap_or_default().into(),
            });
        }
    };
    let mut fact = Fact::new()
        .text("provider", Some(provider))
        .text("rules", rules)
        .yes("not_deterministic", !flag(is_deterministic)?);
    fact = match (locale, collate == character_type) {
        (Some(locale), _) => fact.text("locale", Some(locale)),
        (None, true) => fact.text("locale", collate),
        (None, false) => fact.text("collate", collate).text("character_type", character_type),
    };
    shared::add_in_schema(
        reader,
        Catalog::Collation,
        KindId::Collation,
        &[own, namespace, name, owner],
        fact,
    )?;
    Ok(())
}

fn create(group: &Group<'_>) -> Vec<String> {
    let mut options = vec![format!("PROVIDER = {}", group.fact.get_text("provider").unwrap_or_default())];
    for (attribute, word) in
        [("locale", "LOCALE"), ("collate", "LC_COLLATE"), ("character_type", "LC_CTYPE"), ("rules", "RULES")]
    {
        let text = group.fact.get_text(attribute);
        options.extend(text.map(|text| format!("{word} = {}", quote_literal(text))));
    }
    if group.fact.is("not_deterministic") {
        options.push("DETERMINISTIC = false".to_owned());
    }
    vec![format!("CREATE COLLATION {} ({})", shared::path(group.id), options.join(", "))]
}
