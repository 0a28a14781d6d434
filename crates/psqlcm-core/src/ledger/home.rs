//! The home schema: whose ledger records what belongs to no schema.

/// Where what belongs to no schema is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    /// The schema.
    pub schema: String,
    /// Whether the choice must be recorded by an entry of kind `home`, because it does not follow from the names.
    pub must_record: bool,
}

/// Chooses the home among the managed schemas: the one chosen before (by the lowest number of its `home` entry), else
/// `public`, else the first by name, which must then be recorded: a schema that comes later may sort before it.
///
/// `managed` names each schema and the number of the first entry of kind `home` in its ledger. `None` if nothing is
/// managed.
#[must_use]
pub fn choose_home<'a>(managed: impl IntoIterator<Item = (&'a str, Option<i64>)>) -> Option<Home> {
    let rank =
        |(schema, number): (&'a str, Option<i64>)| (number.is_none(), number, schema != "public", schema);
    let (not_recorded, _, not_public, schema) = managed.into_iter().map(rank).min()?;
    Some(Home { schema: schema.to_owned(), must_record: not_recorded && not_public })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_home_is_public_or_chosen_once() {
        let home = |managed: &[(&str, Option<i64>)]| {
            choose_home(managed.iter().copied()).map(|home| (home.schema, home.must_record))
        };
        assert_eq!(home(&[]), None);
        assert_eq!(home(&[("a", None), ("public", None)]), Some(("public".to_owned(), false)));
        assert_eq!(home(&[("c", None), ("b", None)]), Some(("b".to_owned(), true)));
        assert_eq!(home(&[("a", None), ("b", Some(4)), ("public", None)]), Some(("b".to_owned(), false)));
        assert_eq!(home(&[("a", Some(9)), ("b", Some(4))]), Some(("b".to_owned(), false)));
    }
}
