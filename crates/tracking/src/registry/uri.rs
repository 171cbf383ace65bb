//! URIs of artifacts and models, taken apart the way MLflow's Python does it (`urllib.parse`), because which
//! sources are accepted depends on it.

/// A URI in its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uri {
    /// Lower case, empty when there is none.
    pub scheme: String,
    /// What stands between `//` and the path.
    pub authority: String,
    /// The path, without query and fragment.
    pub path: String,
}

impl Uri {
    /// Takes `text` apart. Anything is a URI of some sort: what has no scheme is a path.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let clean: String =
            text.trim_start_matches(|c: char| c <= ' ').chars().filter(|c| !matches!(c, '\t' | '\r' | '\n')).collect();
        let (scheme, rest) = match clean.split_once(':') {
            Some((scheme, rest)) if is_scheme(scheme) => (scheme.to_ascii_lowercase(), rest),
            _ => (String::new(), clean.as_str()),
        };
        let (authority, rest) = match rest.strip_prefix("//") {
            Some(rest) => {
                let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
                (rest[..end].to_owned(), &rest[end..])
            }
            None => (String::new(), rest),
        };
        let end = rest.find(['?', '#']).unwrap_or(rest.len());
        Self { scheme, authority, path: rest[..end].to_owned() }
    }

    /// The path's segments, each decoded until nothing is left to decode; empty ones left out.
    #[must_use]
    pub fn segments(&self) -> Vec<String> {
        self.path.split('/').filter(|part| !part.is_empty()).map(decode_fully).collect()
    }

    /// Whether this URI lies inside `root`.
    #[must_use]
    pub fn is_within(&self, root: &Self) -> bool {
        let (own, of_root) = (self.segments(), root.segments());
        self.scheme == root.scheme
            && self.authority.eq_ignore_ascii_case(&root.authority)
            && !of_root.is_empty()
            && own.starts_with(&of_root)
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

/// Percent-decodes until the text stays the same.
#[must_use]
pub fn decode_fully(text: &str) -> String {
    let mut current = text.to_owned();
    loop {
        let next = decode(&current);
        if next == current {
            return current;
        }
        current = next;
    }
}

/// Percent-decodes once; what is not UTF-8 becomes U+FFFD, as in Python.
#[must_use]
pub fn decode(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// What a `models:/…` URI names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelUri {
    /// A logged model.
    Logged(String),
    /// A numbered version of a registered model.
    Version(String, String),
    /// The newest version in a stage.
    Stage(String, String),
    /// The newest version of all.
    Latest(String),
    /// The version an alias points at.
    Alias(String, String),
}

impl ModelUri {
    /// Reads the path of a `models:` URI; `None` when it is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let uri = Uri::parse(text);
        if uri.scheme != "models" || !uri.path.starts_with('/') || uri.path.len() <= 1 {
            return None;
        }
        let parts: Vec<&str> = uri.path.trim_start_matches('/').split('/').collect();
        match parts[..] {
            [name, ..] if name.trim().is_empty() => None,
            [name, suffix] => {
                if suffix.trim().is_empty() {
                    None
                } else if suffix.chars().all(|c| c.is_ascii_digit()) {
                    Some(Self::Version(name.to_owned(), suffix.to_owned()))
                } else if suffix.to_lowercase() == "latest" {
                    Some(Self::Latest(name.to_owned()))
                } else {
                    Some(Self::Stage(name.to_owned(), suffix.to_owned()))
                }
            }
            [one] => match one.rsplit_once('@') {
                Some((_, alias)) if alias.trim().is_empty() => None,
                Some((name, alias)) => Some(Self::Alias(name.to_owned(), alias.to_owned())),
                None => Some(Self::Logged(one.to_owned())),
            },
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_falls_into_its_parts() {
        let uri = Uri::parse("S3://Bucket/a%2Fb/c?x#y");
        assert_eq!((uri.scheme.as_str(), uri.authority.as_str(), uri.path.as_str()), ("s3", "Bucket", "/a%2Fb/c"));
        assert_eq!(Uri::parse("/a:b").scheme, "");
        assert_eq!(Uri::parse("mlflow-artifacts:/1/x").path, "/1/x");
    }

    #[test]
    fn inside_means_segment_by_segment() {
        let root = Uri::parse("mlflow-artifacts:/1/run/artifacts");
        assert!(Uri::parse("mlflow-artifacts:/1/run/artifacts/m").is_within(&root));
        assert!(Uri::parse("mlflow-artifacts:/1/run//artifacts").is_within(&root));
        assert!(!Uri::parse("mlflow-artifacts:/1/run/artifacts2").is_within(&root));
        assert!(!Uri::parse("s3:/1/run/artifacts").is_within(&root));
    }

    #[test]
    fn model_uris_name_one_thing() {
        assert_eq!(ModelUri::parse("models:/m-1"), Some(ModelUri::Logged("m-1".into())));
        assert_eq!(ModelUri::parse("models:/a/3"), Some(ModelUri::Version("a".into(), "3".into())));
        assert_eq!(ModelUri::parse("models:/a/Latest"), Some(ModelUri::Latest("a".into())));
        assert_eq!(ModelUri::parse("models:/a/Staging"), Some(ModelUri::Stage("a".into(), "Staging".into())));
        assert_eq!(ModelUri::parse("models:/a@b"), Some(ModelUri::Alias("a".into(), "b".into())));
        for bad in ["models:/", "models:a", "models:/a/b/c", "models:/a@", "runs:/a/b", "models:/a/ "] {
            assert_eq!(ModelUri::parse(bad), None, "{bad}");
        }
    }
}
