//! What several kinds share: how they are named and the usual way of being told from each other.

use std::collections::BTreeSet;

use crate::fact::{Fact, FactId};
use crate::kinds::{Alone, Catalog, Fold, Kind, KindId, Reaction, Response, Sharing, Space, effect, never};
use crate::name::quote_ident;
use crate::plan::{Difference, Group};
use crate::read::{ReadError, Reader, oid, text};
use crate::snapshot::Snapshot;

/// What most kinds have in common, for `..PART`.
pub(super) const PART: Kind = Kind {
    name: "",
    folder: None,
    satellite: false,
    newer: |_| false,
    state: false,
    late: false,
    sharing: Sharing::Never,
    has_columns: false,
    attributes: &[],
    reads: &[],
    asked: &[],
    globals: &[],
    display,
    reference,
    fold: never,
    create: nothing,
    respond: |_| Response::Again,
    alter: |_| Vec::new(),
    drop: drop_by_reference,
    drops_alone: Alone::Never,
    rename: |_, _| None,
    is_given: false,
    brings_into: None,
    set_aside: |_| Vec::new(),
    drop_aside: |_| Vec::new(),
    takes: |_| Vec::new(),
    meddles: None,
    react: |_, _| Reaction::Again,
    disturbs: |_, _| false,
    also: |_, _| Vec::new(),
    made_with_parent: |_| false,
    comes_with: |_, _| Vec::new(),
    effect: effect::usual,
    spaces: |_, _| Vec::new(),
    edges: |_| {},
    home: |id, _| id.clone(),
    cases: "",
};

/// The kind's name and the quoted path: `column app.orders.id`.
pub(super) fn display(id: &FactId) -> String {
    format!("{} {}", id.kind().kind().name, path(id))
}

/// The quoted names from the schema down, with the argument types of a routine.
pub(super) fn path(id: &FactId) -> String {
    if id.kind() == KindId::Member {
        return id.name().to_owned();
    }
    let own = quote_ident(id.name());
    let own = match id.kind() {
        KindId::Aggregate if id.qualifier().is_empty() => format!("{own}(*)"),
        KindId::Operator => format!("{}({})", id.name(), id.qualifier()),
        KindId::Function | KindId::Procedure | KindId::Aggregate => format!("{own}({})", id.qualifier()),
        _ => own.into_owned(),
    };
    match id.parent() {
        Some(parent) if parent.kind() != KindId::Database => format!("{}.{own}", path(parent)),
        _ => own,
    }
}

/// `TABLE app.orders`: the kind's name in capitals and the path.
pub(super) fn reference(id: &FactId) -> String {
    format!("{} {}", id.kind().kind().name.to_uppercase(), path(id))
}

/// `CONSTRAINT name ON app.orders`, for what is named within a table.
pub(super) fn reference_on(id: &FactId) -> String {
    let keyword = id.kind().kind().name.to_uppercase();
    format!("{keyword} {} ON {}", quote_ident(id.name()), parent_path(id))
}

/// The path of what the fact belongs to.
pub(super) fn parent_path(id: &FactId) -> String {
    id.parent().map(path).unwrap_or_default()
}

/// `schema.name` for something that is a child of its table but named within the schema.
pub(crate) fn schema_path(id: &FactId) -> String {
    let schema = id.schema().map(|schema| format!("{}.", quote_ident(schema)));
    format!("{}{}", schema.unwrap_or_default(), quote_ident(id.name()))
}

/// The name of a configuration parameter for SQL: each part quoted where it must be.
pub(super) fn parameter(name: &str) -> String {
    name.split('.').map(quote_ident).collect::<Vec<_>>().join(".")
}

/// For kinds that PostgreSQL makes along with their parent.
pub(super) fn nothing(_: &Group<'_>) -> Vec<String> {
    Vec::new()
}

/// `DROP TABLE app.orders`.
pub(super) fn drop_by_reference(difference: &Difference<'_>) -> Vec<String> {
    vec![format!("DROP {}", (difference.id.kind().kind().reference)(difference.id))]
}

