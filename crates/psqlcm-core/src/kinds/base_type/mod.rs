//! A base type: its functions for input and output, and how its values are kept. The functions take and give the
//! type, of which there is a shell first.

use super::{Attribute, Catalog, Kind, KindId, OLDEST, Read, enum_type, plain, shared, shell_type};
use crate::fact::{Fact, FactId};
use crate::name::quote_literal;
use crate::plan::{Difference, Group};
use crate::read::{Cells, ReadError, Reader, columns, flag, number};
use crate::snapshot::Snapshot;

pub(super) static KIND: Kind = Kind {
    name: "base type",
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
    respond: |difference| shared::alters_only(difference, &SETTABLE),
    alter,
    takes: shell_type::takes,
    set_aside: shared::rename_aside,
    drop_aside: shared::drop_aside,
    spaces: shared::type_space,
    drop: shell_type::drop_type,
    rename: shared::rename,
    cases: include_str!("cases.md"),
    ..shared::PART
};

const ATTRIBUTES: &[Attribute] = &[
    plain("input"),
    plain("output"),
    plain("receive"),
    plain("send"),
    plain("modifier_in"),
    plain("modifier_out"),
    plain("analyze"),
    plain("subscript"),
    plain("length"),
    plain("by_value"),
    plain("alignment"),
    plain("storage"),
    plain("category"),
    plain("preferred"),
    plain("default"),
    plain("element"),
    plain("delimiter"),
    plain("collatable"),
];

/// What ALTER TYPE can set.
const SETTABLE: [&str; 7] =
    ["receive", "send", "modifier_in", "modifier_out", "analyze", "subscript", "storage"];

/// In the order of the columns of `read.sql` from the eighth on.
const FUNCTIONS: [(&str, &str); 8] = [
    ("input", "INPUT"),
    ("output", "OUTPUT"),
    ("receive", "RECEIVE"),
    ("send", "SEND"),
    ("modifier_in", "TYPMOD_IN"),
    ("modifier_out", "TYPMOD_OUT"),
    ("analyze", "ANALYZE"),
    ("subscript", "SUBSCRIPT"),
];

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let cells: &[_; 25] = columns(KIND.name, cells)?;
    let &[own, namespace, name, array, owner, acl, usual, ..] = cells;
    let mut fact = Fact::new();
    for ((attribute, _), function) in FUNCTIONS.into_iter().zip(&cells[7..]) {
        fact = fact.text(attribute, *function);
    }
    let &[length, by_value, alignment, storage, category, preferred, default, element, delimiter, collatable] =
        columns(KIND.name, &cells[15..])?;
    let alignment = match alignment {
        Some("c") => "char",
        Some("s") => "int2",
        Some("i") => "int4",
        Some("d") => "double",
        other => {
            return Err(ReadError::Unknown { what: "alignment", value: other.unwrap_or_default().into() });
        }
    };
    let storage = match storage {
        Some("p") => None,
        Some("e") => Some("external"),
        Some("x") => Some("extended"),
        Some("m") => Some("main"),
        other => return Err(ReadError::Unknown { what: "storage", value: other.unwrap_or_default().into() }),
    };
    let fact = fact
        .int("length", number(length)?.filter(|&length| length != VARIABLE))
        .yes("by_value", flag(by_value)?)
        .text("alignment", Some(alignment))
        .text("storage", storage)
        .text("category", category.filter(|&category| category != "U"))
        .yes("preferred", flag(preferred)?)
        .text("default", default)
        .text("element", element)
        .text("delimiter", delimiter.filter(|&delimiter| delimiter != ","))
        .yes("collatable", flag(collatable)?);
    enum_type::add_type(reader, KindId::BaseType, &[own, namespace, name, array, owner, acl, usual], fact)?;
    Ok(())
}

fn alter(difference: &Difference<'_>) -> Vec<String> {
    let words = FUNCTIONS.into_iter().chain([("storage", "STORAGE")]);
    let changed = words.filter(|(attribute, _)| difference.differs(attribute));
    let usual = |attribute: &str| if attribute == "storage" { "plain" } else { "NONE" };
    let value = |attribute: &str| difference.becomes().get_text(attribute).unwrap_or(usual(attribute)).to_owned();
    let changes: Vec<_> = changed.map(|(attribute, word)| format!("{word} = {}", value(attribute))).collect();
    vec![format!("ALTER {} SET ({})", enum_type::reference(difference.id), changes.join(", "))]
}

/// `typlen` of a type whose values say their length.
const VARIABLE: i64 = -1;

fn create(group: &Group<'_>) -> Vec<String> {
    let fact = group.fact;
    let mut options: Vec<String> = Vec::new();
    let mut say = |word: &str, value: Option<String>| {
        options.extend(value.map(|value| format!("\n    {word} = {value}")));
    };
    let plain = |name: &str| fact.get_text(name).map(str::to_owned);
    let literal = |name: &str| fact.get_text(name).map(quote_literal);
    let yes = |name: &str| fact.is(name).then(|| "true".to_owned());
    say(
        "INTERNALLENGTH",
        Some(fact.get_int("length").map_or("variable".to_owned(), |length| length.to_string())),
    );
    for (attribute, word) in FUNCTIONS {
        say(word, plain(attribute));
    }
    say("PASSEDBYVALUE", yes("by_value"));
    say("ALIGNMENT", plain("alignment"));
    say("STORAGE", plain("storage"));
    say("CATEGORY", literal("category"));
    say("PREFERRED", yes("preferred"));
    say("DEFAULT", literal("default"));
    say("ELEMENT", plain("element"));
    say("DELIMITER", literal("delimiter"));
    say("COLLATABLE", yes("collatable"));
    vec![format!("CREATE TYPE {} ({}\n)", shared::path(group.id), options.join(","))]
}

fn edges(snapshot: &mut Snapshot) {
    let types = snapshot.facts().map(|(id, _)| id).filter(|id| id.kind() == KindId::BaseType);
    for id in types.cloned().collect::<Vec<FactId>>() {
        shell_type::come_before(snapshot, &id);
    }
}
