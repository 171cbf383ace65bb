//! The fragments of SQL that the two engines spell differently. Slices compose statements from these instead
//! of asking which engine they are on.

/// Which engine a transaction talks to. Its methods give SQL fragments; the variants stay inside this crate's
/// reach by convention: a `match` on them elsewhere is refused by `xtask tidy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite 3.
    Sqlite,
    /// PostgreSQL 15 or newer.
    Postgres,
}

impl Dialect {
    /// The engine's name, for status pages and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgresql",
        }
    }

    /// `expr LIKE pattern`, case-sensitive, `%` and `_` as wildcards, no escape character on either engine.
    /// On SQLite the pattern must have gone through [`Dialect::like_pattern`].
    #[must_use]
    pub fn like(self, expr: &str, placeholder: &str) -> String {
        match self {
            // SQLite's LIKE ignores case for ASCII; GLOB does not.
            Self::Sqlite => format!("{expr} GLOB {placeholder}"),
            Self::Postgres => format!("{expr} LIKE {placeholder} ESCAPE ''"),
        }
    }

    /// The pattern to bind for [`Dialect::like`].
    #[must_use]
    pub fn like_pattern(self, pattern: &str) -> String {
        match self {
            Self::Postgres => pattern.to_owned(),
            Self::Sqlite => {
                let mut glob = String::with_capacity(pattern.len() + 4);
                for c in pattern.chars() {
                    match c {
                        '%' => glob.push('*'),
                        '_' => glob.push('?'),
                        '*' | '?' | '[' => {
                            glob.push('[');
                            glob.push(c);
                            glob.push(']');
                        }
                        other => glob.push(other),
                    }
                }
                glob
            }
        }
    }

    /// `expr ILIKE pattern`: case-insensitive, the pattern bound as it is.
    #[must_use]
    pub fn ilike(self, expr: &str, placeholder: &str) -> String {
        match self {
            Self::Sqlite => format!("{expr} LIKE {placeholder}"),
            Self::Postgres => format!("{expr} ILIKE {placeholder} ESCAPE ''"),
        }
    }

    /// A scalar text column holding the JSON array of `[a, b, …]` rows of a grouped query, one element per row:
    /// each row is an object with the given keys and SQL expressions. `order` sorts inside the group.
    #[must_use]
    pub fn json_group(self, fields: &[(&str, &str)], order: &str) -> String {
        let pairs: Vec<String> = fields.iter().map(|(key, expr)| format!("'{key}', {expr}")).collect();
        let pairs = pairs.join(", ");
        match self {
            Self::Sqlite => format!("json_group_array(json_object({pairs}) ORDER BY {order})"),
            Self::Postgres => format!("CAST(json_agg(json_build_object({pairs}) ORDER BY {order}) AS TEXT)"),
        }
    }

    /// As [`Dialect::json_group`], in the order of the primary key's last column `key`, for a query that fixes the
    /// columns before it. SQLite then reads in that order anyway, and is spared a sorter for each group.
    #[must_use]
    pub fn json_list(self, fields: &[(&str, &str)], key: &str) -> String {
        match self {
            Self::Sqlite => {
                let pairs: Vec<String> = fields.iter().map(|(name, expr)| format!("'{name}', {expr}")).collect();
                format!("json_group_array(json_object({}))", pairs.join(", "))
            }
            Self::Postgres => self.json_group(fields, key),
        }
    }

    /// All rows of `select` as one row with one text column: a JSON array of objects with the given columns, in the
    /// order of `select`; NULL or `[]` when there are none. Whole numbers, texts, doubles and NULL only.
    #[must_use]
    pub(crate) fn packed(self, columns: &[&str], select: &str) -> String {
        let pairs: Vec<String> = columns.iter().map(|column| format!("'{column}', q.{column}")).collect();
        let pairs = pairs.join(", ");
        match self {
            Self::Sqlite => format!("SELECT json_group_array(json_object({pairs})) AS packed FROM ({select}) q"),
            Self::Postgres => {
                format!("SELECT CAST(json_agg(json_build_object({pairs})) AS TEXT) AS packed FROM ({select}) q")
            }
        }
    }

    /// Suffix of a subquery in `EXISTS` that keeps it one. PostgreSQL otherwise makes a join of each, and with many of
    /// them tries their orders until memory ends; SQLite probes them row by row anyway.
    #[must_use]
    pub const fn fence(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " OFFSET 0",
        }
    }

    /// Suffix of a `SELECT` that claims rows for this transaction: concurrent claimers skip them.
    /// SQLite has one writer at a time, so nothing is needed there.
    #[must_use]
    pub const fn for_update_skip_locked(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " FOR UPDATE SKIP LOCKED",
        }
    }

    /// Suffix of a `SELECT` that makes the row wait for other writers of it.
    #[must_use]
    pub const fn for_update(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " FOR UPDATE",
        }
    }

    /// Suffix of a `SELECT` that lets nobody change the row before this transaction ends; others may hold it too.
    #[must_use]
    pub const fn for_share(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " FOR SHARE",
        }
    }

    /// The most bind values one statement may carry.
    #[must_use]
    pub const fn max_binds(self) -> usize {
        match self {
            // SQLITE_MAX_VARIABLE_NUMBER defaults to 32,766; the PostgreSQL protocol counts in 16 bits.
            Self::Sqlite => 32_766,
            Self::Postgres => 65_535,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_like_pattern_becomes_a_glob_that_means_the_same() {
        assert_eq!(Dialect::Sqlite.like_pattern("a%b_c*[x]?"), "a*b?c[*][[]x][?]");
        assert_eq!(Dialect::Postgres.like_pattern("a%*"), "a%*");
    }
}
