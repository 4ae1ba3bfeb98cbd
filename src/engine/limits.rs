//! Slots: how many checks run at once, and how many talk to one peer at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::model::peer::Peer;

/// The slots of a run.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    overall: Arc<Semaphore>,
    peers: Arc<Mutex<HashMap<String, Arc<Semaphore>>>>,
    per_peer: usize,
}

impl Limits {
    pub(super) fn new(jobs: usize, per_peer: usize) -> Self {
        let overall = Arc::new(Semaphore::new(jobs.max(1)));
        Self { overall, peers: Arc::default(), per_peer }
    }

    /// Waits for one slot at every peer and one overall; they are given back on drop.
    ///
    /// Everybody takes peers in the same order and the overall slot last, so nobody can wait in a
    /// circle, and nobody holds an overall slot while waiting for a busy peer.
    pub(super) async fn enter(&self, peers: &[Peer]) -> Vec<OwnedSemaphorePermit> {
        let addresses = addresses(peers);
        let mut permits = Vec::with_capacity(addresses.len() + 1);
        for address in addresses {
            permits.extend(self.peer(address).acquire_owned().await);
        }
        permits.extend(Arc::clone(&self.overall).acquire_owned().await);
        permits
    }

    /// Makes up for the slots of a check that keeps them for good.
    pub(super) fn make_up(&self, peers: &[Peer]) {
        self.overall.add_permits(1);
        for address in addresses(peers) {
            self.peer(address).add_permits(1);
        }
    }

    fn peer(&self, address: &str) -> Arc<Semaphore> {
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        let slots = peers
            .entry(address.to_owned())
            .or_insert_with(|| Arc::new(Semaphore::new(self.per_peer)));
        Arc::clone(slots)
    }
}

/// The addresses of peers in one order, each once.
fn addresses(peers: &[Peer]) -> Vec<&str> {
    let mut addresses: Vec<&str> = peers.iter().map(|peer| peer.address.as_str()).collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}
