//! Many small changes: a file each for psql-cm, and for psql all in one script, a transaction each.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use crate::shell::{Error, io};

/// Where the changes lie.
pub struct Changes {
    /// The folder of their files.
    pub folder: PathBuf,
    /// The script of all of them.
    pub script: PathBuf,
}

/// Writes so many changes below a folder.
pub fn write(below: &Path, count: u32) -> Result<Changes, Error> {
    let changes = Changes { folder: below.join("changes"), script: below.join("changes.sql") };
    fs::create_dir_all(&changes.folder).map_err(io("make a folder"))?;
    let mut script = String::new();
    for number in 0..count {
        let change = change(number);
        fs::write(changes.folder.join(format!("{number}.sql")), &change).map_err(io("write a change"))?;
        // Writing into a string does not fail.
        let _ = write!(script, "BEGIN;\n{change}COMMIT;\n");
    }
    fs::write(&changes.script, script).map_err(io("write a script"))?;
    Ok(changes)
}

/// A table is made, gets a column, an index and a comment; then the next one.
fn change(number: u32) -> String {
    let table = format!("change_{}", number / 4);
    match number % 4 {
        0 => format!(
            "CREATE TABLE {table} (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL);\n"
        ),
        1 => format!("ALTER TABLE {table} ADD COLUMN amount numeric(12,2) DEFAULT 0 NOT NULL;\n"),
        2 => format!("CREATE INDEX ON {table} (name, amount);\n"),
        _ => format!("COMMENT ON TABLE {table} IS 'Made by change {number}';\n"),
    }
}
