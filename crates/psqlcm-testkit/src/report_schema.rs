//! Whether JSON is what a schema says: the part of JSON Schema that `docs/report.schema.json` uses, and no more.

use serde_json::Value;

/// What is wrong with `value`, each fault with its path. Any keyword that is not known here is a fault too.
#[must_use]
pub fn faults(schema: &Value, value: &Value) -> Vec<String> {
    faults_at(schema, schema, value, "$")
}

fn faults_at(root: &Value, schema: &Value, value: &Value, path: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (keyword, rule) in schema.as_object().expect("a schema of the form that ours has") {
        match keyword.as_str() {
            "$schema" | "$id" | "$defs" | "title" | "description" => {}
            "$ref" => {
                let name = rule
                    .as_str()
                    .expect("a schema of the form that ours has")
                    .strip_prefix("#/$defs/")
                    .expect("a schema of the form that ours has");
                found.extend(faults_at(root, &root["$defs"][name], value, path));
            }
            "type" if !has_type(rule, value) => found.push(format!("{path}: {value} is not {rule}")),
            "enum" if !rule.as_array().expect("a schema of the form that ours has").contains(value) => {
                found.push(format!("{path}: {value} is not in {rule}"));
            }
            "const" if rule != value => found.push(format!("{path}: {value} is not {rule}")),
            "minimum"
                if value.as_i64().is_some_and(|number| {
                    number < rule.as_i64().expect("a schema of the form that ours has")
                }) =>
            {
                found.push(format!("{path}: {value} is below {rule}"));
            }
            "required" => {
                let missing =
                    rule.as_array().expect("a schema of the form that ours has").iter().filter(|key| {
                        value.get(key.as_str().expect("a schema of the form that ours has")).is_none()
                    });
                found.extend(missing.map(|key| format!("{path}: {key} is missing")));
            }
            "properties" => {
                for (key, inner) in value.as_object().expect("a schema of the form that ours has") {
                    let at = format!("{path}.{key}");
                    match rule.get(key) {
                        Some(inner_schema) => found.extend(faults_at(root, inner_schema, inner, &at)),
                        None => found.push(format!("{at} is not described")),
                    }
                }
            }
            "items" => {
                for inner in value.as_array().expect("a schema of the form that ours has") {
                    found.extend(faults_at(root, rule, inner, &format!("{path}[]")));
                }
            }
            "type" | "enum" | "const" | "minimum" | "additionalProperties" => {}
            other => found.push(format!("{path}: the schema uses {other}")),
        }
    }
    found
}

fn has_type(rule: &Value, value: &Value) -> bool {
    let is = |name: &Value| match name.as_str().expect("a schema of the form that ours has") {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "null" => value.is_null(),
        other => panic!("unknown type {other}"),
    };
    rule.as_array().map_or_else(|| is(rule), |names| names.iter().any(is))
}
