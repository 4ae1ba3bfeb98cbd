//! The connection service file of libpq (PostgreSQL manual, "The Connection Service File"): parameters
//! under a name. It is read only for a URL that says `service=`.

use std::path::{Path, PathBuf};

use super::read_url::Parts;
use super::url::{PgUrl, Secret};
use crate::model::fault::Fault;
use crate::model::text::one_line;
use crate::net::channel::read;

/// What the environment says of services; nothing of it is looked at unless a URL asks for one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Services {
    /// `$PGSERVICE`, for a URL that says `service=` without a name.
    pub name: Option<String>,
    /// `$PGSERVICEFILE`, which must be there once it is named.
    pub named_file: Option<PathBuf>,
    /// `~/.pg_service.conf`, which need not be there; not looked at where a file is named.
    pub own_file: Option<PathBuf>,
    /// The machine's own files, which need not be there.
    pub system_files: Vec<PathBuf>,
}

/// The service a URL asks for.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Asked {
    /// Its name; `None` for the one of `$PGSERVICE`.
    pub(super) name: Option<String>,
    /// The file it is in, relative to the checklist; `None` where libpq looks for it.
    pub(super) file: Option<PathBuf>,
    /// The URL as it was written, whose own parameters win.
    pub(super) written: Secret,
}

impl PgUrl {
    /// Whether some of it is in a service file.
    #[must_use]
    pub const fn asks_for_service(&self) -> bool {
        self.service.is_some()
    }

    /// The URL with what the service that it asks for says; unchanged where it asks for none.
    ///
    /// # Errors
    /// [`Fault::Local`] with file and line where the service is not there, or cannot be used.
    pub fn with_service_of(&self, services: &Services, base: &Path) -> Result<Self, Fault> {
        let Some(asked) = &self.service else { return Ok(self.clone()) };
        let name = asked.name.as_ref().or(services.name.as_ref()).ok_or_else(|| Fault::Local {
            what: "looking for the service of the URL".to_owned(),
            reason: "`service=` has no name, and PGSERVICE is not set".to_owned(),
        })?;
        let (file, parts) = find(name, asked, services, base)?;
        let written = String::from_utf8_lossy(&asked.written.0);
        let whole = parts.read(&written).and_then(Parts::whole);
        whole.map_err(|reason| Fault::Local {
            what: format!(
                "completing the URL by the service {} of {}",
                shown(name),
                file.display()
            ),
            reason,
        })
    }
}

fn shown(name: &str) -> String {
    format!("`{}`", one_line(name))
}

/// The file that has the service, and what it says.
fn find(
    name: &str,
    asked: &Asked,
    services: &Services,
    base: &Path,
) -> Result<(PathBuf, Parts), Fault> {
    let named = asked.file.as_ref().map(|file| base.join(file)).or(services.named_file.clone());
    let own = services.own_file.as_ref().filter(|file| named.is_none() && file.exists());
    let system = services.system_files.iter().filter(|file| file.exists());
    let files: Vec<&PathBuf> = named.iter().chain(own).chain(system).collect();
    for file in &files {
        let text = String::from_utf8(read(file)?)
            .map_err(|_| mistake(file, 1, "it is no text".to_owned()))?;
        if let Some(parts) = service(name, &text).map_err(|(line, why)| mistake(file, line, why))? {
            return Ok(((*file).clone(), parts));
        }
    }
    let looked: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    let reason = match looked.as_slice() {
        [] => "there is no service file: no PGSERVICEFILE, ~/.pg_service.conf or pg_service.conf \
               of the system"
            .to_owned(),
        files => format!("it is not in {}", files.join(", nor in ")),
    };
    Err(Fault::Local { what: format!("looking for the service {}", shown(name)), reason })
}

fn mistake(file: &Path, line: usize, reason: String) -> Fault {
    Fault::Local { what: format!("reading {}:{line}", file.display()), reason }
}

