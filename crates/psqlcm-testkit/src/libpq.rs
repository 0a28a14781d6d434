//! libpq itself, as the judge of how connection strings are read.
//!
//! It is loaded at run time where there is one, so that nothing needs it to be built; it never connects anywhere.
#![expect(
    unsafe_code,
    reason = "libpq is a C library: each call passes texts that end in NUL and outlive it, and frees what it got"
)]

use std::collections::BTreeMap;
use std::env;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::{Path, PathBuf};
use std::ptr::null_mut;

use libloading::Library;

/// Names a libpq to use instead of the one beside the client programs.
const LIBPQ: &str = "PSQL_CM_TEST_LIBPQ";

/// A libpq of version 18 or newer.
pub struct Libpq(Library);

/// One option that libpq knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LibpqOption {
    /// Its keyword.
    pub name: String,
    /// The variable that sets it.
    pub variable: Option<String>,
    /// Whether a value of it is to be hidden.
    pub is_secret: bool,
}

/// What libpq makes of a connection string and all that surrounds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LibpqConnection {
    /// The options that have a value.
    pub options: BTreeMap<String, String>,
    /// The password for the first host: the given one, or that of the password file.
    pub password: String,
}

/// `PQconninfoOption`, as libpq's documentation has it.
#[repr(C)]
struct RawOption {
    keyword: *const c_char,
    variable: *const c_char,
    compiled: *const c_char,
    value: *const c_char,
    label: *const c_char,
    display: *const c_char,
    size: c_int,
}

impl Libpq {
    /// Loads it, if this machine has one that is new enough.
    #[must_use]
    pub fn find() -> Option<Self> {
        candidates().iter().filter(|path| path.exists()).find_map(|path| {
            // SAFETY: libpq runs no code of its own when it is loaded.
            let loaded = Self(unsafe { Library::new(path) }.ok()?);
            // SAFETY: `int PQlibVersion(void)`.
            let version = unsafe { loaded.0.get::<extern "C" fn() -> c_int>(b"PQlibVersion\0") }.ok()?();
            (version >= 180_000).then_some(loaded)
        })
    }

    /// All options, as `PQconndefaults` lists them.
    #[must_use]
    pub fn options(&self) -> Vec<LibpqOption> {
        // SAFETY: `PQconninfoOption *PQconndefaults(void)`.
        let options = unsafe {
            let defaults = self.0.get::<extern "C" fn() -> *mut RawOption>(b"PQconndefaults\0");
            defaults.expect("libpq has PQconndefaults")()
        };
        self.take(options, |option| LibpqOption {
            name: text(option.keyword).unwrap_or_default(),
            variable: text(option.variable),
            is_secret: text(option.display).as_deref() == Some("*"),
        })
    }

    /// The options a connection string sets, as `PQconninfoParse` reads it.
    ///
    /// # Errors
    /// libpq's own words.
    pub fn parse(&self, connection: &str) -> Result<BTreeMap<String, String>, String> {
        type Parse = extern "C" fn(*const c_char, *mut *mut c_char) -> *mut RawOption;
        let connection = CString::new(connection).map_err(|_| "it has a NUL".to_owned())?;
        let mut message = null_mut();
        // SAFETY: the two pointers live until the call returns; the message is copied and freed.
        let options = unsafe {
            let parse = self.0.get::<Parse>(b"PQconninfoParse\0").expect("libpq has PQconninfoParse");
            parse(connection.as_ptr(), &raw mut message)
        };
        let words = text(message);
        if !message.is_null() {
            // SAFETY: libpq allocated it for us.
            unsafe {
                let free = self.0.get::<extern "C" fn(*mut c_void)>(b"PQfreemem\0");
                free.expect("libpq has PQfreemem")(message.cast());
            }
        }
        if options.is_null() {
            return Err(words.unwrap_or_default());
        }
        Ok(self.values(options))
    }

