//! libpq's two connection strings: the URI and the list of keywords and values.
//!
//! Reads syntax only; which options exist and what their values mean is decided elsewhere, but for which of them are
//! secrets. Messages never quote the text, because a part that is taken for something else may be the password.

/// The options in the order they are written; a later one of the same name wins.
///
/// # Errors
/// What is wrong with the text, without a word of it.
pub fn parse(text: &str) -> Result<Vec<(String, String)>, String> {
    const SCHEMES: [&str; 2] = ["postgresql://", "postgres://"];
    if let Some(rest) = SCHEMES.iter().find_map(|scheme| text.strip_prefix(scheme)) {
        return uri(rest);
    }
    if text.contains('=') {
        return keywords(text);
    }
    if text.contains("://") {
        return Err("the scheme is neither postgresql:// nor postgres://".to_owned());
    }
    if text.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![("dbname".to_owned(), text.to_owned())])
}

/// Whether the value of the option must never be shown.
#[must_use]
pub fn is_secret(name: &str) -> bool {
    matches!(
        name,
        "password" | "sslpassword" | "scram_client_key" | "scram_server_key" | "oauth_client_secret"
    )
}

/// The string without its secrets, and their names; one without any stays as it is written.
///
/// # Errors
/// What is wrong with the text, without a word of it.
pub fn without_secrets(text: &str) -> Result<(String, Vec<String>), String> {
    let options = parse(text)?;
    let (secret, kept): (Vec<_>, Vec<_>) = options.into_iter().partition(|(name, _)| is_secret(name));
    if secret.is_empty() {
        return Ok((text.to_owned(), Vec::new()));
    }
    let written = |(name, value): &(String, String)| {
        format!("{name}='{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
    };
    let kept: Vec<_> = kept.iter().map(written).collect();
    Ok((kept.join(" "), secret.into_iter().map(|(name, _)| name).collect()))
}

fn uri(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut options = Vec::new();
    let authority_end = text.find('/').unwrap_or(text.len());
    // As libpq: the first `@` before any slash ends the credentials, wherever a `?` may be.
    let rest = match text[..authority_end].find('@') {
        Some(at) => {
            credentials(&text[..at], &mut options)?;
            &text[at + 1..]
        }
        None => text,
    };
    // libpq would take what follows for a host or a database, and show it. Most likely it is of the password.
    if rest.split('?').next().is_some_and(|place| place.contains('@')) {
        return Err(AMBIGUOUS.to_owned());
    }
    let rest = hosts(rest, &mut options)?;
    let (path, query) = rest.split_once('?').map_or((rest, None), |(path, query)| (path, Some(query)));
    if let Some(database) = path.strip_prefix('/')
        && !database.is_empty()
    {
        options.push(("dbname".to_owned(), decode(database)?));
    }
    if let Some(query) = query {
        parameters(query, &mut options)?;
    }
    Ok(options)
}

const AMBIGUOUS: &str = "it is not clear where the password ends and the host begins: \
    in a password @ is written %40, / is %2F, : is %3A; in other places @ is %40 too";

fn credentials(text: &str, options: &mut Vec<(String, String)>) -> Result<(), String> {
    let (user, password) = text.split_once(':').unwrap_or((text, ""));
    for (name, value) in [("user", user), ("password", password)] {
        if !value.is_empty() {
            options.push((name.to_owned(), decode(value)?));
        }
    }
    Ok(())
}

/// Reads `host:port,host:port` and returns what follows.
fn hosts<'a>(text: &'a str, options: &mut Vec<(String, String)>) -> Result<&'a str, String> {
    let (mut hosts, mut ports) = (Vec::new(), Vec::new());
    let mut rest = text;
    loop {
        let host;
        (host, rest) = one_host(rest)?;
        hosts.push(host);
        let mut port = "";
        if let Some(after) = rest.strip_prefix(':') {
            (port, rest) = split_before(after, &['/', '?', ',']);
        }
        if !port.is_empty() && trimmed(&decode(port)?).parse::<i64>().is_err() {
            return Err(AMBIGUOUS.to_owned());
        }
        ports.push(port);
        match rest.strip_prefix(',') {
            Some(after) => rest = after,
            None => break,
        }
    }
    for (name, list) in [("host", hosts.join(",")), ("port", ports.join(","))] {
        if !list.is_empty() {
            options.push((name.to_owned(), decode(&list)?));
        }
    }
    Ok(rest)
}

fn one_host(text: &str) -> Result<(&str, &str), String> {
    let Some(inside) = text.strip_prefix('[') else {
        return Ok(split_before(text, &[':', '/', '?', ',']));
    };
    let (address, rest) = inside.split_once(']').ok_or("the ] after an IPv6 address is missing")?;
    if address.is_empty() {
        return Err("an IPv6 address is empty".to_owned());
    }
    if !rest.is_empty() && !rest.starts_with([':', '/', '?', ',']) {
        return Err("something other than : / ? or , follows an IPv6 address".to_owned());
    }
    Ok((address, rest))
}

