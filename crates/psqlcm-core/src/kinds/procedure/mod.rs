//! A procedure; read along with functions.

use super::{Kind, function, shared::PART};

pub(super) static KIND: Kind = Kind {
    name: "procedure",
    folder: Some("procedures"),
    attributes: function::ATTRIBUTES,
    create: function::create,
    cases: include_str!("cases.md"),
    ..PART
};
