//! A procedure; read along with functions.

use super::{Attribute, Kind, deparsed, function, plain, shared::PART};

pub(super) static KIND: Kind = Kind {
    name: "procedure",
    folder: Some("procedures"),
    attributes: ATTRIBUTES,
    create: function::create,
    cases: include_str!("cases.md"),
    ..PART
};

const ATTRIBUTES: &[Attribute] = &[plain("arguments"), deparsed("definition")];
