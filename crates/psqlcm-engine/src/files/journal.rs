//! The journal: what is to be moved and removed, as bytes that cannot be mistaken for a part of themselves.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

const HEAD: &[u8] = b"psql-cm journal 1";
const END: &[u8] = b"end";

/// What is left to do once it is on disk.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Journal {
    pub(super) removes: Vec<PathBuf>,
    /// The number of a staged file, and where it belongs.
    pub(super) puts: Vec<(u32, PathBuf)>,
}

impl Journal {
    pub(super) fn is_empty(&self) -> bool {
        self.removes.is_empty() && self.puts.is_empty()
    }

    /// Words that end with a NUL, which no path holds: the head; `remove` and a path, or a number and a path; the end.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut word = |word: &[u8]| {
            bytes.extend_from_slice(word);
            bytes.push(0);
        };
        word(HEAD);
        for path in &self.removes {
            word(b"remove");
            word(path.as_os_str().as_bytes());
        }
        for (number, path) in &self.puts {
            word(number.to_string().as_bytes());
            word(path.as_os_str().as_bytes());
        }
        word(END);
        bytes
    }

    /// None if it is cut off, or not ours.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut words = bytes.strip_suffix(&[0])?.split(|byte| *byte == 0);
        if words.next()? != HEAD {
            return None;
        }
        let mut journal = Self::default();
        loop {
            let word = words.next()?;
            if word == END {
                return words.next().is_none().then_some(journal);
            }
            let path = PathBuf::from(OsStr::from_bytes(words.next()?));
            if word == b"remove" {
                journal.removes.push(path);
            } else {
                journal.puts.push((str::from_utf8(word).ok()?.parse().ok()?, path));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_back_whole_or_not_at_all() {
        let removes = vec!["end".into(), "a\nb".into(), OsStr::from_bytes(b"\xff/remove").into()];
        let journal = Journal { removes, puts: vec![(7, "0".into()), (0, "x/y".into())] };
        let bytes = journal.to_bytes();
        assert_eq!(Journal::parse(&bytes), Some(journal));
        for length in 0..bytes.len() {
            assert_eq!(Journal::parse(&bytes[..length]), None, "{length}");
        }
        assert_eq!(Journal::parse(&[&bytes[..], b"more\0"].concat()), None);
    }
}
