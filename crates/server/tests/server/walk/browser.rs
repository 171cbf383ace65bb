//! What another site's page can make a signed-in browser send, at every operation: a form, a request by script, a WebSocket.
//! The cookie travels with each of them, and none may have an effect or open a connection.

use super::table::calls;
use super::world::{Things, World};
use super::{Operation, assert_same, snapshot, told};
use crate::process::{Payload, Reply};

const EVIL: &str = "https://evil.example";
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
/// Of the types that a page may send elsewhere without asking first, the one that can carry JSON.
const TEXT: (&str, &str) = ("content-type", "text/plain;charset=UTF-8");
const UPGRADE: [(&str, &str); 4] = [
    ("connection", "upgrade"),
    ("upgrade", "websocket"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

pub(super) fn walk(world: &World, operations: &[Operation], things: &Things) {
    let cookie = world.cookie(&world.first);
    let before = snapshot(world, things);
    let mut wrong = Vec::new();
    for operation in operations.iter().filter(|o| !o.public) {
        for call in calls(&operation.id, things, things).unwrap() {
            let path = call.path(&operation.path);
            let body = match &call.payload {
                Payload::Json(value) => value.to_string(),
                Payload::Bytes(_) | Payload::None => String::new(),
            };
            let mut tell = |what: &str, status: u16| {
                let reply = Reply { status, kind: String::new(), body: what.to_owned() };
                wrong.push(told(operation, &call, &reply));
            };
            let send = |headers: &[(&str, &str)]| {
                let all: Vec<(&str, &str)> = [("cookie", cookie.as_str())].iter().chain(headers).copied().collect();
                world.server.send(&operation.method, &path, &all, &body)
            };
            if operation.method == "GET" {
                let status = send(&[&UPGRADE[..], &[("origin", EVIL)]].concat());
                if status != 403 {
                    tell("a WebSocket of another site", status);
                }
                continue;
            }
            for (what, headers) in [
                ("a form of another site", &[FORM, ("origin", EVIL), ("sec-fetch-site", "cross-site")][..]),
                ("a form of a page without an origin", &[FORM, ("origin", "null")]),
                ("a script of another site", &[TEXT, ("origin", EVIL)]),
                ("a script of a neighbouring site", &[TEXT, ("sec-fetch-site", "same-site")]),
                ("a request that does not say whose page it is", &[("content-type", "application/json")]),
            ] {
                let status = send(headers);
                if status != 403 {
                    tell(what, status);
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_same(&before, &snapshot(world, things), "a page of another site");
}
