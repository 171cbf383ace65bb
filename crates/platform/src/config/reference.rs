//! The manual of the settings as Markdown, made from the comments of `config/default.toml`.

use super::DEFAULTS;

/// Every setting with its variable, default and explanation, as a Markdown page.
#[must_use]
pub fn reference() -> String {
    let mut page = String::from("# Settings\n\nMade from `config/default.toml` by `make generate`; change it there.\n");
    let mut section = String::new();
    let mut comment: Vec<&str> = Vec::new();
    for line in DEFAULTS.lines() {
        if let Some(text) = line.strip_prefix('#') {
            comment.push(text.trim());
        } else if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            name.clone_into(&mut section);
            page.push_str(&format!("\n## `[{name}]`\n"));
            if !comment.is_empty() {
                page.push_str(&format!("\n{}\n", comment.join(" ")));
            }
            comment.clear();
        } else if let Some((name, value)) = line.split_once(" = ") {
            let path = if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") };
            let variable = format!("RHIZA_{}", path.to_uppercase().replace('.', "__"));
            page.push_str(&format!("\n### `{path}`\n\n{}\n\n", comment.join(" ")));
            page.push_str(&format!("Default `{value}` · variable `{variable}`\n"));
            comment.clear();
        } else if line.is_empty() && page.lines().count() <= 3 {
            // The file's own introduction.
            page.push_str(&format!("\n{}\n", comment.join(" ")));
            comment.clear();
        }
    }
    page
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_setting_is_in_the_manual() {
        let page = super::reference();
        for setting in ["`env`", "`server.listen`", "`storage.s3_path_style`", "`tracking.blob_grace_hours`"] {
            assert!(page.contains(&format!("### {setting}")), "{setting} is missing");
        }
    }
}
