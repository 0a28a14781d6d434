//! A trigger on commands. It is made last of all, so that it does not fire for anything that is made here; and
//! none fires for what is said of event triggers themselves.

use super::{Attribute, Catalog, Kind, KindId, OLDEST, Read, plain, shared, trigger};
use crate::fact::{Fact, FactId};
use crate::name::quote_literal;
use crate::plan::{Difference, Group};
use crate::read::{Cells, ReadError, Reader, columns, list, oid, text};

pub(super) static KIND: Kind = Kind {
    name: "event trigger",
    late: true,
    attributes: ATTRIBUTES,
    reads: &[Read { catalog: Catalog::EventTrigger, sql: &[(OLDEST, include_str!("read.sql"))], row }],
    create,
    rename: shared::rename,
    respond: |difference| shared::alters_only(difference, &["firing"]),
    alter,
    cases: include_str!("cases.md"),
    ..shared::PART
};

const ATTRIBUTES: &[Attribute] = &[plain("event"), plain("tags"), plain("function"), plain("firing")];

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[own, name, owner, event, enabled, function, tags] = columns(KIND.name, cells)?;
    let fact = Fact::new()
        .text("event", event)
        .list("tags", &list(tags)?)
        .text("function", function)
        .text("firing", trigger::firing(enabled)?);
    let id = FactId::root(KindId::EventTrigger, text(name)?);
    reader.add(Catalog::EventTrigger, oid(own)?, &id, fact);
    reader.owner(&id, oid(owner)?);
    Ok(())
}

fn alter(difference: &Difference<'_>) -> Vec<String> {
    let firing = difference.becomes().get_text("firing").unwrap_or("origin");
    vec![format!("ALTER {} {}", shared::reference(difference.id), trigger::words(firing))]
}

fn create(group: &Group<'_>) -> Vec<String> {
    let reference = shared::reference(group.id);
    let text = |name| group.fact.get_text(name).unwrap_or_default();
    let tags: Vec<_> = group.fact.get_list("tags").iter().map(|tag| quote_literal(tag)).collect();
    let when =
        if tags.is_empty() { String::new() } else { format!("\n    WHEN TAG IN ({})", tags.join(", ")) };
    let create =
        format!("CREATE {reference} ON {}{when}\n    EXECUTE FUNCTION {}()", text("event"), text("function"));
    let firing =
        group.fact.get_text("firing").map(|firing| format!("ALTER {reference} {}", trigger::words(firing)));
    std::iter::once(create).chain(firing).collect()
}
