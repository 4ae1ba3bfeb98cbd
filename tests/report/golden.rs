//! Golden files: the exact bytes a report must have. `GONOGO_UPDATE=1` writes them anew.

use std::path::PathBuf;

/// Compares a report with its golden file.
pub(crate) fn check(name: &str, actual: &[u8]) {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests/report/golden", name].iter().collect();
    #[expect(clippy::disallowed_methods, reason = "the switch of this helper, not of the product")]
    let update = std::env::var_os("GONOGO_UPDATE").is_some();
    if update {
        let folder = path.parent().expect("a golden file stands in a folder");
        std::fs::create_dir_all(folder).expect("the folder of golden files can be made");
        std::fs::write(&path, actual).expect("a golden file can be written");
        return;
    }
    let expected = std::fs::read(&path).unwrap_or_default();
    if expected == actual {
        return;
    }
    let (old, new) = (String::from_utf8_lossy(&expected), String::from_utf8_lossy(actual));
    let line = old.lines().zip(new.lines()).take_while(|(a, b)| a == b).count();
    panic!(
        "{} differs from line {}:\n  golden: {}\n  actual: {}\n\
         GONOGO_UPDATE=1 writes it anew; look at the difference before you commit it",
        path.display(),
        line + 1,
        old.lines().nth(line).unwrap_or("(nothing)"),
        new.lines().nth(line).unwrap_or("(nothing)"),
    );
}
