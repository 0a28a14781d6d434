//! `require_auth`: the ways to log in that the user allows.

use std::fmt;

/// A way to log in, by libpq's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AuthMethod {
    Password,
    Md5,
    Gss,
    Sspi,
    Scram,
    Oauth,
    /// The server asks for nothing.
    None,
}

const METHODS: [(&str, AuthMethod); 7] = [
    ("password", AuthMethod::Password),
    ("md5", AuthMethod::Md5),
    ("gss", AuthMethod::Gss),
    ("sspi", AuthMethod::Sspi),
    ("scram-sha-256", AuthMethod::Scram),
    ("oauth", AuthMethod::Oauth),
    ("none", AuthMethod::None),
];

impl AuthMethod {
    /// What a server that wants it does, in a sentence that begins with it.
    pub(crate) const fn question(self) -> &'static str {
        match self {
            Self::Password => "asks for the password in clear text",
            Self::Md5 => "asks for an MD5 hash of the password",
            Self::Gss => "asks for GSSAPI",
            Self::Sspi => "asks for SSPI",
            Self::Scram => "asks for SCRAM-SHA-256",
            Self::Oauth => "asks for OAuth",
            Self::None => "lets everybody in and asks for nothing",
        }
    }
}

/// Which ways are allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RequiredAuth {
    /// All.
    Any,
    /// These alone.
    Only(Vec<AuthMethod>),
    /// All but these.
    Not(Vec<AuthMethod>),
}

impl RequiredAuth {
    /// Reads libpq's list: methods, or methods with `!` before each.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split(',').collect();
        let negated = words.iter().filter(|word| word.starts_with('!')).count();
        if negated != 0 && negated != words.len() {
            return Err("methods with ! and without it cannot be mixed".to_owned());
        }
        let mut methods = Vec::new();
        for word in words {
            let word = word.strip_prefix('!').unwrap_or(word);
            let Some((_, method)) = METHODS.iter().find(|(name, _)| *name == word) else {
                let names = METHODS.map(|(name, _)| name).join(", ");
                return Err(format!("a list of {names}, or of these with ! before each"));
            };
            if methods.contains(method) {
                return Err(format!("{word} is named twice"));
            }
            methods.push(*method);
        }
        Ok(if negated == 0 { Self::Only(methods) } else { Self::Not(methods) })
    }

    pub(crate) fn allows(&self, method: AuthMethod) -> bool {
        match self {
            Self::Any => true,
            Self::Only(methods) => methods.contains(&method),
            Self::Not(methods) => !methods.contains(&method),
        }
    }
}

impl fmt::Display for RequiredAuth {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mark, methods) = match self {
            Self::Any => return Ok(()),
            Self::Only(methods) => ("", methods),
            Self::Not(methods) => ("!", methods),
        };
        let name = |method: &AuthMethod| METHODS.iter().find(|(_, it)| it == method).map(|(name, _)| *name);
        let names: Vec<String> =
            methods.iter().filter_map(name).map(|name| format!("{mark}{name}")).collect();
        formatter.write_str(&names.join(","))
    }
}
