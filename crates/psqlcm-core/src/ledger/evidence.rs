//! Evidence: JSON with one text for one meaning, so that it can be hashed before `jsonb` has seen it and after.

use serde_json::{Map, Value};

/// A JSON object in canonical form: keys sorted, no white space, numbers whole.
///
/// `jsonb` writes fractions its own way, and has no place for `\u0000`; both are refused rather than hashed wrongly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence(String);

/// JSON that would not come back from `jsonb` as it went in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceError {
    /// A number with a fraction or exponent, or beyond 64 bits.
    #[error(
        "evidence holds the number {0}; only whole numbers of 64 bits are kept exactly, write it as a string"
    )]
    Number(String),
    /// A string with a zero byte.
    #[error("evidence holds a string with a zero byte, which PostgreSQL cannot store")]
    ZeroByte,
}

impl Evidence {
    /// Takes an object as evidence.
    ///
    /// # Errors
    /// Names what `jsonb` would not give back as it is.
    pub fn new(object: &Map<String, Value>) -> Result<Self, EvidenceError> {
        let mut text = String::new();
        write_object(object, &mut text);
        object.iter().try_for_each(|(key, value)| {
            check_text(key)?;
            check(value)
        })?;
        Ok(Self(text))
    }

    /// Evidence of strings that PostgreSQL itself has stored.
    pub(super) fn from_strings(object: &Map<String, Value>) -> Self {
        let mut text = String::new();
        write_object(object, &mut text);
        Self(text)
    }

    /// The canonical text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The canonical text.
    #[must_use]
    pub fn into_text(self) -> String {
        self.0
    }
}

/// The canonical form of what `jsonb` prints. Text that is no JSON stays as it is, and so fails its hash.
pub(super) fn canonical_or_raw(text: &str) -> String {
    let Ok(value) = serde_json::from_str::<Value>(text) else {
        return text.to_owned();
    };
    let mut canonical = String::with_capacity(text.len());
    write(&value, &mut canonical);
    canonical
}

fn check(value: &Value) -> Result<(), EvidenceError> {
    match value {
        Value::Number(number) if !(number.is_i64() || number.is_u64()) => {
            Err(EvidenceError::Number(number.to_string()))
        }
        Value::String(text) => check_text(text),
        Value::Array(items) => items.iter().try_for_each(check),
        Value::Object(object) => object.iter().try_for_each(|(key, value)| {
            check_text(key)?;
            check(value)
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

fn check_text(text: &str) -> Result<(), EvidenceError> {
    if text.contains('\0') { Err(EvidenceError::ZeroByte) } else { Ok(()) }
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Object(object) => write_object(object, out),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

fn write_object(object: &Map<String, Value>, out: &mut String) {
    let mut fields: Vec<_> = object.iter().collect();
    fields.sort_unstable_by_key(|(key, _)| key.as_str());
    out.push('{');
    for (index, (key, value)) in fields.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        out.push_str(&Value::from(key.as_str()).to_string());
        out.push(':');
        write(value, out);
    }
    out.push('}');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(text: &str) -> Map<String, Value> {
        serde_json::from_str(text).expect("an object")
    }

    #[test]
    fn one_meaning_has_one_text() {
        let written = Evidence::new(&object(r#"{ "bb": [1, {"z":null,"a":true}], "a": "q\"\u00e9\n" }"#))
            .expect("fits");
        // jsonb sorts keys by length first, and puts spaces.
        let read = canonical_or_raw("{\"a\": \"q\\\"é\\n\", \"bb\": [1, {\"a\": true, \"z\": null}]}");
        assert_eq!(written.as_str(), r#"{"a":"q\"é\n","bb":[1,{"a":true,"z":null}]}"#);
        assert_eq!(written.as_str(), read);
    }

    #[test]
    fn what_jsonb_would_change_is_refused() {
        assert_eq!(Evidence::new(&object(r#"{"a":[1.50]}"#)), Err(EvidenceError::Number("1.5".to_owned())));
        assert_eq!(Evidence::new(&object(r#"{"a":{"b":"\u0000"}}"#)), Err(EvidenceError::ZeroByte));
    }
}
