//! The lexer and the splitter: statements and what is between them are the text, byte for byte; a statement alone
//! splits into itself; errors point into the text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use psqlcm_core::change::Script;
use psqlcm_core::script::{SplitErrorKind, StatementKind, classify, label, split, words};
use psqlcm_core::source::Source;
use psqlcm_fuzz::show;

fuzz_target!(|text: &str| {
    match split(text) {
        Ok(statements) => {
            let mut end = if text.starts_with('\u{feff}') { 3 } else { 0 };
            for statement in &statements {
                assert_eq!(statement.span.start, end, "a gap before {statement:?}");
                end = statement.span.end;
                let range = statement.offset..statement.offset + statement.text.len();
                assert_eq!(&text[range.clone()], statement.text);
                assert!(statement.span.start <= range.start && range.end <= statement.span.end);
                assert!(!statement.text.is_empty());
                let line = 1 + text[..statement.offset].matches('\n').count();
                assert_eq!(statement.line as usize, line, "the line of {statement:?}");
                alone(&text[statement.span.clone()], statement.text, statement.kind);
                look_at(statement.text);
            }
            let rest = &text[end..];
            assert_eq!(split(&format!(" {rest}")), Ok(Vec::new()), "{rest:?} holds no statement");
        }
        Err(error) => {
            assert!(text.is_char_boundary(error.offset), "{error:?}");
            assert_eq!(error.line as usize, 1 + text[..error.offset].matches('\n').count(), "{error:?}");
            show(Source { name: "text", text }, error.offset);
        }
    }
    match Script::read(text) {
        Ok(script) => {
            let covered: usize = script.parts.iter().map(|part| script.statements_of(part).len()).sum();
            assert_eq!(covered, script.statements.len());
            let texts: String = script.parts.iter().map(|part| script.text_of(part)).collect();
            assert_eq!(texts, text, "the parts of a change are the change");
        }
        Err(refusal) => {
            show(Source { name: "text", text }, refusal.offset().unwrap_or_default());
        }
    }
});

/// Splitting is stable: what belongs to a statement splits into that statement.
fn alone(span: &str, text: &str, kind: StatementKind<'_>) {
    // A merge conflict mark is one at the beginning of a line, which this need not be.
    let span = &format!(" {span}");
    let again = split(span);
    let again = again.unwrap_or_else(|error| panic!("{span:?} alone: {error}"));
    assert_eq!(again.len(), 1, "{span:?} alone is {again:?}");
    assert_eq!((again[0].text, again[0].kind), (text, kind));
    if kind == StatementKind::Sql {
        match split(&format!(" {text};")) {
            Ok(again) => assert_eq!(again.iter().map(|it| it.text).collect::<Vec<_>>(), [text]),
            Err(error) => assert_eq!(error.kind, SplitErrorKind::UnterminatedCopyData, "{text:?}"),
        }
    }
}

fn look_at(statement: &str) {
    classify(statement);
    label(statement);
    let mut end = 0;
    for word in words(statement) {
        assert!(word.start >= end && word.end > word.start && statement.get(word.clone()).is_some());
        end = word.end;
    }
}
