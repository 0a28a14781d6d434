//! Proves the ledgers of a database: each chain by itself, and against what git knows of it.

use std::collections::BTreeMap;

use psqlcm_core::ledger::{Anchor, Chain, Finding, Problem, Severity, verify};
use psqlcm_core::name::quote_literal;
use psqlcm_core::tree::manifest::Manifest;

use crate::ledger::{Damage, Ledger, LedgerError, State};
use crate::session::{DbError, Session};

/// What came of one ledger.
#[derive(Debug)]
pub struct Verified {
    /// The schema.
    pub schema: String,
    /// How many entries it has.
    pub entries: usize,
    /// What is wrong with its chain.
    pub findings: Vec<Finding>,
    /// What is wrong with its protection.
    pub damages: Vec<Damage>,
    /// What git knows of it.
    pub anchor: Option<Anchor>,
    /// It is gone because a recorded change dropped or renamed its schema: the schema whose ledger keeps its entries.
    pub kept_in: Option<String>,
}

impl Verified {
    /// Whether the ledger is what it was.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.damages.is_empty() && self.findings.iter().all(|finding| finding.severity() < Severity::Broken)
    }
}

/// What git knows of the ledgers of a database, by schema.
#[must_use]
pub fn anchors(manifest: &Manifest) -> BTreeMap<String, Anchor> {
    let chained = manifest.ledgers.iter().filter(|(_, head)| !head.hash.is_empty());
    let anchor = chained.map(|(schema, head)| {
        let anchor = Anchor {
            environment: manifest.environment.clone(),
            instance: manifest.instance.clone(),
            database: manifest.database.clone(),
            schema: schema.clone(),
            id: head.id,
            number: head.number,
            created_at: head.created_at.clone(),
            previous_hash: head.previous_hash.clone(),
            hash: head.hash.clone(),
            rows: head.rows,
            earlier: head.earlier.clone(),
        };
        (schema.clone(), anchor)
    });
    anchor.collect()
}

/// Judges the ledgers of all schemas that have one or are known to git, or of those named; of one moment.
///
/// # Errors
/// The server's, and a row that is no entry.
pub fn verify_database(
    session: &mut Session,
    ledger: &Ledger,
    anchors: &BTreeMap<String, Anchor>,
    named: Option<&[String]>,
) -> Result<Vec<Verified>, LedgerError> {
    session.run("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")?;
    let verified = within(session, ledger, anchors, named);
    let ended = session.run("ROLLBACK");
    let verified = verified?;
    ended?;
    Ok(verified)
}

fn within(
    session: &mut Session,
    ledger: &Ledger,
    anchors: &BTreeMap<String, Anchor>,
    named: Option<&[String]>,
) -> Result<Vec<Verified>, LedgerError> {
    let is_asked = |schema: &str| named.is_none_or(|named| named.iter().any(|name| name == schema));
    let managed = ledger.managed(session)?;
    let asked: Vec<(&str, State)> = managed
        .iter()
        .filter(|(schema, _)| is_asked(schema))
        .map(|(schema, state)| (schema.as_str(), state.clone()))
        .collect();
    let chains = ledger.chains(session, &asked)?;
    let mut verified = Vec::new();
    for (chain, (schema, state)) in chains.iter().zip(&asked) {
        let anchor = anchors.get(*schema);
        let damages = match state {
            State::Damaged(damages) => damages.clone(),
            _ => Vec::new(),
        };
        verified.push(Verified {
            schema: (*schema).to_owned(),
            entries: chain.rows.len(),
            findings: verify(chain, anchor),
            damages,
            anchor: anchor.cloned(),
            kept_in: None,
        });
    }
    let chained: Vec<&str> = managed
        .iter()
        .filter(|(_, state)| *state != State::Original)
        .map(|(schema, _)| schema.as_str())
        .collect();
    for (schema, anchor) in anchors {
        if is_asked(schema) && managed.iter().all(|(there, _)| there != schema) {
            verified.push(missing(session, ledger, schema, anchor, &chained)?);
        }
    }
    verified.sort_by(|a, b| a.schema.cmp(&b.schema));
    Ok(verified)
}

/// A ledger that git knows and that is not there.
fn missing(
    session: &mut Session,
    ledger: &Ledger,
    schema: &str,
    anchor: &Anchor,
    chained: &[&str],
) -> Result<Verified, LedgerError> {
    let kept_in = keeper(session, ledger, anchor, chained)?;
    let chain = Chain {
        schema: schema.to_owned(),
        instance: anchor.instance.clone(),
        sequence: None,
        rows: Vec::new(),
    };
    let findings = if kept_in.is_some() { Vec::new() } else { verify(&chain, Some(anchor)) };
    debug_assert!(kept_in.is_some() || findings.iter().any(|finding| finding.problem == Problem::Gone));
    Ok(Verified {
        schema: schema.to_owned(),
        entries: 0,
        findings,
        damages: Vec::new(),
        anchor: Some(anchor.clone()),
        kept_in,
    })
}

/// The schema whose ledger has a copy of the one that git knows, up to the entry that git knows.
fn keeper(
    session: &mut Session,
    ledger: &Ledger,
    anchor: &Anchor,
    chained: &[&str],
) -> Result<Option<String>, DbError> {
    let sql: String = chained
        .iter()
        .map(|schema| {
            format!(
                "SELECT EXISTS (SELECT FROM ONLY {} WHERE entry_kind = 'copied' \
                 AND evidence->>'copy_of' = {} AND pg_catalog.strpos(content, {}) > 0);\n",
                ledger.at(schema).qualified(),
                quote_literal(&anchor.schema),
                quote_literal(&anchor.hash)
            )
        })
        .collect();
    let rows = if sql.is_empty() { Vec::new() } else { session.rows(&sql)? };
    let has_it = |row: &Vec<Option<String>>| row.first().and_then(Option::as_deref) == Some("t");
    Ok(rows.iter().position(has_it).map(|index| chained[index].to_owned()))
}
