//! Names of objects as names of files, safe for every file system and read back without loss.
//!
//! Two different names give files that differ even where letter case is ignored and where Unicode is
//! normalized, and no file is a reserved device on Windows. It encodes one name; folders, suffixes and
//! what makes overloaded functions distinct are for the caller.

use std::iter::once;

use sha2::{Digest, Sha256};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// The longest result, in bytes: leaves room for suffixes in the 255 bytes that file systems allow, and in
/// the 143 characters of encrypted folders for most names.
const LONGEST: usize = 150;
/// `~` and 16 hexadecimal digits.
const DIGEST: usize = 17;

/// The name of a file for a name.
///
/// Lower-case ASCII letters, digits, `_`, `-` and dots inside stay; an upper-case letter is `+` and the
/// lower-case one; other letters stay where they have neither case nor normal forms to be lost; all else
/// is percent-encoded. What is longer than 150 bytes is cut and ends in `~` and a digest of the name. The
/// empty name is `%`.
pub fn encode(name: &str) -> String {
    if name.is_empty() {
        return "%".to_owned();
    }
    // What most names are.
    let stays = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
    if name.len() <= LONGEST && name.bytes().all(stays) && reserved_stem_length(name).is_none() {
        return name.to_owned();
    }
    let pieces = pieces(name);
    let length: usize = pieces.iter().map(String::len).sum();
    if length <= LONGEST {
        return pieces.concat();
    }
    let mut encoded = String::with_capacity(LONGEST);
    for piece in pieces {
        if encoded.len() + piece.len() > LONGEST - DIGEST {
            break;
        }
        encoded.push_str(&piece);
    }
    encoded.push('~');
    for byte in &Sha256::digest(name)[..8] {
        encoded.push_str(&format!("{byte:02x}"));
    }
    encoded
}

/// The name that [`encode`] made this file for; `None` for a file it would not make, and for a name that
/// was cut, whose file says in SQL what it holds.
pub fn decode(file: &str) -> Option<String> {
    if file == "%" {
        return Some(String::new());
    }
    let mut bytes = Vec::with_capacity(file.len());
    let mut rest = file.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => hex_digit(rest.next()?)? << 4 | hex_digit(rest.next()?)?,
            b'+' => rest.next().filter(u8::is_ascii_lowercase)?.to_ascii_uppercase(),
            other => other,
        });
    }
    let name = String::from_utf8(bytes).ok()?;
    // Only one file stands for a name: another spelling of it was not made here.
    (!name.is_empty() && encode(&name) == file).then_some(name)
}

/// One piece for each character, which must not be cut apart.
fn pieces(name: &str) -> Vec<String> {
    let reserved_end = reserved_stem_length(name);
    let last = name.len() - 1;
    let piece = |(at, c): (usize, char)| match c {
        _ if Some(at + 1) == reserved_end => percent(c),
        'a'..='z' | '0'..='9' | '_' | '-' => c.to_string(),
        // A leading dot hides a file, and Windows drops a trailing one.
        '.' if at != 0 && at != last => c.to_string(),
        'A'..='Z' => format!("+{}", c.to_ascii_lowercase()),
        _ if !c.is_ascii() && survives_file_systems(c) => c.to_string(),
        _ => percent(c),
    };
    name.char_indices().map(piece).collect()
}

fn percent(c: char) -> String {
    c.encode_utf8(&mut [0; 4]).bytes().map(|byte| format!("%{byte:02x}")).collect()
}

/// Whether a character beyond ASCII is the same before and after any change that a file system makes.
///
/// It must come back from upper case (which `ß`, `ı`, `ſ` and `ς` do not), must be its own normal form in
/// NFC and NFKC, and must not be one that joins the character before it.
fn survives_file_systems(c: char) -> bool {
    let is_lower_case =
        || c.to_uppercase().flat_map(char::to_lowercase).eq(once(c)) && c.to_lowercase().eq(once(c));
    let never_joins = || is_nfc_quick(once(c)) == IsNormalized::Yes && once(c).nfkc().eq(once(c));
    c.is_alphanumeric() && is_lower_case() && never_joins()
}

/// The length of a device name of Windows that the name begins with, alone or before a dot.
///
/// Names with upper-case letters are none, as their letters get a `+`.
fn reserved_stem_length(name: &str) -> Option<usize> {
    let stem = name.split('.').next().unwrap_or(name);
    let numbered = stem.strip_prefix("com").or_else(|| stem.strip_prefix("lpt"));
    let is_port = numbered.is_some_and(|number| number.len() == 1 && number.as_bytes()[0].is_ascii_digit());
    (is_port || matches!(stem, "con" | "prn" | "aux" | "nul")).then_some(stem.len())
}

fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn names_become_files_and_back() {
        for (name, file) in [
            ("a_varchar", "a_varchar"),
            ("", "%"),
            ("My Schema", "+my%20+schema"),
            ("sch-ema", "sch-ema"),
            ("Upper", "+upper"),
            ("upper", "upper"),
            ("a\"b", "a%22b"),
            ("ünï", "ünï"),
            ("Ünï", "%c3%9cnï"),
            ("straße", "stra%c3%9fe"),
            ("u\u{308}", "u%cc%88"),
            ("表", "表"),
            ("ｆｕｌｌ", "%ef%bd%86%ef%bd%95%ef%bd%8c%ef%bd%8c"),
            ("a/b", "a%2fb"),
            ("a\\b", "a%5cb"),
            ("CON", "+c+o+n"),
            ("con", "co%6e"),
            ("con.x", "co%6e.x"),
            ("conx", "conx"),
            ("com1", "com%31"),
            ("com10", "com10"),
            ("lpt0.a.b", "lpt%30.a.b"),
            ("conin$", "conin%24"),
            (".", "%2e"),
            ("..", "%2e%2e"),
            ("...", "%2e.%2e"),
            (".git", "%2egit"),
            ("a.b", "a.b"),
            ("a.", "a%2e"),
            (" ", "%20"),
            ("a ", "a%20"),
            ("50%", "50%25"),
            ("a+b", "a%2bb"),
            ("~", "%7e"),
            ("f(integer)", "f%28integer%29"),
            ("\n", "%0a"),
        ] {
            assert_eq!(encode(name), file);
            assert_eq!(decode(file).as_deref(), Some(name));
        }
    }

    #[test]
    fn what_encode_does_not_make_is_not_decoded() {
        for file in [
            "", "A", "+", "+1", "%2", "%zz", "%61", "%2E", "con", "a.", ".a", "a b", "%ff", "ß", "~",
            "u\u{308}",
        ] {
            assert_eq!(decode(file), None, "{file:?}");
        }
    }

    #[test]
    fn long_names_are_cut_between_characters_and_stay_distinct() {
        let exact = "a".repeat(LONGEST);
        assert_eq!(encode(&exact), exact);
        for name in ["a".repeat(151), "ß".repeat(80), "A".repeat(200), format!("{}b", "a".repeat(150))] {
            let file = encode(&name);
            assert!(file.len() <= LONGEST && file.len() > LONGEST - 6, "{file}");
            assert_eq!(file.rfind('~'), Some(file.len() - DIGEST));
            assert_eq!(decode(&file), None);
        }
        assert_ne!(encode(&"a".repeat(151)), encode(&"a".repeat(152)));
        assert!(encode(&"ß".repeat(80)).starts_with("%c3%9f"));
        assert!(!encode(&"ß".repeat(80)).contains("%c3~"));
    }

    /// Every pair of short names over nasty characters differs in every folding a file system does.
    #[test]
    fn no_two_names_meet_in_any_file_system() {
        let alphabet = [
            "a", "A", "e", "é", "É", "e\u{301}", "\u{301}", "ß", "ẞ", "ss", "ſ", "s", "i", "I", "ı", "İ",
            "k", "\u{212a}", "å", "\u{212b}", "σ", "ς", "Σ", "µ", "μ", "ｆ", "f", "ﬁ", ".", " ", "+", "%",
            "~", "_", "가", "ᄀ", "ᅡ", "ǰ", "ŉ", "ΐ", "\u{345}", "²", "2", "ა", "Ა", "Ꭰ", "ꭰ", "con", "com1",
            "/", "ǆ", "ǅ", "Ǆ",
        ];
        let mut seen: HashMap<(usize, String), String> = HashMap::new();
        for first in alphabet {
            for second in alphabet {
                for third in ["", "a", "\u{301}", "A"] {
                    let name = [first, second, third].concat();
                    let file = encode(&name);
                    assert_eq!(decode(&file).as_ref(), Some(&name));
                    let folded = [
                        file.to_lowercase(),
                        file.to_uppercase(),
                        file.nfc().collect::<String>().to_uppercase(),
                        file.nfd().collect::<String>().to_uppercase().to_lowercase(),
                        file.nfkd().collect::<String>().to_uppercase().nfkd().collect(),
                    ];
                    for (folding, folded) in folded.into_iter().enumerate() {
                        let other = seen.insert((folding, folded), name.clone());
                        assert!(other.as_ref().is_none_or(|other| *other == name), "{other:?} and {name:?}");
                    }
                }
            }
        }
    }

    /// The same for single characters of all of Unicode.
    #[test]
    fn no_two_characters_meet_in_any_file_system() {
        let mut seen: HashMap<String, char> = HashMap::new();
        for c in ('\u{1}'..=char::MAX).filter(|&c| survives_file_systems(c) && !c.is_ascii()) {
            let folded: String = c.to_string().nfkd().collect::<String>().to_uppercase().nfkd().collect();
            let other = seen.insert(folded, c);
            assert_eq!(other, None, "{c:?} and {other:?}");
        }
        assert!(seen.len() > 90_000, "letters of most scripts stay readable: {}", seen.len());
    }
}
