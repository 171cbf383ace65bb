//! The requests about one's own account: everybody has one, nothing of it is anybody else's, and no role is needed.

use serde_json::json;

use super::table::{Call, Stranger, read, write};

/// The requests for an operation.
pub(super) fn calls(operation: &str) -> Option<Vec<Call>> {
    use Stranger::{Missing, Nothing, Refused};
    let refused = |call: Call, status| vec![Call { stranger: Refused(status), ..call }.own(status).viewer(status)];
    Some(match operation {
        "getMySecurity" => vec![read(Nothing).person().volatile()],
        "exportMe" => vec![read(Nothing).person().volatile()],
        // Asked with keys, which may not: the people of the walk are needed for what follows.
        "deleteMe" => refused(write(Nothing), 403),
        "updateMe" => vec![write(Nothing).person().viewer(200).json(json!({"name": "Somebody Else"}))],
        // The first owner has this password already, the others none yet.
        "changePassword" => {
            let password = "a rather long passphrase 9";
            let body = json!({"current_password": password, "password": password});
            vec![write(Nothing).person().viewer(204).json(body)]
        }
        "changeEmail" => vec![write(Nothing).person().viewer(202).json(json!({"email": "another@example.org"}))],
        "signOutEverywhere" => vec![write(Nothing).person().viewer(204)],
        "createTotp" => vec![write(Nothing).person().viewer(201)],
        "deleteTotp" => vec![write(Missing).person().own(404).viewer(404)],
        "confirmMyself" => refused(write(Nothing).person().json(json!({"code": "not a code"})), 422),
        "confirmTotp" => refused(write(Nothing).person().json(json!({"code": "not a code"})), 422),
        "renewRecoveryCodes" => refused(write(Nothing).person(), 409),
        _ => return None,
    })
}
