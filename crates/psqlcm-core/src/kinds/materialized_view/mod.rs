//! A materialized view. It is made without rows; whether it has been populated is a fact of its own.

use super::{Attribute, Catalog, Kind, KindId, OLDEST, Read, column, deparsed, plain, shared};
use crate::fact::Fact;
use crate::name::quote_ident;
use crate::plan::{Difference, Group};
use crate::read::{Cells, ReadError, Reader, columns, flag, list, text};

pub(super) static KIND: Kind = Kind {
    name: "materialized view",
    folder: Some("materialized_views"),
    sharing: super::Sharing::ByFile,
    has_columns: true,
    attributes: ATTRIBUTES,
    reads: &[Read { catalog: Catalog::Class, sql: &[(OLDEST, include_str!("read.sql"))], row }],
    create,
    respond: |difference| shared::alters_only(difference, &["options", "toast_options", "tablespace"]),
    alter,
    spaces: shared::relation_and_type_space,
    rename: shared::rename,
    cases: include_str!("cases.md"),
    ..shared::PART
};

const ATTRIBUTES: &[Attribute] = &[
    deparsed("query"),
    plain("options"),
    plain("toast_options"),
    plain("tablespace"),
    plain("access_method"),
];

fn row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[
        own,
        namespace,
        name,
        options,
        toast_options,
        definition,
        tablespace,
        access_method,
        populated,
        row_type,
        row_array,
        owner,
        acl,
        usual,
    ] = columns(KIND.name, cells)?;
    let fact = Fact::new()
        .text("query", Some(&shared::settled(text(definition)?.trim_end_matches(';'))))
        .list("options", &list(options)?)
        .list("toast_options", &list(toast_options)?)
        .text("tablespace", tablespace)
        .text("access_method", access_method.filter(|&name| name != "heap"));
    let cells = &[own, namespace, name, row_type, row_array, owner, acl, usual];
    let Some(id) = shared::add_relation(reader, KindId::MaterializedView, cells, fact)? else { return Ok(()) };
    if flag(populated)? {
        reader.add_part(id.child(KindId::Population, ""), Fact::new());
    }
    Ok(())
}

fn create(group: &Group<'_>) -> Vec<String> {
    let fact = group.fact;
    let mut create = format!("CREATE MATERIALIZED VIEW {}", shared::path(group.id));
    if let Some(method) = fact.get_text("access_method") {
        create += &format!(" USING {}", quote_ident(method));
    }
    let toast = fact.get_list("toast_options").iter().map(|option| format!("toast.{option}").into());
    let options: Vec<_> = fact.get_list("options").iter().cloned().chain(toast).collect();
    create += &shared::with_options(&options);
    if let Some(tablespace) = fact.get_text("tablespace") {
        create += &format!(" TABLESPACE {}", quote_ident(tablespace));
    }
    create += &format!(" AS\n{}\nWITH NO DATA", fact.get_text("query").unwrap_or_default());
    let columns = group.children(group.id, KindId::Column).into_iter();
    let settings = columns.flat_map(|(id, fact)| column::settings(id, fact, false));
    let settings = settings.map(|statement| statement.replacen("ALTER TABLE ONLY", "ALTER MATERIALIZED VIEW", 1));
    std::iter::once(create).chain(settings).collect()
}

fn alter(difference: &Difference<'_>) -> Vec<String> {
    let mut changes = shared::changed_options(difference, "options", "");
    changes.extend(shared::changed_options(difference, "toast_options", "toast."));
    if difference.differs("tablespace") {
        let tablespace = difference.becomes().get_text("tablespace").unwrap_or("pg_default");
        changes.push(format!("SET TABLESPACE {}", quote_ident(tablespace)));
    }
    let view = shared::path(difference.id);
    changes.into_iter().map(|change| format!("ALTER MATERIALIZED VIEW {view} {change}")).collect()
}
