//! The password file of libpq (PostgreSQL manual, "The Password File"): `host:port:database:user:password`
//! a line, the first line that fits counts.

use std::path::Path;

use super::url::{Host, PgUrl, Secret};
use crate::model::fault::Fault;
use crate::net::channel::{read, unusable};

/// Where libpq's own clients find their sockets; a password for one of them is one for `localhost`.
const SOCKETS: &[&str] = &["/var/run/postgresql", "/run/postgresql", "/tmp"];

impl PgUrl {
    /// The URL with the password that a password file has for it. Unchanged where it has one already,
    /// where there is no such file, and where no line of the file fits.
    ///
    /// # Errors
    /// [`Fault::Local`] when the file is there and cannot be used: as libpq has it, nobody else may read
    /// it.
    pub fn with_password_of(&self, file: &Path) -> Result<Self, Fault> {
        if self.password.is_some() || !file.exists() {
            return Ok(self.clone());
        }
        if readable_by_others(file) {
            return Err(unusable(file, "others may read it; libpq ignores it until `chmod 600`"));
        }
        let text = String::from_utf8(read(file)?).map_err(|_| unusable(file, "it is no text"))?;
        let password = text.lines().find_map(|line| self.password_in(line));
        Ok(Self { password: password.map(|it| Secret(it.into_bytes())), ..self.clone() })
    }

    /// The password of a line, where the line is for this URL.
    fn password_in(&self, line: &str) -> Option<String> {
        if line.starts_with('#') {
            return None;
        }
        let [host, port, database, user, password] = fields(line)?;
        let own = match &self.host {
            Host::Tcp(host) => host.clone(),
            Host::Unix(dir) if SOCKETS.iter().any(|known| dir == Path::new(known)) => {
                "localhost".to_owned()
            }
            Host::Unix(dir) => dir.display().to_string(),
        };
        let wanted = [own, self.port.to_string(), self.database.clone(), self.user.clone()];
        let fits = |(field, wanted): (&Field, &String)| field.any || field.text == *wanted;
        let fields = [host, port, database, user];
        fields.iter().zip(&wanted).all(fits).then_some(password.text).filter(|it| !it.is_empty())
    }
}

/// A field of a line.
struct Field {
    text: String,
    /// Whether it is a bare `*`, which fits everything.
    any: bool,
}

/// Cuts a line at its colons; a backslash takes what is special from the next character.
fn fields(line: &str) -> Option<[Field; 5]> {
    let mut all: Vec<Field> = Vec::new();
    let (mut text, mut raw) = (String::new(), String::new());
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match letter {
            ':' if all.len() < 4 => {
                all.push(Field { any: raw == "*", text: std::mem::take(&mut text) });
                raw.clear();
            }
            '\\' => {
                raw.push('\\');
                text.extend(letters.next());
            }
            letter => {
                raw.push(letter);
                text.push(letter);
            }
        }
    }
    all.push(Field { any: false, text });
    all.try_into().ok()
}

#[cfg(unix)]
fn readable_by_others(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(file).is_ok_and(|it| it.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn readable_by_others(_: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_fits_counts() {
        for (url, lines, password) in [
            ("postgres://u@h/d", "h:5432:d:u:secret", Some("secret")),
            ("postgres://u@h/d", "# h:5432:d:u:no\n*:*:*:u:first\n*:*:*:*:second", Some("first")),
            ("postgres://u@h/d", "h:5433:d:u:x\nother:*:*:*:x", None),
            ("postgres://u@h/d", "h:5432:d:u:a\\:b\\\\c:d", Some("a:b\\c:d")),
            // A star that is escaped is a name.
            ("postgres://u@h/d", "\\*:*:*:*:x", None),
            ("postgres://u@[::1]:1/d", "\\:\\:1:1:d:u:six", Some("six")),
            ("postgres://u@/d?host=/run/postgresql", "localhost:*:*:*:socket", Some("socket")),
            ("postgres://u@/d?host=/srv/pg", "/srv/pg:*:*:*:socket", Some("socket")),
            ("postgres://u@h/d", "h:5432:d:u", None),
            ("postgres://u@h/d", "h:5432:d:u:", None),
        ] {
            let url: PgUrl = url.parse().expect(url);
            let found = lines.lines().find_map(|line| url.password_in(line));
            assert_eq!(found.as_deref(), password, "{lines}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_file_that_others_may_read_is_refused_and_one_that_is_missing_is_not() {
        use std::os::unix::fs::PermissionsExt;

        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("pgpass");
        let url: PgUrl = "postgres://u@h/d".parse().expect("a URL");
        assert_eq!(url.with_password_of(&file).expect("nothing there"), url);
        std::fs::write(&file, "*:*:*:*:secret\n").expect("a file");
        for (mode, refused) in [(0o644, true), (0o640, true), (0o600, false)] {
            let mode = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(&file, mode).expect("permissions");
            assert_eq!(url.with_password_of(&file).is_err(), refused);
        }
        let with = url.with_password_of(&file).expect("good");
        assert_eq!(with.password(), Some(b"secret".as_slice()));
        let own: PgUrl = "postgres://u:own@h/d".parse().expect("a URL");
        assert_eq!(
            own.with_password_of(&file).expect("unread").password(),
            Some(b"own".as_slice())
        );
    }
}
