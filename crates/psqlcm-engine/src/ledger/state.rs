//! What is there: no table, the original tool's, ours, a damaged one of ours, or something else of that name.

use std::fmt;

use psqlcm_core::ledger::sql::{COLUMNS, ORIGINAL_WIDTH, guard_source, select_managed, select_state};

use super::{Ledger, LedgerError};
use crate::session::Session;

/// What stands in a schema under the ledger's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// There is no such schema.
    NoSchema,
    /// The schema is not under control.
    Absent,
    /// A table made by version 0.2.2.
    Original,
    /// The ledger, protected as it should be.
    Ours,
    /// The ledger, with its protection damaged.
    Damaged(Vec<Damage>),
    /// Something else, and how it differs.
    Foreign(Vec<String>),
}

/// What is missing of the ledger's protection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Damage {
    /// The trigger that refuses UPDATE, DELETE and TRUNCATE is not there.
    NoTrigger,
    /// The trigger is there and disabled, or not enabled always.
    TriggerDisabled,
    /// The trigger does not do what ours does.
    TriggerChanged,
    /// The trigger's function is not ours.
    FunctionChanged,
    /// The unique index on the previous hash is not there or not valid.
    NoIndex,
    /// A trigger of somebody else.
    OtherTrigger(String),
    /// A rewrite rule: it may turn away our entries.
    Rule,
    /// Row security: it may hide rows.
    RowSecurity,
}

impl Damage {
    /// Whether setting up again mends it. What somebody added is theirs to remove.
    #[must_use]
    pub const fn is_mendable(&self) -> bool {
        !matches!(self, Self::OtherTrigger(_) | Self::Rule | Self::RowSecurity)
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NoTrigger => "its append-only trigger is missing",
            Self::TriggerDisabled => "its append-only trigger is disabled",
            Self::TriggerChanged => "its append-only trigger was replaced",
            Self::FunctionChanged => "the function of its append-only trigger was replaced",
            Self::NoIndex => "the unique index on previous_hash is missing",
            Self::OtherTrigger(name) => return write!(formatter, "it has another trigger, {name}"),
            Self::Rule => "it has a rewrite rule",
            Self::RowSecurity => "it has row security",
        })
    }
}

impl Ledger {
    /// What stands in each schema, in their order. One statement, however many there are.
    ///
    /// # Errors
    /// The server's.
    pub fn states(
        &self,
        session: &mut Session,
        schemas: &[&str],
    ) -> Result<Vec<(String, State)>, LedgerError> {
        let rows = session.rows(&select_state(&self.table, schemas))?;
        rows.into_iter().map(|row| Shape::read(row).map(|shape| shape.judge(&self.at("").guard()))).collect()
    }

    /// The schemas of the database that have a ledger, the original tool's too, by name.
    ///
    /// # Errors
    /// The server's.
    pub fn managed(&self, session: &mut Session) -> Result<Vec<(String, State)>, LedgerError> {
        let schemas = session.rows(&select_managed(&self.table))?;
        let schemas: Vec<&str> = schemas.iter().flatten().flatten().map(String::as_str).collect();
        let mut states = self.states(session, &schemas)?;
        states.retain(|(_, state)| state.is_ledger());
        Ok(states)
    }
}

impl State {
    /// Whether there are entries to read.
    #[must_use]
    pub const fn is_ledger(&self) -> bool {
        matches!(self, Self::Original | Self::Ours | Self::Damaged(_))
    }
}

/// One row of `state.sql`.
struct Shape {
    schema: String,
    schema_exists: bool,
    kind: Option<String>,
    persistence: Option<String>,
    has_row_security: bool,
    has_rules: bool,
    has_relatives: bool,
    columns: Vec<(String, String, bool)>,
    has_key: bool,
    has_index: bool,
    has_function: bool,
    source: Option<String>,
    settings: Option<String>,
    triggers: Vec<(String, String, i16, bool, bool)>,
}

/// BEFORE, and UPDATE, DELETE and TRUNCATE, for each statement: the bits of `pg_trigger.tgtype`.
const GUARD_TYPE: i16 = 2 | 8 | 16 | 32;