    /// Resolves a connection string (or the name of a database) against this process's variables and files, and
    /// stops before anything is looked up or connected to.
    ///
    /// # Errors
    /// libpq's own words.
    pub fn resolve(&self, connection: &str) -> Result<LibpqConnection, String> {
        type Start = extern "C" fn(*const *const c_char, *const *const c_char, c_int) -> *mut c_void;
        let connection = CString::new(connection).map_err(|_| "it has a NUL".to_owned())?;
        let pass_file_is_read_before_this = CString::new(STOP).expect("no NUL");
        let names = [c"dbname".as_ptr(), c"sslmode".as_ptr(), std::ptr::null()];
        let values = [connection.as_ptr(), pass_file_is_read_before_this.as_ptr(), std::ptr::null()];
        // SAFETY: both lists end in NULL and outlive the call; the connection is finished below.
        let handle = unsafe {
            let start = self.0.get::<Start>(b"PQconnectStartParams\0");
            start.expect("libpq has PQconnectStartParams")(names.as_ptr(), values.as_ptr(), 1)
        };
        let said = self.ask(handle, b"PQerrorMessage\0");
        let outcome = if said.contains(&format!("\"{STOP}\"")) {
            // SAFETY: the handle is a connection; the list is freed by `values`.
            let options = unsafe {
                let options = self.0.get::<extern "C" fn(*mut c_void) -> *mut RawOption>(b"PQconninfo\0");
                options.expect("libpq has PQconninfo")(handle)
            };
            let mut options = self.values(options);
            options.remove("sslmode");
            Ok(LibpqConnection { options, password: self.ask(handle, b"PQpass\0") })
        } else {
            Err(said)
        };
        // SAFETY: the handle is not used after this.
        unsafe {
            let finish = self.0.get::<extern "C" fn(*mut c_void)>(b"PQfinish\0");
            finish.expect("libpq has PQfinish")(handle);
        }
        outcome
    }

    /// Calls a function that takes a connection and gives a text.
    fn ask(&self, handle: *mut c_void, function: &[u8]) -> String {
        // SAFETY: `char *f(const PGconn *)`; the text is copied while the connection lives.
        let answer = unsafe {
            let ask = self.0.get::<extern "C" fn(*mut c_void) -> *const c_char>(function);
            ask.expect("libpq has that function")(handle)
        };
        text(answer).unwrap_or_default()
    }

    fn values(&self, options: *mut RawOption) -> BTreeMap<String, String> {
        let pairs =
            self.take(options, |option| Some((text(option.keyword)?, text(option.value)?))).into_iter();
        pairs.flatten().collect()
    }

    /// Reads a list that ends in an entry without a keyword, and frees it.
    fn take<T>(&self, options: *mut RawOption, read: impl Fn(&RawOption) -> T) -> Vec<T> {
        let mut all = Vec::new();
        // SAFETY: the list is libpq's own, ends as said, and is not used after it is freed.
        unsafe {
            let mut at = options;
            while !at.is_null() && !(*at).keyword.is_null() {
                all.push(read(&*at));
                at = at.add(1);
            }
            let free = self.0.get::<extern "C" fn(*mut RawOption)>(b"PQconninfoFree\0");
            free.expect("libpq has PQconninfoFree")(options);
        }
        all
    }
}

/// A value that `sslmode` does not have: libpq looks at it after hosts and password file, and before it connects.
const STOP: &str = "stop-here";

fn candidates() -> Vec<PathBuf> {
    if let Some(named) = env::var_os(LIBPQ) {
        return vec![named.into()];
    }
    let beside = env::var_os("PSQL_CM_TEST_CLIENT_BIN").map(|bin| Path::new(&bin).join("../lib/libpq.so.5"));
    let installed = ["/usr/lib/x86_64-linux-gnu/libpq.so.5", "/usr/lib/aarch64-linux-gnu/libpq.so.5"];
    beside.into_iter().chain(installed.map(PathBuf::from)).collect()
}

fn text(pointer: *const c_char) -> Option<String> {
    // SAFETY: all texts of libpq end in NUL and are copied before anything is freed.
    (!pointer.is_null()).then(|| unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned())
}