/// For facts that go along with what they belong to, or with another.
pub(super) fn goes_along(_: &Difference<'_>) -> Vec<String> {
    Vec::new()
}

/// For kinds of which every difference can be changed in place.
pub(super) fn alters(difference: &Difference<'_>) -> Response {
    match (difference.before, difference.after) {
        (Some(_), Some(_)) => Response::Alter,
        _ => Response::Again,
    }
}

/// For kinds of which differences in these attributes can be changed in place.
pub(super) fn alters_only(difference: &Difference<'_>, attributes: &[&str]) -> Response {
    if difference.differs_only_in(attributes) { alters(difference) } else { Response::Again }
}

/// `SET (a='1')` and `RESET (b)` for lists of `name=value` as `reloptions` keeps them.
pub(super) fn changed_options(difference: &Difference<'_>, attribute: &str, prefix: &str) -> Vec<String> {
    let (before, after) = (difference.was().get_list(attribute), difference.becomes().get_list(attribute));
    changed_lists(before, after, prefix)
}

/// The same for two such lists.
pub(super) fn changed_lists(before: &[Box<str>], after: &[Box<str>], prefix: &str) -> Vec<String> {
    let name = |option: &str| option.split_once('=').map_or(option, |(name, _)| name).to_owned();
    // PostgreSQL leaves what is not set in its order, and puts what is set after it, be it the same.
    let mut left = before.iter();
    let in_order = after.iter().take_while(|option| left.any(|other| other == *option)).count();
    let set: Vec<Box<str>> =
        after[in_order..].iter().map(|option| format!("{prefix}{option}").into()).collect();
    let is_gone = |option: &str| !after.iter().any(|other| name(other) == name(option));
    let reset: Vec<String> = before
        .iter()
        .filter(|option| is_gone(option))
        .map(|option| format!("{prefix}{}", parameter(&name(option))))
        .collect();
    let set = (!set.is_empty()).then(|| format!("SET ({})", options_list(&set)));
    let reset = (!reset.is_empty()).then(|| format!("RESET ({})", reset.join(", ")));
    set.into_iter().chain(reset).collect()
}

/// `OPTIONS (SET a 'b', ADD c 'd', DROP e)` for lists of `name=value` as foreign objects keep them; none where they are
/// alike.
pub(super) fn changed_foreign_options(difference: &Difference<'_>, attribute: &str) -> Option<String> {
    let split =
        |option: &'_ str| option.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    let side =
        |fact: &Fact| fact.get_list(attribute).iter().filter_map(|option| split(option)).collect::<Vec<_>>();
    let (before, after) = (side(difference.was()), side(difference.becomes()));
    let mut changes = Vec::new();
    for (name, value) in &after {
        let word = match before.iter().find(|(known, _)| known == name) {
            Some((_, old)) if old == value => continue,
            Some(_) => "SET",
            None => "ADD",
        };
        changes.push(format!("{word} {} {}", quote_ident(name), crate::name::quote_literal(value)));
    }
    for (name, _) in before.iter().filter(|(name, _)| !after.iter().any(|(other, _)| other == name)) {
        changes.push(format!("DROP {}", quote_ident(name)));
    }
    (!changes.is_empty()).then(|| format!("OPTIONS ({})", changes.join(", ")))
}

/// `SET (a='1')` and `RESET (b)` for what stands after WITH in two definitions as PostgreSQL prints them.
pub(super) fn changed_printed_options(before: &str, after: &str) -> Vec<String> {
    let (before, after) = (printed_options(before), printed_options(after));
    let name = |option: &'_ str| option.split_once('=').map_or(option, |(name, _)| name).to_owned();
    let set: Vec<&str> = after.iter().copied().filter(|option| !before.contains(option)).collect();
    let is_gone = |option: &&str| !after.iter().any(|other| name(other) == name(option));
    let reset: Vec<String> = before.iter().copied().filter(is_gone).map(name).collect();
    let list = |word: &str, options: String| (!options.is_empty()).then(|| format!("{word} ({options})"));
    list("SET", set.join(", ")).into_iter().chain(list("RESET", reset.join(", "))).collect()
}

