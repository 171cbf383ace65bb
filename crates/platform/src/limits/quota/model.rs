//! Quotas by name, the error when one is used up, and the calendar they follow.

use std::fmt;

use chrono::{DateTime, Datelike as _, TimeZone as _, Utc};
use rhiza_kernel::{Coded, ErrorCode, QuotaFault};
use rhiza_store::StoreError;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::plans::Allowances;

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = QuotaName)]
pub enum Quota {
    /// Requests in a calendar month.
    Requests,
    /// Bytes of stored files.
    Storage,
    /// Jobs that wait or run.
    Jobs,
    /// Tokens of language models in a calendar month.
    Tokens,
}

impl Quota {
    /// All quotas.
    pub const ALL: [Self; 4] = [Self::Requests, Self::Storage, Self::Jobs, Self::Tokens];

    /// The quota's name, as stored and as callers read it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Storage => "storage",
            Self::Jobs => "jobs",
            Self::Tokens => "tokens",
        }
    }

    pub(in super::super) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|quota| quota.name() == name)
    }

    /// Whether the count begins anew every month.
    const fn is_monthly(self) -> bool {
        matches!(self, Self::Requests | Self::Tokens)
    }

    /// The period that `now` falls into: year and month, or 0 for what does not begin anew.
    pub(in super::super) fn period(self, now: DateTime<Utc>) -> i64 {
        if self.is_monthly() { i64::from(now.year()) * 100 + i64::from(now.month()) } else { 0 }
    }

    /// When the count begins anew: the first of the next month, UTC.
    #[must_use]
    pub fn resets_at(self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if !self.is_monthly() {
            return None;
        }
        let (year, month) = if now.month() == 12 { (now.year() + 1, 1) } else { (now.year(), now.month() + 1) };
        Utc.with_ymd_and_hms(year, month, 1, 0, 0, 0).single()
    }

    /// What a plan allows of it.
    #[must_use]
    pub const fn limit(self, allowances: &Allowances) -> Option<u64> {
        match self {
            Self::Requests => allowances.requests_per_month,
            Self::Storage => allowances.storage_bytes,
            Self::Jobs => allowances.jobs,
            Self::Tokens => allowances.tokens_per_month,
        }
    }

    const fn unit(self) -> &'static str {
        match self {
            Self::Requests => "requests this month",
            Self::Storage => "bytes of stored files",
            Self::Jobs => "unfinished jobs",
            Self::Tokens => "tokens this month",
        }
    }
}

/// A quota that is used up, or would be by what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaExceeded {
    /// Which.
    pub name: Quota,
    /// What the plan allows.
    pub limit: u64,
    /// What is used.
    pub used: u64,
    /// When it begins anew, if it does.
    pub resets_at: Option<DateTime<Utc>>,
}

impl QuotaExceeded {
    /// Whether an organisation may store `total` bytes, of which the change at hand brings `growth`: what does not
    /// grow is always allowed, so that files can be deleted and replaced by smaller ones.
    ///
    /// # Errors
    /// It may not.
    pub fn check_storage(limit: Option<u64>, total: u64, growth: i64) -> Result<(), Self> {
        match limit.filter(|limit| growth > 0 && total > *limit) {
            None => Ok(()),
            Some(limit) => {
                let used = total.saturating_sub(growth.unsigned_abs());
                Err(Self { name: Quota::Storage, limit, used, resets_at: None })
            }
        }
    }
}

impl fmt::Display for QuotaExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, limit, used, .. } = self;
        write!(f, "The organisation's plan allows {limit} {}, and {used} are used.", name.unit())?;
        match (self.resets_at, name) {
            (Some(at), _) => write!(f, " The count begins anew at {}.", at.format("%Y-%m-%dT%H:%M:%SZ")),
            (None, Quota::Storage) => write!(f, " Delete files, or ask the operator for a larger plan."),
            (None, _) => write!(f, " Try again when one has finished."),
        }
    }
}

impl std::error::Error for QuotaExceeded {}

impl Coded for QuotaExceeded {
    fn code(&self) -> ErrorCode {
        ErrorCode::QuotaExceeded
    }

    fn public_detail(&self) -> String {
        self.to_string()
    }

    fn quota(&self) -> Option<QuotaFault> {
        let Self { name, limit, used, resets_at } = self;
        Some(QuotaFault { name: name.name(), limit: *limit, used: *used, resets_at: *resets_at })
    }
}

/// Why something was not let through, or could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum QuotaError {
    /// Used up.
    #[error(transparent)]
    Exceeded(#[from] QuotaExceeded),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Coded for QuotaError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Exceeded(exceeded) => exceeded.code(),
            Self::Store(error) => error.code(),
        }
    }

    fn public_detail(&self) -> String {
        match self {
            Self::Exceeded(exceeded) => exceeded.public_detail(),
            Self::Store(error) => error.public_detail(),
        }
    }

    fn quota(&self) -> Option<QuotaFault> {
        match self {
            Self::Exceeded(exceeded) => exceeded.quota(),
            Self::Store(_) => None,
        }
    }
}

/// One quota of an organisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = QuotaUsage)]
pub struct Usage {
    /// What is counted.
    pub name: Quota,
    /// What the plan allows; absent when it does not limit this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// What is used.
    pub used: u64,
    /// When the count begins anew, for what is counted by the month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resets_at: Option<DateTime<Utc>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn months_end_at_midnight_utc() {
        for (now, period, resets) in [
            ("2026-11-21T18:00:00Z", 202_611, "2026-12-01T00:00:00Z"),
            ("2026-12-31T23:59:59Z", 202_612, "2027-01-01T00:00:00Z"),
            ("2028-02-29T00:00:00Z", 202_802, "2028-03-01T00:00:00Z"),
        ] {
            assert_eq!(Quota::Requests.period(at(now)), period);
            assert_eq!(Quota::Tokens.resets_at(at(now)), Some(at(resets)));
        }
        assert_eq!(Quota::Storage.period(at("2026-11-21T18:00:00Z")), 0);
        assert_eq!(Quota::Jobs.resets_at(at("2026-11-21T18:00:00Z")), None);
    }

    #[test]
    fn the_caller_reads_which_quota_and_how_to_go_on() {
        let resets_at = Quota::Requests.resets_at(at("2026-11-21T18:00:00Z"));
        let requests = QuotaExceeded { name: Quota::Requests, limit: 10, used: 10, resets_at };
        assert_eq!(
            requests.public_detail(),
            "The organisation's plan allows 10 requests this month, and 10 are used. \
             The count begins anew at 2026-12-01T00:00:00Z."
        );
        for quota in Quota::ALL {
            assert_eq!(Quota::parse(quota.name()), Some(quota));
        }
    }
}
