//! Something between a client and its server that does not notice when the client is gone, as load
//! balancers and firewalls do for minutes.

use std::io::copy;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A port that leads to `upstream`. What is connected through it stays connected there, whatever
/// becomes of the client, until the server ends it or the test is over.
pub(crate) fn held_open(upstream: &str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let (upstream, kept) = (upstream.to_owned(), Arc::new(Mutex::new(Vec::new())));
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let client = client.expect("a client");
            let server = TcpStream::connect(&upstream).expect("the server");
            kept.lock().expect("nobody panics").push(server.try_clone().expect("a handle"));
            let (mut from_client, mut to_server) =
                (client.try_clone().expect("a handle"), server.try_clone().expect("a handle"));
            // A client that is gone is an end or an error here, which is exactly what is not passed on.
            std::thread::spawn(move || copy(&mut from_client, &mut to_server).unwrap_or_default());
            let (mut from_server, mut to_client) = (server, client);
            std::thread::spawn(move || copy(&mut from_server, &mut to_client).unwrap_or_default());
        }
    });
    port
}
