//! What `pg_get_indexdef` prints of an index that is nothing but names: columns of a b-tree.
//!
//! That it is a b-tree of columns and nothing else, its statement tells; here it is found out whether each column is sorted
//! as usual, which is not said then. Whatever is less plain the server prints.

use crate::fact::FactId;
use crate::read::{Cells, ReadError, Reader, columns, numbers, oid};

/// What the statement tells of a plain index; cells of a row, each a list with an item a column.
pub(super) struct Names<'a> {
    /// The OID of its table.
    pub relation: u32,
    /// The numbers of its columns.
    pub key: &'a str,
    /// Their classes of operators and collations.
    pub classes: Option<&'a str>,
    pub collations: Option<&'a str>,
    /// In which order each is, in bits (`INDOPTION_*` in `catalog/pg_index.h`).
    pub orders: Option<&'a str>,
}

impl Names<'_> {
    /// The definition; `None` where a column is not sorted as usual, or is one that was not read.
    ///
    /// # Errors
    /// When a cell does not hold what it should.
    pub fn definition(&self, reader: &Reader, id: &FactId) -> Result<Option<String>, ReadError> {
        let key = numbers(Some(self.key))?;
        let (classes, collations) = (numbers(self.classes)?, numbers(self.collations)?);
        let orders = numbers(self.orders)?;
        let Some((schema, table)) = id.schema().zip(id.parent()) else { return Ok(None) };
        let (schema, table) = (reader.quoted(schema), reader.quoted(table.name()));
        let mut text = format!("CREATE INDEX {} ON {schema}.{table} USING btree (", reader.quoted(id.name()));
        for (at, &number) in key.iter().enumerate() {
            let sorted = classes.get(at).zip(collations.get(at)).zip(orders.get(at));
            let Some(((&class, &collation), &order)) = sorted else { return Ok(None) };
            let name = reader.column_names(self.relation, &[number]);
            let is_usual = reader.is_usual(self.relation, number, class, collation);
            let Some(name) = name.filter(|_| is_usual) else { return Ok(None) };
            text += if at == 0 { "" } else { ", " };
            text += &name;
            text += match order {
                0 => "",
                1 => " DESC NULLS LAST",
                2 => " NULLS FIRST",
                3 => " DESC",
                _ => return Ok(None),
            };
        }
        Ok(Some(text + ")"))
    }
}

/// A class of operators that b-trees use where nobody says which.
pub(super) fn class_row(reader: &mut Reader, cells: Cells<'_>) -> Result<(), ReadError> {
    let &[class, data_type, collation] = columns("classes of operators", cells)?;
    reader.usual_class(oid(class)?, oid(data_type)?, oid(collation)?);
    Ok(())
}
