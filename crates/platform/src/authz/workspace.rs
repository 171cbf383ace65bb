//! MLflow's rule for the names of workspaces, which `X-MLFLOW-WORKSPACE` and its routes carry.

/// Path segments of MLflow's own routes.
const RESERVED: [&str; 4] = ["workspaces", "api", "ajax-api", "static-files"];

/// What MLflow says is wrong with the name of a workspace; `None` when it could name one.
#[must_use]
pub fn workspace_fault(name: &str) -> Option<String> {
    if !(2..=63).contains(&name.chars().count()) {
        return Some(format!("Workspace name '{name}' must be between 2 and 63 characters."));
    }
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let edge = |b: Option<&u8>| b.copied().is_some_and(inner);
    let bytes = name.as_bytes();
    if !edge(bytes.first()) || !edge(bytes.last()) || !name.bytes().all(|b| inner(b) || b == b'-') {
        return Some(format!(
            "Workspace name '{name}' must match the pattern ^[a-z0-9]([-a-z0-9]*[a-z0-9])?$ (lowercase alphanumeric \
             with optional internal hyphens)."
        ));
    }
    RESERVED.contains(&name).then(|| format!("Workspace name '{name}' is reserved and cannot be used."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_told_in_the_order_length_pattern_reserved() {
        for good in ["ab", "team-1", "default", &"a".repeat(63)] {
            assert_eq!(workspace_fault(good), None, "{good}");
        }
        for (bad, says) in [
            ("A", "must be between 2 and 63 characters."),
            (&"é".repeat(64), "must be between 2 and 63 characters."),
            ("Bad_Name", "must match the pattern"),
            ("-ab", "must match the pattern"),
            ("ab-", "must match the pattern"),
            ("a\nb", "must match the pattern"),
            ("api", "is reserved and cannot be used."),
        ] {
            assert!(workspace_fault(bad).is_some_and(|fault| fault.contains(says)), "{bad}");
        }
    }
}
