//! What a view selects.

use super::{Alone, Attribute, Kind, deparsed, shared, table, view, Response};
use crate::plan::{Difference, Group};

pub(super) static KIND: Kind = Kind {
    name: "view definition",
    attributes: ATTRIBUTES,
    display: |id| format!("definition of view {}", shared::parent_path(id)),
    fold: shared::may,
    create,
    respond,
    alter: shared::alter_by_create,
    drop,
    made_with_parent: |_| true,
    drops_alone: Alone::AtOnce,
    cases: include_str!("cases.md"),
    ..shared::PART
};

const ATTRIBUTES: &[Attribute] = &[deparsed("query")];

/// Only where it could not be folded: the view stands there without rows.
fn create(group: &Group<'_>) -> Vec<String> {
    let view = group.id.parent().and_then(|id| Some((id, group.snapshot.get(id)?)));
    let query = group.fact.get_text("query").unwrap_or_default();
    view.into_iter().map(|(id, fact)| view::statement("CREATE OR REPLACE VIEW", id, fact, query)).collect()
}

/// A view is replaced in place where it keeps its columns, in their order; more may follow.
fn respond(difference: &Difference<'_>) -> Response {
    let Some(view) = difference.id.parent() else { return Response::Again };
    let (before, after) = (table::columns_of(difference.from, view), table::columns_of(difference.to, view));
    match after.starts_with(&before) {
        true => shared::alters(difference),
        false => Response::Parent,
    }
}

/// Only where what it selects needs the view: the view stays, without rows.
fn drop(difference: &Difference<'_>) -> Vec<String> {
    let view = difference.id.parent().and_then(|id| difference.from.entry(id));
    let statement = |(id, fact)| {
        let group = Group::of(id, fact, difference.from);
        view::statement("CREATE OR REPLACE VIEW", id, fact, &view::placeholder(&group))
    };
    view.map(statement).into_iter().collect()
}
