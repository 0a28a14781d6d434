//! An aggregate. PostgreSQL prints no definition of one, so each option is an attribute. It is named by the types
//! of all its arguments, as functions are: every command but CREATE takes that, whatever is ordered by what.

use super::{Attribute, Catalog, Kind, KindId, OLDEST, Read, Response, plain, shared};
use crate::fact::Fact;
use crate::name::{quote_ident, quote_literal};
use crate::plan::{Difference, Group};
use crate::read::{Cells, ReadError, Reader, columns, filled, flag, number, oid, text};

pub(super) static KIND: Kind = Kind {
    name: "aggregate",
    folder: Some("aggregates"),
    attributes: ATTRIBUTES,
    reads: &[Read { catalog: Catalog::Proc, sql: &[(OLDEST, include_str!("read.sql"))], row }],
    create,
    respond,
    alter: shared::replace_by_create,
    spaces: shared::routine_space,
    rename: shared::rename,
    cases: include_str!("cases.md"),
    ..shared::PART
};

const ATTRIBUTES: &[Attribute] = &[
    plain("arguments"),
    plain("result"),
    plain("state_function"),
    plain("state_type"),
    plain("state_size"),
    plain("final_function"),
    plain("final_extra"),
    plain("final_modify"),
    plain("combine_function"),
    plain("serial_function"),
    plain("deserial_function"),
    plain("initial_value"),
    plain("moving_state_function"),
    plain("moving_inverse_function"),
    plain("moving_state_type"),
    plain("moving_state_size"),
    plain("moving_final_function"),
    plain("moving_final_extra"),
    plain("moving_final_modify"),
    plain("moving_initial_value"),
    plain("sort_operator"),
    plain("parallel"),
    plain("hypothetical"),
];

/// In the order of the columns of `read.sql` from the eleventh on: attribute, word of CREATE AGGREGATE, form.
const OPTIONS: [(&str, &str, Form); 20] = [
    ("state_function", "SFUNC", Form::Name),
    ("state_type", "STYPE", Form::Name),
    ("state_size", "SSPACE", Form::Number),
    ("final_function", "FINALFUNC", Form::Name),
    ("final_extra", "FINALFUNC_EXTRA", Form::Flag),
    ("final_modify", "FINALFUNC_MODIFY", Form::Name),
    ("combine_function", "COMBINEFUNC", Form::Name),
    ("serial_function", "SERIALFUNC", Form::Name),
    ("deserial_function", "DESERIALFUNC", Form::Name),
    ("initial_value", "INITCOND", Form::Text),
    ("moving_state_function", "MSFUNC", Form::Name),
    ("moving_inverse_function", "MINVFUNC", Form::Name),
    ("moving_state_type", "MSTYPE", Form::Name),
    ("moving_state_size", "MSSPACE", Form::Number),
    ("moving_final_function", "MFINALFUNC", Form::Name),
    ("moving_final_extra", "MFINALFUNC_EXTRA", Form::Flag),
    ("moving_final_modify", "MFINALFUNC_MODIFY", Form::Name),
    ("moving_initial_value", "MINITCOND", Form::Text),
    ("sort_operator", "SORTOP", Form::Name),
    ("parallel", "PARALLEL", Form::Name),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// SQL that PostgreSQL has quoted.
    Name,
    /// Any text, to be quoted.
    Text,
    Number,
    Flag,
}

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let cells: &[_; 30] = columns(KIND.name, cells)?;
    let &[own, namespace, name, signature, arguments, owner, acl, usual, kind, result, ..] = cells;
    let (own, owner) = (oid(own)?, oid(owner)?);
    let Some(schema) = reader.schema(oid(namespace)?) else { return Ok(()) };
    let fact = Fact::new().text("arguments", filled(arguments)).text("result", result);
    let mut fact = fact.yes("hypothetical", kind == Some("h"));
    for ((attribute, _, form), cell) in OPTIONS.into_iter().zip(&cells[10..]) {
        fact = match form {
            Form::Name => fact.text(attribute, filled(*cell)),
            Form::Text => fact.text(attribute, *cell),
            Form::Number => fact.int(attribute, number(*cell)?.filter(|&size| size != 0)),
            Form::Flag => fact.yes(attribute, flag(*cell)?),
        };
    }
    let id = schema.qualified_child(KindId::Aggregate, text(name)?, text(signature)?);
    reader.add(Catalog::Proc, own, &id, fact);
    reader.owner(&id, owner);
    reader.grants(&id, Some(owner), acl, usual)
}

/// It is replaced where it is called as before, and gives the same type.
fn respond(difference: &Difference<'_>) -> Response {
    match ["arguments", "hypothetical", "result"].iter().any(|attribute| difference.differs(attribute)) {
        true => Response::Again,
        false => shared::alters(difference),
    }
}

fn create(group: &Group<'_>) -> Vec<String> {
    let option = |(attribute, word, form): (&str, &str, Form)| {
        let value = group.fact.get(attribute)?.to_string();
        Some(match form {
            Form::Name | Form::Number => format!("\n    {word} = {value}"),
            Form::Text => format!("\n    {word} = {}", quote_literal(&value)),
            Form::Flag => format!("\n    {word}"),
        })
    };
    let mut options: Vec<_> = OPTIONS.into_iter().filter_map(option).collect();
    options.extend(group.fact.is("hypothetical").then(|| "\n    HYPOTHETICAL".to_owned()));
    let schema = group.id.parent().map(shared::path).unwrap_or_default();
    let arguments = group.fact.get_text("arguments").unwrap_or("*");
    let name = quote_ident(group.id.name());
    vec![format!("CREATE AGGREGATE {schema}.{name}({arguments}) ({}\n)", options.join(","))]
}