impl Shape {
    fn read(row: Vec<Option<String>>) -> Result<Self, LedgerError> {
        let [
            schema,
            schema_exists,
            kind,
            persistence,
            security,
            rules,
            relatives,
            columns,
            key,
            index,
            function,
            source,
            settings,
            triggers,
        ]: [Option<String>; 14] = row
            .try_into()
            .map_err(|row: Vec<_>| LedgerError::Answer(format!("{} cells in a state", row.len())))?;
        let is = |cell: Option<String>| cell.as_deref() == Some("t");
        Ok(Self {
            schema: schema.unwrap_or_default(),
            schema_exists: is(schema_exists),
            kind,
            persistence,
            has_row_security: is(security),
            has_rules: is(rules),
            has_relatives: is(relatives),
            columns: json(columns)?,
            has_key: is(key),
            has_index: is(index),
            has_function: is(function),
            source,
            settings,
            triggers: json(triggers)?,
        })
    }

    fn judge(self, guard: &str) -> (String, State) {
        let state = self.state(guard);
        (self.schema, state)
    }

    fn state(&self, guard: &str) -> State {
        if !self.schema_exists {
            return State::NoSchema;
        }
        if self.kind.is_none() {
            return if self.has_function { foreign_function(guard) } else { State::Absent };
        }
        let differences = self.differences();
        if !differences.is_empty() {
            return State::Foreign(differences);
        }
        if self.columns.len() == ORIGINAL_WIDTH {
            return if self.has_function { foreign_function(guard) } else { State::Original };
        }
        let damages = self.damages(guard);
        if damages.is_empty() { State::Ours } else { State::Damaged(damages) }
    }

    fn differences(&self) -> Vec<String> {
        let mut differences = Vec::new();
        if (self.kind.as_deref(), self.persistence.as_deref()) != (Some("r"), Some("p")) || self.has_relatives
        {
            differences.push("it is not a plain, permanent table".to_owned());
            return differences;
        }
        let width = if self.columns.len() > ORIGINAL_WIDTH { COLUMNS.len() } else { ORIGINAL_WIDTH };
        for (index, expected) in COLUMNS[..width].iter().enumerate() {
            let nullable = if expected.is_not_null { " NOT NULL" } else { "" };
            let expected_text = format!("{} {}{nullable}", expected.name, expected.type_name);
            let found_text = self.columns.get(index).map_or_else(
                || "nothing".to_owned(),
                |(name, type_name, is_not_null)| {
                    format!("{name} {type_name}{}", if *is_not_null { " NOT NULL" } else { "" })
                },
            );
            if expected_text != found_text {
                differences.push(format!("column {} is {found_text}, expected {expected_text}", index + 1));
            }
        }
        for (name, type_name, _) in self.columns.iter().skip(width) {
            differences.push(format!(
                "column {name} {type_name} is not expected; a newer psql-cm may have added it"
            ));
        }
        if differences.is_empty() && !self.has_key {
            differences.push("its primary key is not the column id".to_owned());
        }
        differences
    }

    fn damages(&self, guard: &str) -> Vec<Damage> {
        let mut damages = Vec::new();
        match self.triggers.iter().find(|(name, ..)| name == guard) {
            None => damages.push(Damage::NoTrigger),
            Some((_, _, kind, runs_guard, is_unconditional))
                if *kind != GUARD_TYPE || !runs_guard || !is_unconditional =>
            {
                damages.push(Damage::TriggerChanged);
            }
            Some((_, enabled, ..)) if enabled != "A" => damages.push(Damage::TriggerDisabled),
            Some(_) => {}
        }
        let is_our_function = self.source.as_deref() == Some(guard_source())
            && self.settings.as_deref().is_some_and(|settings| settings.starts_with("search_path="));
        if !is_our_function {
            damages.push(Damage::FunctionChanged);
        }
        if !self.has_index {
            damages.push(Damage::NoIndex);
        }
        let others = self.triggers.iter().filter(|(name, ..)| name != guard);
        damages.extend(others.map(|(name, ..)| Damage::OtherTrigger(name.clone())));
        if self.has_rules {
            damages.push(Damage::Rule);
        }
        if self.has_row_security {
            damages.push(Damage::RowSecurity);
        }
        damages
    }
}

fn foreign_function(guard: &str) -> State {
    State::Foreign(vec![format!("a function {guard}() is in the place of ours")])
}

fn json<T: serde::de::DeserializeOwned>(cell: Option<String>) -> Result<Vec<T>, LedgerError> {
    let Some(text) = cell else { return Ok(Vec::new()) };
    serde_json::from_str(&text).map_err(|error| LedgerError::Answer(error.to_string()))
}
