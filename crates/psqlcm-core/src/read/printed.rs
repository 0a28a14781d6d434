//! What PostgreSQL's functions print, put together here where it is nothing but names: they look each up by itself, which
//! is most of a capture's work. What is less plain the server is asked for, in a second message.
//!
//! It knows nothing of kinds: which of them is plain enough, and what stands around the names, is theirs to say.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use super::{Cells, ReadError, Reader, columns, oid, text};
use crate::fact::{Quick, Value};
use crate::kinds::Catalog;
use crate::name;

/// What is looked up for it, and what is yet to be asked for.
#[derive(Default)]
pub(super) struct Printed {
    /// The words that are quoted as names.
    keywords: HashSet<Box<str>>,
    /// The type of each column that has its type's collation, by relation and number.
    types: HashMap<(u32, u32), u32, Quick>,
    /// The usual classes of operators of B-trees, with the type each is for and that type's collation.
    usual: HashMap<u32, (u32, u32), Quick>,
    /// What the server is asked for: catalog, OID and the function that prints it.
    asked: Vec<(Catalog, u32, &'static str)>,
}

impl Printed {
    pub fn keyword(&mut self, word: &str) {
        self.keywords.insert(word.into());
    }

    /// The statement that asks the server for the rest; its rows are a catalog, an OID and a text.
    pub fn sql(&self) -> Option<String> {
        let mut lists: BTreeMap<(u32, &str), Vec<String>> = BTreeMap::new();
        for (catalog, oid, function) in &self.asked {
            lists.entry((*catalog as u32, *function)).or_default().push(oid.to_string());
        }
        let selects = lists.iter().map(|((catalog, function), oids)| {
            let oids = oids.join(",");
            format!(
                "select {catalog}, oid, pg_catalog.{function}(oid) from pg_catalog.unnest('{{{oids}}}'::pg_catalog.oid[]) as oid"
            )
        });
        let selects: Vec<_> = selects.collect();
        (!selects.is_empty()).then(|| selects.join("\nunion all "))
    }
}

impl Reader {
    /// The name as this server quotes it.
    pub fn quoted<'a>(&self, name: &'a str) -> Cow<'a, str> {
        name::quote_unless_plain(name, |word| self.printed.keywords.contains(word))
    }

    /// The names of a relation's columns as the server lists them; `None` if one was not read.
    pub fn column_names(&self, relation: u32, numbers: &[u32]) -> Option<String> {
        let mut names = String::new();
        for &number in numbers {
            let column = self.fact_at(Catalog::Class, relation, number)?;
            names += if names.is_empty() { "" } else { ", " };
            names += &self.quoted(column.name());
        }
        Some(names)
    }

    /// Remembers the type of a column whose collation is its type's.
    pub fn column_type(&mut self, relation: u32, number: u32, data_type: u32) {
        self.printed.types.insert((relation, number), data_type);
    }

    /// Remembers the class of operators that B-trees use for a type, and that type's collation.
    pub fn usual_class(&mut self, class: u32, data_type: u32, collation: u32) {
        self.printed.usual.insert(class, (data_type, collation));
    }

    /// Whether a B-tree over the column has that class and collation where nobody says which.
    pub fn is_usual(&self, relation: u32, number: u32, class: u32, collation: u32) -> bool {
        let usual = self.printed.usual.get(&class);
        let data_type = self.printed.types.get(&(relation, number));
        usual.zip(data_type).is_some_and(|(usual, data_type)| *usual == (*data_type, collation))
    }

    /// Has the server print an object that was added, by that function; it becomes the fact's definition.
    pub fn ask_definition(&mut self, catalog: Catalog, oid: u32, function: &'static str) {
        self.printed.asked.push((catalog, oid, function));
    }

    pub(super) fn definition_row(&mut self, cells: Cells<'_>) -> Result<(), ReadError> {
        let &[catalog, object, definition] = columns("definitions", cells)?;
        let id = self.fact_of(oid(catalog)?, oid(object)?).cloned();
        // What another session dropped meanwhile has none: the look at the moment tells.
        if let Some((fact, definition)) = id.and_then(|id| self.fact_mut(&id)).zip(definition) {
            fact.set("definition", Value::Text(definition.into()));
        }
        Ok(())
    }

    pub(super) fn keyword_row(&mut self, cells: Cells<'_>) -> Result<(), ReadError> {
        let &[word] = columns("keywords", cells)?;
        self.printed.keyword(text(word)?);
        Ok(())
    }
}