/// The parameters of a service; `None` where the file does not have it. A mistake comes with its line, and
/// never quotes it: it may hold a password. As libpq has it, only the service asked for is read.
fn service(name: &str, text: &str) -> Result<Option<Parts>, (usize, String)> {
    let mut found: Option<Parts> = None;
    let mut seen: Vec<&str> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(section) = line.strip_prefix('[') {
            if found.is_some() {
                break;
            }
            found = (section.strip_suffix(']') == Some(name)).then(Parts::default);
            continue;
        }
        let Some(parts) = &mut found else { continue };
        let wrong = |why: String| (number + 1, why);
        if line.starts_with("ldap://") {
            return Err(wrong("services are not looked up by LDAP here".to_owned()));
        }
        let (key, value) = line
            .split_once('=')
            .ok_or_else(|| wrong("there is no `=`; write KEY=VALUE".to_owned()))?;
        if key.ends_with(' ') || key.ends_with('\t') {
            return Err(wrong(
                "there is a space before the `=`, which libpq does not take".to_owned(),
            ));
        }
        if matches!(key, "service" | "servicefile") {
            return Err(wrong("a service cannot be made of another one".to_owned()));
        }
        // The first one counts, as with libpq.
        if !seen.contains(&key) {
            seen.push(key);
            let read = parts.option(key, value.to_owned());
            read.map_err(|why| wrong(why.replace(" of the URL", "")))?;
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# services\n[other]\nhost=elsewhere\nnonsense\n\n[game]\nhost=db\nport=6000\n\
                        user=app\npassword=hunter2\nport=7\nsslmode=disable\n[game]\nhost=second\n";

    fn written(dir: &Path, name: &str, text: &str) -> PathBuf {
        let file = dir.join(name);
        std::fs::write(&file, text).expect("a file");
        file
    }

    #[test]
    fn what_the_url_says_wins_over_the_service_and_the_first_of_two_counts() {
        let dir = tempfile::tempdir().expect("a directory");
        let own_file = Some(written(dir.path(), "own", FILE));
        let services = Services { own_file, name: Some("game".to_owned()), ..Services::default() };
        for (url, target, user, password) in [
            ("postgres:///?service=game", "db:6000/app", "app", "hunter2"),
            ("postgres://?service=game", "db:6000/app", "app", "hunter2"),
            ("postgres:///d?service=", "db:6000/d", "app", "hunter2"),
            ("postgres://me:own@h:1/d?service=game", "h:1/d", "me", "own"),
            ("postgres://me@/d?service=game&port=2", "db:2/d", "me", "hunter2"),
        ] {
            let asked: PgUrl = url.parse().expect(url);
            let whole = asked.with_service_of(&services, Path::new("/")).expect(url);
            assert!(!whole.asks_for_service());
            assert_eq!(
                (whole.target().as_str(), whole.user.as_str(), whole.password()),
                (target, user, Some(password.as_bytes())),
                "{url}"
            );
            assert_eq!(whole.sslmode, super::super::SslMode::Disable);
            let shown = format!("{asked:?} {whole:?} {}", String::from(asked.clone()));
            assert!(!shown.contains("hunter2") && !shown.contains("own"), "{shown}");
            // What is kept of it asks for the same.
            let kept: PgUrl = String::from(asked).parse().expect("a URL");
            let again = kept.with_service_of(&services, Path::new("/")).expect("the same service");
            assert_eq!((again.target(), again.user), (whole.target(), whole.user));
        }
    }

    #[test]
    fn a_file_that_is_named_comes_first_and_the_systems_last() {
        let dir = tempfile::tempdir().expect("a directory");
        let at =
            |name: &str, host: &str| written(dir.path(), name, &format!("[game]\nhost={host}\n"));
        let system = written(dir.path(), "system", "[game]\nhost=system\n[far]\nhost=far\n");
        let services = Services {
            name: None,
            named_file: Some(at("named", "named")),
            own_file: Some(at("own", "own")),
            system_files: vec![dir.path().join("missing"), system],
        };
        let without = Services { named_file: None, ..services.clone() };
        at("said", "said");
        for (url, services, host) in [
            ("postgres://u@/d?service=game&servicefile=said", &services, Some("said")),
            ("postgres://u@/d?service=game", &services, Some("named")),
            ("postgres://u@/d?service=game", &without, Some("own")),
            ("postgres://u@/d?service=far", &without, Some("far")),
            ("postgres://u@/d?service=far", &services, Some("far")),
            ("postgres://u@/d?service=none", &services, None),
            ("postgres://u@/d?service=", &services, None),
            ("postgres://u@/d?service=game&servicefile=missing", &services, None),
            ("postgres://u@h/d", &services, Some("h")),
        ] {
            let asked: PgUrl = url.parse().expect(url);
            let whole = asked.with_service_of(services, dir.path()).ok();
            let host = host.map(|host| format!("{host}:5432"));
            assert_eq!(whole.map(|whole| whole.place()), host, "{url}");
        }
    }

    #[test]
    fn a_mistake_is_told_by_file_and_line_and_not_by_what_is_in_it() {
        let dir = tempfile::tempdir().expect("a directory");
        for (text, line, why) in [
            ("[game]\nhost=h\nhunter2", 3, "no `=`"),
            ("[game]\nhost =hunter2", 2, "a space before"),
            ("[game]\nservice=hunter2", 2, "another one"),
            ("[game]\n\n#\npasword=hunter2", 4, "did you mean `password`"),
            ("[game]\nport=hunter2", 2, "`port`"),
            ("[game]\nldap://hunter2=1", 2, "LDAP"),
        ] {
            let file = written(dir.path(), "services", text);
            let services = Services { named_file: Some(file.clone()), ..Services::default() };
            let asked: PgUrl = "postgres://u@/d?service=game".parse().expect("a URL");
            let said =
                asked.with_service_of(&services, Path::new("/")).expect_err(text).to_string();
            assert!(said.contains(&format!("{}:{line}", file.display())), "{said}");
            assert!(said.contains(why) && !said.contains("hunter2"), "{said}");
        }
        let file = written(dir.path(), "services", "[game]\nport=1\n");
        let services = Services { named_file: Some(file), ..Services::default() };
        let asked: PgUrl = "postgres://u@/d?service=game".parse().expect("a URL");
        let said =
            asked.with_service_of(&services, Path::new("/")).expect_err("no host").to_string();
        assert!(said.contains("names no host"), "{said}");
    }
}
