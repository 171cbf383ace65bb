//! Every role at every operation of the document. What an operation needs is not written down twice: whoever may do
//! nothing is refused everywhere, and each refusal says what lacked. From that follows what every other role must meet.

use std::collections::BTreeMap;

use rhiza_kernel::{Permission, Role};
use rhiza_platform::authz::Policies;
use serde_json::Value;

use super::table::{Call, Effect, calls};
use super::world::{Person, Things, World};
use super::{Operation, assert_same, snapshot, told};
use crate::process::Reply;

/// Operations that are open to every member, whatever their role, because they concern nothing but the caller's own
/// person or say nothing that a member does not know. What is asked about others needs more; that has its own tests.
const OPEN_TO_ALL: &[&str] = &["explainAccess"];

pub(super) fn walk(world: &World, operations: &[Operation], things: &Things) {
    let guarded = operations.iter().filter(|o| !o.public && !OPEN_TO_ALL.contains(&o.id.as_str()));
    let guarded: Vec<&Operation> = guarded.collect();
    // People and their roles are part of the organisation, so they are made before it is looked at.
    let nobody = world.person("nothing");
    let people = Role::ALL.map(|role| (role, world.person(role.as_str())));
    let before = snapshot(world, things);
    let needs = needs(world, &guarded, things, &nobody);
    let policies = Policies::load().unwrap();
    let mut wrong = Vec::new();
    for (role, person) in people {
        let includes = policies.of_role(role);
        for operation in &guarded {
            let Some(need) = needs.get(operation.id.as_str()) else { continue };
            for call in calls(&operation.id, things, things).unwrap() {
                if includes.contains(*need) {
                    // Writes were made by the owner before; here they would change what the next role meets.
                    if call.effect == Effect::Read && call.viewer.is_none() {
                        let reply = ask(world, operation, &call, &person);
                        let right = call.own.map_or((200..300).contains(&reply.status), |own| own == reply.status);
                        if !right {
                            wrong.push(format!("{role} may: {}", told(operation, &call, &reply)));
                        }
                    }
                } else {
                    let reply = ask(world, operation, &call, &person);
                    if lacked(&reply) != Some(*need) {
                        wrong.push(format!("{role} may not ({need}): {}", told(operation, &call, &reply)));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_same(&before, &snapshot(world, things), "somebody whose role does not include it");
}

/// What each operation needs, as whoever has nothing is told.
fn needs<'a>(
    world: &World,
    guarded: &[&'a Operation],
    things: &Things,
    nobody: &Person,
) -> BTreeMap<&'a str, Permission> {
    let mut needs = BTreeMap::new();
    let mut open = Vec::new();
    for operation in guarded {
        for call in calls(&operation.id, things, things).unwrap() {
            let reply = ask(world, operation, &call, nobody);
            match lacked(&reply) {
                Some(need) => {
                    let before = needs.insert(operation.id.as_str(), need);
                    assert!(before.is_none_or(|before| before == need), "{} needs {before:?} and {need}", operation.id);
                }
                None => open.push(told(operation, &call, &reply)),
            }
        }
    }
    assert!(open.is_empty(), "operations that a member without any permission is not refused:\n{}", open.join("\n"));
    needs
}

fn ask(world: &World, operation: &Operation, call: &Call, person: &Person) -> Reply {
    let credential = if call.person { &person.cookie } else { &person.key };
    world.server.ask(&operation.method, &call.path(&operation.path), Some(credential), &call.payload)
}

/// The permission that a refusal says was missing. MLflow's shape of an error has no place for it but the message.
fn lacked(reply: &Reply) -> Option<Permission> {
    if reply.status != 403 {
        return None;
    }
    let body: Value = serde_json::from_str(&reply.body).ok()?;
    if let Some(named) = body["permission"].as_str() {
        return named.parse().ok();
    }
    let message = body["message"].as_str()?;
    let (_, named) = message.rsplit_once(" include ")?;
    named.trim_end_matches('.').parse().ok()
}
