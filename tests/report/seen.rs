//! What probes bring back, in the shapes their kinds publish: enough of them to draw.

use serde_json::{Value, json};

fn latency(p95: f64) -> Value {
    json!({ "n": 24, "p50": p95 / 2.0, "p95": p95, "p99": null, "max": p95 * 1.4 })
}

/// Three resolvers, cold and warm.
pub(crate) fn dns() -> Value {
    let resolver = |server: &str, cold: f64, warm: f64| {
        json!({ "server": server, "asked": 8, "answered": 8, "cold": latency(cold),
            "warm": latency(warm), "warm_until": "2026-11-23T02:04:00Z", "hit_ratio": 1.0,
            "unproved_ratio": 0.0 })
    };
    json!({
        "looks": 1,
        "questions": [{
            "name": "login.game.example.com", "type": "A", "asked": "yes",
            "resolvers": [
                { "server": "system", "cold": { "seen": {
                    "rcode": "NOERROR", "at": "2026-11-22T02:18:42Z", "millis": 186.0 } } },
                { "server": "8.8.8.8", "cold": { "fault": { "timeout": {
                    "what": "asking 8.8.8.8", "after": "5s" } } } },
            ],
        }],
        "resolvers": [
            resolver("system", 186.0, 3.1),
            resolver("8.8.8.8", 92.5, 14.2),
            resolver("tls://1.1.1.1", 141.0, 11.8),
        ],
        "warm_until": "2026-11-23T02:04:00Z",
        "latency": latency(14.2),
        "cold": latency(186.0),
    })
}

/// A ramp in four steps, as `ran`.
pub(crate) fn ramp() -> Value {
    let step = |held: u32, connect: f64, statement: f64| {
        json!({ "held": held, "connect": latency(connect), "statement": latency(statement),
            "own_delay": latency(0.2), "own_cpu": 0.07, "errors": {}, "first_error": null, "free": 80 - held })
    };
    json!({
        "ceiling": { "of": "server", "limit": 97, "free": 80, "floor": 20 },
        "planned": 40,
        "steps": [
            step(5, 8.1, 0.9), step(10, 8.4, 1.1), step(20, 12.0, 2.6), step(40, 31.5, 9.8),
        ],
        "end": "reached",
        "knee": 20,
        "left": { "seen": 0 },
    })
}

/// A pool with that ramp, as far as a chart needs it.
pub(crate) fn pool() -> Value {
    json!({ "target": "db:5432/game", "role": "gonogo",
        "login": { "in": { "ramp": { "ran": ramp() } } }, "poolers": [],
        "picture": { "limit": 100, "reserved": 3, "used": 17, "demand": 120, "headroom": 20 } })
}

/// Three addresses: one certificate ends inside the window.
pub(crate) fn tls() -> Value {
    let address = |address: &str, from: &str, to: &str| {
        let leaf = json!({ "certificate": { "subject": "CN=login.game.example.com",
            "not_before": from, "not_after": to } });
        json!({ "address": address,
            "sight": { "seen": { "accepted": { "served": [{ "chain": [leaf] }] } } } })
    };
    json!({ "roots": "platform", "addresses": [
        address("192.0.2.10:443", "2026-09-13T00:00:00Z", "2026-12-12T00:00:00Z"),
        address("192.0.2.11:443", "2026-10-20T00:00:00Z", "2027-01-18T00:00:00Z"),
        address("192.0.2.12:443", "2026-08-25T00:00:00Z", "2026-11-23T03:30:00Z"),
    ] })
}
