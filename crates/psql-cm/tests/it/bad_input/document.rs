//! `docs/errors.md`: each message under a heading, with the command line and the exit code.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use psqlcm_testkit::assert_same_text;

/// Tests run side by side, and there is one document.
static DOCUMENT: Mutex<()> = Mutex::new(());

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors.md")
}

/// Compares what a run said with what the document has under that heading.
#[track_caller]
pub fn check(title: &str, line: &str, code: i32, said: &str) {
    assert!(code != 0, "{title}: nothing is refused: {said}");
    let entry = entry(line, code, said);
    let _alone = DOCUMENT.lock().unwrap_or_else(PoisonError::into_inner);
    let document = std::fs::read_to_string(path()).unwrap();
    let found = find(&document, title);
    if std::env::var_os("UPDATE").is_some() {
        let updated = match &found {
            Some(found) => document.replacen(found, &entry, 1),
            None => format!("{}\n\n### {title}\n\n{entry}", document.trim_end()),
        };
        std::fs::write(path(), updated).unwrap();
        return;
    }
    let found = found.unwrap_or_else(|| panic!("docs/errors.md has no {title:?}:\n{entry}"));
    assert_same_text(&found, &entry);
}

/// The line of the command with its exit code, and the message in a fence.
fn entry(line: &str, code: i32, said: &str) -> String {
    let line = line.replace('\n', "\u{23ce}");
    let said: Vec<String> = said.lines().map(|line| format!("    {line}").trim_end().to_owned()).collect();
    format!("`` {line} `` ends with {code}:\n\n{}\n", said.join("\n"))
}

/// The entry under a heading: from the line of the command to the end of the indented message.
fn find(document: &str, title: &str) -> Option<String> {
    let (_, rest) = document.split_once(&format!("### {title}\n\n"))?;
    let start = rest.find("`` ")?;
    let (head, message) = rest[start..].split_once("\n\n")?;
    let end = message.lines().take_while(|line| line.is_empty() || line.starts_with("    "));
    let text: Vec<&str> = end.collect();
    Some(format!("{head}\n\n{}\n", text.join("\n").trim_end()))
}

#[test]
fn every_message_of_the_document_is_tested_and_stands_there_once() {
    let document = std::fs::read_to_string(path()).unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/bad_input");
    let sources: String = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    let mut titles: Vec<&str> = document.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    assert!(titles.len() > 50, "only {} messages", titles.len());
    for title in &titles {
        assert!(sources.contains(&format!("{title:?}")), "no test is about {title:?}");
    }
    titles.sort_unstable();
    let count = titles.len();
    titles.dedup();
    assert_eq!(titles.len(), count, "a heading stands twice");
}
