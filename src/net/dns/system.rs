//! The resolvers this machine is configured to use.

use hickory_resolver::system_conf::read_system_conf;

use super::server::{Server, Via};
use crate::model::fault::Fault;

/// The machine's own resolvers, in the order of its configuration, each once.
///
/// # Errors
/// [`Fault::Local`] when the configuration cannot be read or names none.
pub fn system_servers() -> Result<Vec<Server>, Fault> {
    let fault = |reason: String| Fault::Local {
        what: "reading this machine's resolver configuration".to_owned(),
        reason,
    };
    let (config, _) = read_system_conf().map_err(|error| fault(error.to_string()))?;
    let mut servers: Vec<Server> = Vec::new();
    for server in &config.name_servers {
        let port = server.connections.first().map_or(53, |connection| connection.port);
        let server = Server { via: Via::Udp, address: (server.ip, port).into() };
        if !servers.contains(&server) {
            servers.push(server);
        }
    }
    if servers.is_empty() {
        return Err(fault("it names no resolver".to_owned()));
    }
    Ok(servers)
}
