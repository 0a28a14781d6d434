//! Connection strings: read as libpq reads them, and never shown with their password.
#![no_main]

use libfuzzer_sys::fuzz_target;
use psqlcm_engine::conninfo::{ConnInfo, Given};
use psqlcm_fuzz::{bare, compare, judge};

fuzz_target!(|text: &str| {
    // The service file and the password file have targets of their own, and the real ones must not matter.
    if text.contains('\0') || ["service", "passfile"].iter().any(|word| text.contains(word)) {
        return;
    }
    let ours = ConnInfo::resolve(&Given::new().text("--uri", text), &bare());
    if let Some(theirs) = judge(text) {
        compare(text, &ours, &theirs);
    }
    if let Ok(ours) = &ours {
        shows_no_password(ours);
        again(ours);
    }
});

/// A password that is in nothing else is in nothing that is shown.
fn shows_no_password(info: &ConnInfo) {
    let Some(password) = info.password_found(&info.endpoints()[0]).filter(|it| it.len() > 5) else { return };
    let open: Vec<String> = info.origins().into_iter().map(|(_, value, _)| value).collect();
    let shown = format!("{info:?} {} {}", info.describe(), info.warnings().join(" "));
    if shown.contains(&password) {
        let known = open.iter().any(|value| value.contains(&password));
        assert!(known || WORDS.contains(password.as_str()), "{password:?} is shown in {shown:?}");
    }
}

/// What every description and warning may say.
const WORDS: &str = "ConnInfo(\"postgres://root@ the password in --uri can be read by every user of this machine in its list of processes; ~/.pgpass or PGPASSFILE keeps it to yourself";

/// The description is a URI that leads to the same place.
fn again(info: &ConnInfo) {
    let text = info.describe();
    let again = ConnInfo::resolve(&Given::new().text("again", &text), &bare());
    let again = again.unwrap_or_else(|error| panic!("{text:?}: {error}"));
    assert_eq!(again.describe(), text);
    assert_eq!((again.user(), again.database()), (info.user(), info.database()), "{text:?}");
}