fn split_before<'a>(text: &'a str, stops: &[char]) -> (&'a str, &'a str) {
    text.split_at(text.find(stops).unwrap_or(text.len()))
}

fn parameters(query: &str, options: &mut Vec<(String, String)>) -> Result<(), String> {
    let mut rest = query;
    // As in libpq an & at the very end is no mistake.
    while !rest.is_empty() {
        let parameter;
        (parameter, rest) = rest.split_once('&').unwrap_or((rest, ""));
        let (name, value) =
            parameter.split_once('=').ok_or("a parameter after ? has no =, or a & is not written %26")?;
        if value.contains('=') {
            return Err("a parameter after ? has more than one =: write %3D".to_owned());
        }
        let (name, value) = (decode(name)?, decode(value)?);
        // JDBC's spelling, which libpq accepts.
        if name == "ssl" && value == "true" {
            options.push(("sslmode".to_owned(), "require".to_owned()));
        } else {
            options.push(as_known(name, value));
        }
    }
    Ok(())
}

/// The option as it is called today.
fn as_known(name: String, value: String) -> (String, String) {
    if name != "requiressl" {
        return (name, value);
    }
    let mode = if value.starts_with('1') { "require" } else { "prefer" };
    ("sslmode".to_owned(), mode.to_owned())
}

fn decode(text: &str) -> Result<String, String> {
    // As libpq 18: spaces around a part are no part of it, and one within is a mistake.
    let text = text.trim_matches(' ');
    if text.contains(' ') {
        return Err("there is a space in it: a space is written %20".to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        rest = after;
        if *byte != b'%' {
            bytes.push(*byte);
            continue;
        }
        let [high, low, after @ ..] = rest else {
            return Err(BAD_PERCENT.to_owned());
        };
        let (Some(high), Some(low)) = (hex(*high), hex(*low)) else {
            return Err(BAD_PERCENT.to_owned());
        };
        rest = after;
        match high << 4 | low {
            0 => return Err("it contains %00".to_owned()),
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).map_err(|_| "a percent-encoded text is no UTF-8".to_owned())
}

const BAD_PERCENT: &str =
    "a % is not followed by two hexadecimal digits; a percent sign itself is written %25";

fn hex(digit: u8) -> Option<u8> {
    // A hexadecimal digit is below 16.
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

fn keywords(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut options = Vec::new();
    let mut rest = text.trim_start_matches(is_space);
    while !rest.is_empty() {
        let (name, after) = rest.split_at(rest.find(|c| c == '=' || is_space(c)).unwrap_or(rest.len()));
        let after = after
            .trim_start_matches(is_space)
            .strip_prefix('=')
            .ok_or("a keyword is not followed by =; a value with spaces needs single quotes")?;
        let (value, after) = value(after.trim_start_matches(is_space))?;
        options.push(as_known(name.to_owned(), value));
        rest = after.trim_start_matches(is_space);
    }
    Ok(options)
}

/// One value: quoted, or up to the next space; a backslash takes the next character as it is in both.
fn value(text: &str) -> Result<(String, &str), String> {
    let quoted = text.strip_prefix('\'');
    let body = quoted.unwrap_or(text);
    let mut value = String::new();
    let mut characters = body.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            '\'' if quoted.is_some() => return Ok((value, &body[at + 1..])),
            space if quoted.is_none() && is_space(space) => return Ok((value, &body[at..])),
            other => value.push(other),
        }
    }
    if quoted.is_some() {
        return Err("a quoted value has no end".to_owned());
    }
    Ok((value, ""))
}

/// The text without white space around it, as C sees it: a non-breaking space is none.
#[must_use]
pub fn trimmed(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// C's isspace.
const fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_taken_out_and_nothing_else() {
        let check = |text: &str, expected: &str, removed: &[&str]| {
            let (kept, secrets) = without_secrets(text).unwrap();
            assert_eq!((kept.as_str(), secrets.join(" ")), (expected, removed.join(" ")), "{text}");
            assert_eq!(without_secrets(&kept), Ok((kept.clone(), Vec::new())));
        };
        check("host=far  dbname = 'a b'", "host=far  dbname = 'a b'", &[]);
        check("host=far password=hush user=ann", "host='far' user='ann'", &["password"]);
        check("password='it\\'s' dbname='a\\'b\\\\c'", "dbname='a\\'b\\\\c'", &["password"]);
        check(
            "postgresql://ann:hush%40@far:5433/my%20db?sslpassword=hush",
            "user='ann' host='far' port='5433' dbname='my db'",
            &["password", "sslpassword"],
        );
        check("postgresql://ann@far/db", "postgresql://ann@far/db", &[]);
    }
}