/// A definition as PostgreSQL prints it, without the list of options after WITH.
pub(super) fn without_printed_options(definition: &str) -> String {
    let Some((start, end)) = place_of_options(definition) else { return definition.to_owned() };
    format!("{}{}", &definition[..start], &definition[end..])
}

/// That list: names and values as SQL.
fn printed_options(definition: &str) -> Vec<&str> {
    let place = place_of_options(definition);
    place.map_or_else(Vec::new, |(start, end)| list_items(&definition[start + WITH.len()..end]))
}

const WITH: &str = " WITH (";

/// Where it stands, with the word before it: outside of all quotes and brackets.
fn place_of_options(definition: &str) -> Option<(usize, usize)> {
    let bytes = definition.as_bytes();
    let (mut at, mut depth, mut start) = (0, 0, None);
    while at < bytes.len() {
        match bytes[at] {
            b' ' if depth == 0 && definition[at..].starts_with(WITH) => start = Some(at),
            b'(' => depth += 1,
            b')' => {
                depth -= 1;
                if let (0, Some(start)) = (depth, start) {
                    return Some((start, at + 1));
                }
            }
            quote @ (b'\'' | b'"') => {
                at += quoted(&bytes[at..], quote, escapes(&definition[..at]));
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// A namesake of an object that makes room for its successor.
pub(super) fn aside(id: &FactId) -> FactId {
    let mut end = id.name().len().min(48);
    while !id.name().is_char_boundary(end) {
        end -= 1;
    }
    FactId::build(
        id.parent().cloned(),
        id.kind(),
        &format!("{}__psqlcm_old", &id.name()[..end]),
        id.qualifier(),
    )
}

/// `ALTER TYPE app.mood RENAME TO mood__psqlcm_old`.
pub(super) fn rename_aside(difference: &Difference<'_>) -> Vec<String> {
    let id = difference.id;
    vec![format!("ALTER {} RENAME TO {}", (id.kind().kind().reference)(id), quote_ident(aside(id).name()))]
}

/// `ALTER TABLE app.orders RENAME TO sales`.
pub(super) fn rename(id: &FactId, name: &str) -> Option<Vec<String>> {
    Some(vec![format!("ALTER {} RENAME TO {}", (id.kind().kind().reference)(id), quote_ident(name))])
}

/// `DROP TYPE app.mood__psqlcm_old`.
pub(super) fn drop_aside(id: &FactId) -> Vec<String> {
    vec![format!("DROP {}", (id.kind().kind().reference)(&aside(id)))]
}

/// For kinds whose statement that makes a fact also changes it, without what belongs to it.
pub(super) fn alter_by_create(difference: &Difference<'_>) -> Vec<String> {
    let Difference { id, to: snapshot, .. } = *difference;
    let group = Group::of(id, difference.becomes(), snapshot);
    (id.kind().kind().create)(&group)
}

/// For kinds that are replaced in place by the statement that makes them.
pub(super) fn replace_by_create(difference: &Difference<'_>) -> Vec<String> {
    let statements = alter_by_create(difference).into_iter();
    statements.map(|create| create.replacen("CREATE ", "CREATE OR REPLACE ", 1)).collect()
}

/// The names of what stands in `pg_class`.
pub(super) fn relation_space<'a>(id: &'a FactId, _: &'a Fact) -> Vec<Space<'a>> {
    vec![Space::Relation(id.schema(), id.name())]
}

/// The names of what stands in `pg_type`.
pub(super) fn type_space<'a>(id: &'a FactId, _: &'a Fact) -> Vec<Space<'a>> {
    vec![Space::Type(id.schema(), id.name())]
}

/// The names of what stands in both.
pub(super) fn relation_and_type_space<'a>(id: &'a FactId, _: &'a Fact) -> Vec<Space<'a>> {
    vec![Space::Relation(id.schema(), id.name()), Space::Type(id.schema(), id.name())]
}

/// The names of what stands in `pg_proc`.
pub(super) fn routine_space<'a>(id: &'a FactId, _: &'a Fact) -> Vec<Space<'a>> {
    vec![Space::Routine(id.schema(), id.name(), id.qualifier())]
}

/// Adds an object of a schema, with its owner where the kind has one; `None` for one of a schema that is not read.
///
/// The cells are its OID, its schema's, its name and its owner.
pub(super) fn add_in_schema(
    reader: &mut Reader,
    catalog: Catalog,
    kind: KindId,
    cells: &[Option<&str>; 4],
    fact: Fact,
) -> Result<Option<FactId>, ReadError> {
    let &[own, namespace, name, owner] = cells;
    let Some(schema) = reader.schema(oid(namespace)?) else { return Ok(None) };
    let id = schema.child(kind, text(name)?);
    reader.add(catalog, oid(own)?, &id, fact);
    if owner.is_some() {
        reader.owner(&id, oid(owner)?);
    }
    Ok(Some(id))
}

/// Adds a relation of a schema that has a row type, with its owner and grants; `None` for one of a schema that is
/// not read.
///
/// The cells are its OID, its schema's, its name, its row type, that type's array, its owner, its access control
/// list and the usual one.
pub(super) fn add_relation(
    reader: &mut Reader,
    kind: KindId,
    cells: &[Option<&str>; 8],
    fact: Fact,
) -> Result<Option<FactId>, ReadError> {
    let &[own, namespace, name, row_type, row_array, owner, acl, usual] = cells;
    let id = add_in_schema(reader, Catalog::Class, kind, &[own, namespace, name, owner], fact)?;
    if let Some(id) = &id {
        for row_type in [row_type, row_array].into_iter().flatten() {
            reader.locate(Catalog::Type, oid(Some(row_type))?, 0, id);
        }
        reader.grants(id, Some(oid(owner)?), acl, usual)?;
    }
    Ok(id)
}

/// What stands between commas, outside of all quotes and brackets, up to the bracket that closes what was opened before.
pub(crate) fn list_items(text: &str) -> Vec<&str> {
    let bytes = text.as_bytes();
    let (mut items, mut start, mut at, mut depth) = (Vec::new(), 0, 0, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'(' | b'[' => depth += 1,
            b')' if depth == 0 => break,
            b')' | b']' => depth -= 1,
            b',' if depth == 0 => {
                items.push(text[start..at].trim());
                start = at + 1;
            }
            quote @ (b'\'' | b'"') => {
                at += quoted(&bytes[at..], quote, escapes(&text[..at]));
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    items.push(text[start..at].trim());
    items.retain(|item| !item.is_empty());
    items
}

/// Whether a text of SQL holds the name as a word of its own.
pub(super) fn names(text: &str, name: &str) -> bool {
    let is_part = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '$' | '"');
    text.match_indices(name).any(|(at, _)| {
        let (before, after) = (text[..at].chars().next_back(), text[at + name.len()..].chars().next());
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

/// `CREATE kind name (WORD = value, ...)` for attributes that are SQL which PostgreSQL has quoted.
pub(super) fn create_with(group: &Group<'_>, options: &[(&str, &str)]) -> String {
    let option = |(attribute, word): &(&str, &str)| {
        group.fact.get_text(attribute).map(|value| format!("\n    {word} = {value}"))
    };
    let options: Vec<_> = options.iter().filter_map(option).collect();
    format!("CREATE {} ({}\n)", (group.id.kind().kind().reference)(group.id), options.join(","))
}

/// For kinds that are folded where they can be.
pub(super) fn may(_: &FactId, _: &Fact) -> Fold {
    Fold::May
}

/// The statements under a search path on which the functions that the group calls find what their bodies name.
pub(super) fn on_path(group: &Group<'_>, statements: Vec<String>) -> Vec<String> {
    let ids = std::iter::once(group.id).chain(group.members.iter().map(|(id, _)| *id));
    on_path_of(group.snapshot, ids.flat_map(|id| group.snapshot.needs(id)), statements)
}

/// The statements under a search path on which those of the needed that are functions find what their bodies name.
/// PostgreSQL puts the body of a function of SQL in the place of its call where it looks at an expression of an index, a
/// generated column, a check or a partition key, and the body may name things without their schema.
pub(super) fn on_path_of<'a>(
    snapshot: &'a Snapshot,
    needed: impl IntoIterator<Item = &'a FactId>,
    statements: Vec<String>,
) -> Vec<String> {
    let by_path =
        needed.into_iter().filter(|id| snapshot.get(id).is_some_and(|fact| depends_on_path(id.kind(), fact)));
    let schemas: BTreeSet<&str> = by_path.filter_map(FactId::schema).collect();
    if schemas.is_empty() {
        return statements;
    }
    let public = (!schemas.contains("public")).then_some("public");
    let path: Vec<_> = schemas.into_iter().chain(public).map(quote_ident).collect();
    let before = format!("SET search_path = {}", path.join(", "));
    std::iter::once(before).chain(statements).chain(["SET search_path = ''".to_owned()]).collect()
}

/// Whether PostgreSQL itself makes indexes and refreshes on a search path that holds nothing else than its own schema.
pub(super) fn makes_on_own_path(snapshot: &Snapshot) -> bool {
    snapshot.server_version >= 170_000
}

/// Whether what the body of a function means is found on the search path: it is a text of SQL, and sets no path.
fn depends_on_path(kind: KindId, function: &Fact) -> bool {
    let definition = function.get_text("definition").filter(|_| kind == KindId::Function);
    let head = definition.and_then(|text| text.split_once("\nAS $")).map_or("", |(head, _)| head);
    head.contains("\n LANGUAGE sql") && !head.contains("\n SET search_path TO ")
}

/// ` WITH (a='1', b='2')` for a list of `name=value` as `reloptions` keeps them; empty for none.
pub(super) fn with_options(options: &[Box<str>]) -> String {
    match options {
        [] => String::new(),
        _ => format!(" WITH ({})", options_list(options)),
    }
}

/// `a='1', b='2'`: names as they are (PostgreSQL accepts only plain ones), values as literals.
pub(super) fn options_list(options: &[Box<str>]) -> String {
    let option = |option: &str| match option.split_once('=') {
        Some((name, value)) => {
            format!("{}={}", parameter(name), crate::name::quote_literal(value))
        }
        None => quote_ident(option).into_owned(),
    };
    options.iter().map(|text| option(text)).collect::<Vec<_>>().join(", ")
}

/// ` OPTIONS (a 'b')` for a list of `name=value` as foreign objects keep them; empty for none.
pub(super) fn foreign_options(options: &[Box<str>]) -> String {
    let option = |option: &str| {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        format!("{} {}", quote_ident(name), crate::name::quote_literal(value))
    };
    match options {
        [] => String::new(),
        _ => format!(" OPTIONS ({})", options.iter().map(|text| option(text)).collect::<Vec<_>>().join(", ")),
    }
}

/// The options of a foreign object, sorted; those that are secrets are only mentioned.
pub(super) fn without_secrets(reader: &mut Reader, id: &FactId, mut options: Vec<String>) -> Vec<String> {
    options.sort_unstable();
    let name = |option: &str| option.split_once('=').map_or(option, |(name, _)| name).to_owned();
    options.retain(|option| {
        let is_secret = is_secret(&name(option));
        if is_secret {
            reader.mention("secret option", &format!("{} of {id}", name(option)), "left out: set it by hand");
        }
        !is_secret
    });
    options
}

/// Whether an option of that name holds what only some may know. Every wrapper has its own names.
fn is_secret(option: &str) -> bool {
    const PARTS: [&str; 8] =
        ["passw", "passphrase", "passcode", "pwd", "secret", "token", "credential", "private"];
    let option = option.to_lowercase();
    PARTS.iter().any(|part| option.contains(part))
        || ["api_key", "apikey", "access_key"].contains(&option.as_str())
}

/// A query in the one form that PostgreSQL prints it in however often it is made again from what was printed: a list
/// of VALUES that was written alone is printed without a space before it, and with one ever after.
pub(super) fn settled(query: &str) -> String {
    const LIST: &str = "(VALUES (";
    let mut settled = String::with_capacity(query.len() + 8);
    let mut rest = query;
    while let Some(at) = rest.find(['\'', '"', '(']) {
        settled.push_str(&rest[..at]);
        let escapes = rest[at..].starts_with('\'') && escapes(&settled);
        rest = &rest[at..];
        let end = match rest.as_bytes()[0] {
            b'(' if rest.starts_with(LIST) => {
                settled.push_str("( ");
                rest = &rest[1..];
                continue;
            }
            b'(' => 1,
            quote => quoted(rest.as_bytes(), quote, escapes),
        };
        settled.push_str(&rest[..end]);
        rest = &rest[end..];
    }
    settled + rest
}

/// Whether a backslash escapes in the text whose quote follows that.
fn escapes(before: &str) -> bool {
    let is_part = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '$' | '"');
    before.strip_suffix('E').is_some_and(|before| !before.ends_with(is_part))
}

/// The length of what is quoted; a doubled quote is two quoted texts side by side, which comes to the same.
pub(crate) fn quoted(text: &[u8], quote: u8, escapes: bool) -> usize {
    let mut at = 1;
    while at < text.len() && text[at] != quote {
        at += if escapes && text[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_found_outside_of_quotes_and_brackets_only() {
        for (definition, expected) in [
            (
                "CREATE INDEX i ON t (a) WITH (fillfactor='50') WHERE (a > 0)",
                "CREATE INDEX i ON t (a) WHERE (a > 0)",
            ),
            ("EXCLUDE USING btree (b WITH =) WITH (fillfactor='60')", "EXCLUDE USING btree (b WITH =)"),
            (
                "CREATE INDEX i ON t (a) WHERE (b = ' WITH (x)')",
                "CREATE INDEX i ON t (a) WHERE (b = ' WITH (x)')",
            ),
            ("CREATE INDEX i ON t (f(E'\\'')) WITH (a=b)", "CREATE INDEX i ON t (f(E'\\''))"),
            ("CREATE INDEX \" WITH (\" ON t (a)", "CREATE INDEX \" WITH (\" ON t (a)"),
        ] {
            assert_eq!(without_printed_options(definition), expected);
        }
        let changed = |before: &str, after: &str| changed_printed_options(before, after).join("; ");
        let before = "CREATE INDEX i ON t (a) WITH (fillfactor='50', fastupdate=off) WHERE (b = 'x')";
        assert_eq!(changed(before, before), "");
        assert_eq!(changed(before, "CREATE INDEX i ON t (a)"), "RESET (fillfactor, fastupdate)");
        assert_eq!(
            changed(before, "i WITH (x='a, '')', fillfactor='50')"),
            "SET (x='a, '')'); RESET (fastupdate)"
        );
    }

    #[test]
    fn names_are_words() {
        assert!(names("USING btree (a, lower(b))", "b"));
        assert!(names("(\"B b\")", "\"B b\""));
        assert!(!names("USING btree (ab, b_c)", "b"));
        assert!(!names("(\"b\")", "b"));
    }

    #[test]
    fn items_are_divided_by_commas_of_their_own() {
        let items = list_items(
            "a int DEFAULT f(1, 2), b text DEFAULT 'it''s, (', \"c,d\" numeric(5,2))\n RETURNS x(1, 2)",
        );
        assert_eq!(items, ["a int DEFAULT f(1, 2)", "b text DEFAULT 'it''s, ('", "\"c,d\" numeric(5,2)"]);
        assert!(list_items(")").is_empty());
    }

    #[test]
    fn lists_of_values_are_settled_outside_of_quotes_only() {
        for (query, expected) in [
            ("FROM (VALUES (1)) x", "FROM ( VALUES (1)) x"),
            ("FROM ( VALUES (1)) x", "FROM ( VALUES (1)) x"),
            ("'(VALUES (' || \"(VALUES (\"", "'(VALUES (' || \"(VALUES (\""),
            ("'it''s (VALUES ('", "'it''s (VALUES ('"),
            ("SELECT  E'\\'(VALUES (' FROM (VALUES ('ü'))", "SELECT  E'\\'(VALUES (' FROM ( VALUES ('ü'))"),
            ("('", "('"),
        ] {
            assert_eq!(settled(query), expected);
        }
    }
}
