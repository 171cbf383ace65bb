//! The table's part on organisations, members, teams, roles and invitations.

use serde_json::json;

use super::table::Stranger::{Missing, Nothing, Refused};
use super::table::{Call, read, write};
use super::world::{Things, unique};

pub(crate) fn calls(operation: &str, t: &Things) -> Option<Vec<Call>> {
    let member = |call: Call| call.at("user_id", &t.member);
    let role = |call: Call| call.at("role_id", &t.role);
    Some(match operation {
        "getOrganization" => vec![read(Nothing)],
        "updateOrganization" => vec![
            write(Nothing).json(json!({"name": unique("Organisation ")})),
            // For people who have signed in with a second factor; a key has none.
            write(Refused(403)).json(json!({"require_second_factor": true})).own(403),
        ],
        "listMembers" => vec![read(Nothing).volatile(), read(Nothing).query("q", &t.mark).volatile()],
        "getMember" => vec![member(read(Missing))],
        "updateMember" => vec![member(write(Missing)).json(json!({"role": "analyst"}))],
        "removeMember" => vec![member(write(Missing))],
        // A key belongs to its organisation; only people leave.
        "leaveOrganization" => vec![write(Refused(403)).own(403)],
        "listPermissions" => vec![read(Nothing)],
        "listRoles" => vec![read(Nothing)],
        "createRole" => vec![write(Nothing).json(json!({"name": unique("role "), "permissions": ["models:read"]}))],
        "getRole" => vec![role(read(Missing))],
        "updateRole" => vec![role(write(Missing)).json(json!({"permissions": ["models:write"]}))],
        "deleteRole" => vec![role(write(Missing))],
        _ => return None,
    })
}
