//! What each plan allows, as the settings say.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::gcra::Rate;
use crate::config::{LimitsConfig, PlanConfig};

/// What kind of work a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Looking something up.
    Read,
    /// Changing something.
    Write,
    /// Logging from programs: metrics, parameters, tags, files.
    Ingest,
    /// Taking a lot away at once.
    Export,
}

impl Class {
    /// The name of the class, in settings and in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Ingest => "ingest",
            Self::Export => "export",
        }
    }
}

/// What an organisation may use of one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowances {
    /// Requests in a calendar month (UTC).
    pub requests_per_month: Option<u64>,
    /// Bytes of stored files.
    pub storage_bytes: Option<u64>,
    /// Jobs that wait or run at the same time.
    pub jobs: Option<u64>,
    /// Tokens of language models in a calendar month (UTC).
    pub tokens_per_month: Option<u64>,
}

/// One plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Its name.
    pub name: Arc<str>,
    read: Rate,
    write: Rate,
    ingest: Rate,
    export: Rate,
    /// The quotas.
    pub allowances: Allowances,
}

impl Plan {
    /// How often one caller of this plan may do things of `class`.
    #[must_use]
    pub const fn rate(&self, class: Class) -> Rate {
        match class {
            Class::Read => self.read,
            Class::Write => self.write,
            Class::Ingest => self.ingest,
            Class::Export => self.export,
        }
    }
}

/// All plans, and what those get who have none.
#[derive(Debug, Clone)]
pub struct Plans {
    all: Arc<BTreeMap<String, Plan>>,
    default: Arc<Plan>,
    /// Anonymous calls from one place.
    pub anonymous: Rate,
    /// Attempts to get in from one place.
    pub sign_in: Rate,
    /// Bad credentials from one place.
    pub bad_credentials: Rate,
}

/// The plan whose numbers others inherit.
pub(crate) const STANDARD: &str = "standard";

impl Plans {
    /// The plans of the settings, which were checked.
    #[must_use]
    pub fn new(config: &LimitsConfig) -> Self {
        let standard = config.plans.get(STANDARD).cloned().unwrap_or_default();
        let plan = |name: &str, own: &PlanConfig| {
            let per_minute =
                |own: Option<u32>, inherited: Option<u32>| Rate::per_minute(own.or(inherited).unwrap_or(0));
            let most = |own: Option<u64>, inherited: Option<u64>| own.or(inherited).filter(|n| *n > 0);
            Plan {
                name: name.into(),
                read: per_minute(own.read, standard.read),
                write: per_minute(own.write, standard.write),
                ingest: per_minute(own.ingest, standard.ingest),
                export: per_minute(own.export, standard.export),
                allowances: Allowances {
                    requests_per_month: most(own.requests_per_month, standard.requests_per_month),
                    storage_bytes: most(own.storage_mib, standard.storage_mib).map(|n| n.saturating_mul(1024 * 1024)),
                    jobs: most(own.jobs, standard.jobs),
                    tokens_per_month: most(own.tokens_per_month, standard.tokens_per_month),
                },
            }
        };
        let all: BTreeMap<String, Plan> =
            config.plans.iter().map(|(name, own)| (name.clone(), plan(name, own))).collect();
        let default = all.get(&config.default_plan).cloned().unwrap_or_else(|| plan(STANDARD, &standard));
        Self {
            all: Arc::new(all),
            default: Arc::new(default),
            anonymous: Rate::per_minute(config.anonymous),
            sign_in: Rate::per_minute(config.sign_in),
            bad_credentials: Rate::per_minute(config.bad_credentials),
        }
    }

    /// The plan of that name. An organisation without one, or with one that the settings no longer know, has the
    /// default plan: a renamed plan must lock nobody out.
    #[must_use]
    pub fn get(&self, name: &str) -> &Plan {
        self.all.get(name).unwrap_or(&self.default)
    }

    /// Whether the settings know a plan of that name.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.all.contains_key(name)
    }

    /// The names of all plans.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.all.keys().map(String::as_str)
    }
}

/// How long a caller who is told to wait is told to wait at least: whole seconds are all the header knows.
pub(super) fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}
