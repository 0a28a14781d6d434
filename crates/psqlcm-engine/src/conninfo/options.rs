//! The options libpq knows, the variable that sets each, and what we cannot honour.

/// One connection option.
pub(super) struct Known {
    pub(super) name: &'static str,
    pub(super) variable: Option<&'static str>,
    pub(super) support: Support,
}

/// What we make of an option.
#[derive(Clone, Copy)]
pub(super) enum Support {
    /// As libpq does, or it makes no difference to us.
    Honoured,
    /// Only with one of these values; any other would promise something that is not kept.
    Refused { unless: &'static [&'static str], why: &'static str },
    /// Not an option of a connection string: libpq turns the variable into a setting of the session.
    VariableOnly,
}

/// The option of that name that a connection string or a service file may set.
pub(super) fn find(name: &str) -> Option<&'static Known> {
    OPTIONS.iter().find(|option| option.name == name && !matches!(option.support, Support::VariableOnly))
}

const fn honoured(name: &'static str, variable: Option<&'static str>) -> Known {
    Known { name, variable, support: Support::Honoured }
}

const fn refused(
    name: &'static str,
    variable: Option<&'static str>,
    unless: &'static [&'static str],
    why: &'static str,
) -> Known {
    Known { name, variable, support: Support::Refused { unless, why } }
}

const NO_GSS: &str = "psql-cm has no GSSAPI";
const NO_OAUTH: &str = "psql-cm has no OAuth";
const NO_KEY: &str = "psql-cm authenticates with the password itself, not with keys derived from it";

/// All of libpq 18's, in the order of its documentation.
pub(super) const OPTIONS: &[Known] = &[
    honoured("host", Some("PGHOST")),
    honoured("hostaddr", Some("PGHOSTADDR")),
    honoured("port", Some("PGPORT")),
    honoured("dbname", Some("PGDATABASE")),
    honoured("user", Some("PGUSER")),
    honoured("password", Some("PGPASSWORD")),
    honoured("passfile", Some("PGPASSFILE")),
    honoured("require_auth", Some("PGREQUIREAUTH")),
    honoured("channel_binding", Some("PGCHANNELBINDING")),
    honoured("connect_timeout", Some("PGCONNECT_TIMEOUT")),
    // The session speaks UTF-8, whatever the terminal does.
    honoured("client_encoding", Some("PGCLIENTENCODING")),
    honoured("options", Some("PGOPTIONS")),
    honoured("application_name", Some("PGAPPNAME")),
    honoured("fallback_application_name", None),
    honoured("keepalives", None),
    honoured("keepalives_idle", None),
    honoured("keepalives_interval", None),
    honoured("keepalives_count", None),
    honoured("tcp_user_timeout", None),
    refused("replication", None, &["false", "off", "no", "0"], "psql-cm needs an ordinary session"),
    refused("gssencmode", Some("PGGSSENCMODE"), &["disable", "prefer"], NO_GSS),
    honoured("sslmode", Some("PGSSLMODE")),
    honoured("sslnegotiation", Some("PGSSLNEGOTIATION")),
    // TLS compression does not exist any more; libpq accepts the option and does nothing.
    honoured("sslcompression", Some("PGSSLCOMPRESSION")),
    honoured("sslcert", Some("PGSSLCERT")),
    honoured("sslkey", Some("PGSSLKEY")),
    refused("sslkeylogfile", None, &[], "psql-cm does not write the keys of its sessions"),
    honoured("sslpassword", None),
    honoured("sslcertmode", Some("PGSSLCERTMODE")),
    honoured("sslrootcert", Some("PGSSLROOTCERT")),
    honoured("sslcrl", Some("PGSSLCRL")),
    honoured("sslcrldir", Some("PGSSLCRLDIR")),
    honoured("sslsni", Some("PGSSLSNI")),
    honoured("requirepeer", Some("PGREQUIREPEER")),
    honoured("ssl_min_protocol_version", Some("PGSSLMINPROTOCOLVERSION")),
    honoured("ssl_max_protocol_version", Some("PGSSLMAXPROTOCOLVERSION")),
    refused("min_protocol_version", Some("PGMINPROTOCOLVERSION"), &["3.0"], "psql-cm speaks protocol 3.0"),
    // An upper bound: 3.0 is below all of them.
    honoured("max_protocol_version", Some("PGMAXPROTOCOLVERSION")),
    // Names a service for GSSAPI, which is not used: no effect, and harmless.
    honoured("krbsrvname", Some("PGKRBSRVNAME")),
    honoured("gsslib", Some("PGGSSLIB")),
    refused("gssdelegation", Some("PGGSSDELEGATION"), &["0"], NO_GSS),
    refused("scram_client_key", None, &[], NO_KEY),
    refused("scram_server_key", None, &[], NO_KEY),
    honoured("service", Some("PGSERVICE")),
    honoured("servicefile", Some("PGSERVICEFILE")),
    honoured("target_session_attrs", Some("PGTARGETSESSIONATTRS")),
    honoured("load_balance_hosts", Some("PGLOADBALANCEHOSTS")),
    refused("oauth_issuer", None, &[], NO_OAUTH),
    refused("oauth_client_id", None, &[], NO_OAUTH),
    refused("oauth_client_secret", None, &[], NO_OAUTH),
    refused("oauth_scope", None, &[], NO_OAUTH),
    Known { name: "datestyle", variable: Some("PGDATESTYLE"), support: Support::VariableOnly },
    Known { name: "timezone", variable: Some("PGTZ"), support: Support::VariableOnly },
    Known { name: "geqo", variable: Some("PGGEQO"), support: Support::VariableOnly },
    // Obsolete and still obeyed, where sslmode is not set.
    Known { name: "requiressl", variable: Some("PGREQUIRESSL"), support: Support::VariableOnly },
];
