//! The table's part on organisations, members, teams, roles and invitations.

use serde_json::json;

use super::table::Stranger::{Missing, Nothing, Refused};
use super::table::{Call, read, write};
use super::world::{Things, unique};

pub(crate) fn calls(operation: &str, t: &Things, mine: &Things) -> Option<Vec<Call>> {
    let member = |call: Call| call.at("user_id", &t.member);
    let role = |call: Call| call.at("role_id", &t.role);
    let invitation = |call: Call| call.at("invitation_id", &t.invitation);
    let team = |call: Call| call.at("team_id", &t.team);
    let project = |call: Call| call.at("project_id", &t.project);
    let explain = |call: Call, what: &str, id: &str| call.json(json!({"permission": "models:read", what: id}));
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
        "listInvitations" => vec![read(Nothing).viewer(403)],
        "createInvitation" => vec![
            write(Nothing).json(json!({"email": format!("{}@example.org", unique("guest-")), "role": "viewer"})),
            write(Refused(422)).json(json!({"email": format!("{}@example.org", unique("guest-")), "role": t.role})),
        ],
        "revokeInvitation" => vec![invitation(write(Missing))],
        "resendInvitation" => vec![invitation(write(Missing))],
        "acceptInvitation" => {
            vec![write(Missing).json(json!({"token": "a".repeat(43)})).own(404).viewer(404).person()]
        }
        "listTeams" => vec![read(Nothing)],
        "createTeam" => vec![write(Nothing).json(json!({"name": unique("team ")}))],
        "getTeam" => vec![team(read(Missing))],
        "updateTeam" => vec![team(write(Missing)).json(json!({"name": unique("team ")}))],
        "deleteTeam" => vec![team(write(Missing))],
        "listTeamMembers" => vec![team(read(Missing))],
        "addTeamMember" => vec![
            member(team(write(Missing))),
            // Somebody of another organisation does not get into a team of one's own.
            member(write(Missing)).at("team_id", &mine.team),
        ],
        "removeTeamMember" => vec![team(write(Missing)).at("user_id", &t.team_member)],
        "listProjectMembers" => vec![project(read(Missing))],
        "setProjectMember" => vec![
            project(write(Missing)).at("subject", &t.member).json(json!({"role": "engineer"})),
            project(write(Missing)).at("subject", &t.team).json(json!({"role": "engineer"})),
            write(Missing).at("project_id", &mine.project).at("subject", &t.member).json(json!({"role": "viewer"})),
        ],
        "removeProjectMember" => vec![project(write(Missing)).at("subject", &t.team_member)],
        "listOrganizations" => vec![read(Nothing).volatile()],
        // Made by people, not by keys, and going over replaces the session.
        "createOrganization" => vec![write(Refused(403)).json(json!({"name": unique("Organisation ")})).own(403)],
        "switchOrganization" => vec![
            write(Missing)
                .json(json!({"organization_id": t.member.replace("usr_", "org_")}))
                .own(404)
                .viewer(404)
                .person(),
        ],
        "explainAccess" => vec![
            read(Nothing).json(json!({"permission": "models:read"})),
            explain(read(Missing), "project", &t.project),
            explain(read(Missing), "user", &t.member).viewer(403),
            explain(read(Missing), "key", &t.key).viewer(404),
        ],
        _ => return None,
    })
}
