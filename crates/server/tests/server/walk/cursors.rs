//! A place in one organisation's list, brought to another organisation: every list of the document is asked with it.

use serde_json::Value;

use super::table::{Effect, calls};
use super::world::{Things, World};
use super::{Operation, told};
use crate::process::Payload;

/// How a list takes its place and how many to give, and where in the answer the next place is.
const WAYS: [(&str, &str, &str); 2] =
    [("cursor", "limit", "next_cursor"), ("page_token", "max_results", "next_page_token")];

/// Lists that certainly have a second page here; a walk that finds fewer has missed them.
const LEAST_LISTS: usize = 15;

pub(super) fn walk(world: &World, operations: &[Operation], first: &Things, second: &Things) {
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for operation in operations.iter().filter(|o| !o.public) {
        for call in calls(&operation.id, first, first).unwrap().iter().filter(|c| c.effect == Effect::Read) {
            for (place, size, next) in WAYS {
                let mut one = call.clone();
                match &mut one.payload {
                    Payload::Json(Value::Object(body)) if operation.method == "POST" => {
                        body.insert(size.to_owned(), 1.into());
                    }
                    _ => {
                        one.query.retain(|(name, _)| *name != size);
                        one.query.push((size, "1".to_owned()));
                    }
                }
                let reply = world.ask(operation, &one, &world.first);
                let Some(cursor) = serde_json::from_str::<Value>(&reply.body)
                    .ok()
                    .and_then(|body| Some(body[next].as_str().filter(|c| !c.is_empty())?.to_owned()))
                else {
                    continue;
                };
                seen += 1;
                // Asked for its own things and for the first organisation's, the stranger is shown nothing of theirs.
                for mine in calls(&operation.id, second, second)
                    .unwrap()
                    .into_iter()
                    .chain([one])
                    .filter(|c| c.effect == Effect::Read)
                {
                    let mut asked = mine;
                    match &mut asked.payload {
                        Payload::Json(Value::Object(body)) if operation.method == "POST" => {
                            body.insert(place.to_owned(), cursor.clone().into());
                        }
                        _ => asked.query.push((place, cursor.clone())),
                    }
                    let reply = world.ask(operation, &asked, &world.second);
                    let said = if reply.status == 200 { String::new() } else { asked.said() };
                    let leak = first.traces().into_iter().find(|t| !said.contains(t) && reply.body.contains(t));
                    if leak.is_some() || reply.status >= 500 {
                        wrong.push(format!("{} leak: {leak:?}", told(operation, &asked, &reply)));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen >= LEAST_LISTS, "only {seen} lists had a second page");
}
