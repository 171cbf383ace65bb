//! How often one may try to get in, and how often mail may be asked for.
//!
//! A limit on an account alone would be a weapon: whoever knows an address could lock its owner out by failing often
//! enough. A limit on places alone is none for those who have many. So every attempt passes three limits:
//!
//! 1. its place (an IPv4 address, or an IPv6 /64), for whoever tries many accounts;
//! 2. its place on this account, for whoever guesses one password;
//! 3. the account, which counts *strangers* only: places from which nobody has ever completed a sign-in to it. Once
//!    strangers have used that up, each further strange place gets a single attempt in ten minutes instead of many.
//!
//! What follows for the owner: at a place where they have signed in before, what strangers do elsewhere changes nothing.
//! At a place they have never been, the right password at the first attempt always passes the account's limit, whatever
//! is going on. What follows for an attacker with ten thousand places: instead of 5,760 guesses a day from each there are
//! 144. Limits count attempts on accounts that do not exist just the same, so that a refusal tells nothing.

use std::net::IpAddr;
use std::time::Duration;

use rhiza_platform::limits::{KnownPlaces, Limiter, Rate, Subject, Verdict, place};

use crate::errors::IdentityError;

/// What is attempted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// A password.
    SignIn,
    /// A one-time or recovery code, after the password was right. Whoever comes so far and is not the owner has the
    /// owner's password: beyond the limit strangers get no attempt at all, and the owner's own places go on.
    SecondFactor,
    /// A mail to reset a password. The mails that are sent hold working links: refusing more of them keeps nobody out.
    Reset,
    /// A new account, or a mail to the owner of the one there is.
    Registration,
    /// A mail that verifies an address.
    Verification,
    /// Going to an OpenID provider, or coming back from one.
    Provider,
}

/// The limits of one kind of attempt, and the names of their buckets.
struct Policy {
    place: (&'static str, Rate),
    place_on_account: (&'static str, Rate),
    strangers: (&'static str, Rate),
    /// What a strange place gets once the strangers' limit is used up.
    after: Option<(&'static str, Rate)>,
}

impl Attempt {
    fn policy(self) -> Policy {
        let minutes = |n: u64| Duration::from_secs(60 * n);
        // An office behind one address signs in in the morning: 60 at once, then one every two seconds.
        let office = Rate::burst(60, Duration::from_secs(2));
        // A person mistypes a few times: 8 at once, then one every 15 seconds.
        let person = Rate::burst(8, Duration::from_secs(15));
        let few_mails = Rate::burst(3, minutes(5));
        let mails = Rate::burst(6, minutes(15));
        let mail_office = Rate::burst(30, Duration::from_secs(20));
        match self {
            Self::SignIn => Policy {
                place: ("sign_in.place", office),
                place_on_account: ("sign_in.place_account", person),
                strangers: ("sign_in.strangers", Rate::burst(30, minutes(2))),
                after: Some(("sign_in.strict", Rate::burst(1, minutes(10)))),
            },
            Self::SecondFactor => Policy {
                place: ("second_factor.place", office),
                place_on_account: ("second_factor.place_account", person),
                strangers: ("second_factor.strangers", Rate::burst(15, minutes(4))),
                after: None,
            },
            Self::Reset => Policy {
                place: ("reset.place", mail_office),
                place_on_account: ("reset.place_account", few_mails),
                strangers: ("reset.strangers", mails),
                after: None,
            },
            Self::Registration => Policy {
                place: ("registration.place", mail_office),
                place_on_account: ("registration.place_account", few_mails),
                strangers: ("registration.strangers", mails),
                after: None,
            },
            Self::Provider => Policy {
                place: ("provider.place", office),
                place_on_account: ("provider.place_account", office),
                strangers: ("provider.strangers", office),
                after: None,
            },
            Self::Verification => Policy {
                place: ("verification.place", mail_office),
                place_on_account: ("verification.place_account", few_mails),
                strangers: ("verification.strangers", mails),
                after: None,
            },
        }
    }
}

/// The limits of attempts. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Throttle {
    limiter: Limiter,
    known: KnownPlaces,
}

impl Throttle {
    pub(crate) const fn new(limiter: Limiter, known: KnownPlaces) -> Self {
        Self { limiter, known }
    }

    /// Counts an attempt from `address` on an account, which may or may not exist. Call it before anything else is done.
    ///
    /// # Errors
    /// [`IdentityError::Throttled`], or the database does not answer.
    pub async fn attempt(&self, attempt: Attempt, address: IpAddr, account_key: &str) -> Result<(), IdentityError> {
        let policy = attempt.policy();
        let (from, account) = (place(address), account(account_key));
        // The place first: one that tries many accounts is stopped before each try costs anything below.
        self.pass(policy.place, from).await?;
        self.pass(policy.place_on_account, from.and(account)).await?;
        if self.known.knows(account, from).await? {
            return Ok(());
        }
        match (self.pass(policy.strangers, account).await, policy.after) {
            (Ok(()), _) => Ok(()),
            (Err(_), Some(after)) => self.pass(after, from.and(account)).await,
            (Err(refused), None) => Err(refused),
        }
    }

    /// Notes that the owner of an account has completed a sign-in (with the second factor, where there is one) from
    /// `address`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn succeeded(&self, address: IpAddr, account_key: &str) -> Result<(), IdentityError> {
        Ok(self.known.remember(account(account_key), place(address)).await?)
    }

    /// Forgets every place of an account: after its password was reset or changed, and when it is deleted.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn forget(&self, account_key: &str) -> Result<(), IdentityError> {
        Ok(self.known.forget(account(account_key)).await?)
    }

    async fn pass(&self, (name, rate): (&'static str, Rate), subject: Subject) -> Result<(), IdentityError> {
        match self.limiter.take(name, subject, rate, 1).await {
            Verdict { allowed: true, .. } => Ok(()),
            Verdict { retry_after, reset, .. } => Err(IdentityError::Throttled(retry_after.unwrap_or(reset))),
        }
    }
}

/// An account by its key: the folded e-mail address.
fn account(key: &str) -> Subject {
    Subject::of_text(&["account", key])
}

#[cfg(test)]
mod tests {
    use rhiza_kernel::FixedClock;
    use rhiza_store::MigrationSet;
    use rhiza_testkit::TestDb;

    use super::*;

    const SETS: &[MigrationSet] = &[rhiza_platform::MIGRATIONS];
    const ADA: &str = "ada@example.com";
    const HOME: &str = "198.51.100.1";

    struct Door<'a> {
        throttle: Throttle,
        clock: &'a FixedClock,
    }

    impl<'a> Door<'a> {
        fn new(db: &'a TestDb) -> Self {
            let known = KnownPlaces::new(db.db.clone(), db.env.clone());
            Self { throttle: Throttle::new(Limiter::local(db.env.clone()), known), clock: &db.clock }
        }

        async fn one(&self, attempt: Attempt, address: &str, account: &str) -> bool {
            self.throttle.attempt(attempt, address.parse().unwrap(), account).await.is_ok()
        }

        async fn allowed(&self, address: &str, account: &str, tries: usize) -> usize {
            let mut allowed = 0;
            for _ in 0..tries {
                allowed += usize::from(self.one(Attempt::SignIn, address, account).await);
            }
            allowed
        }

        /// Strangers from many places use up what the account grants to strangers.
        async fn siege(&self, attempt: Attempt) {
            for n in 0..200 {
                self.one(attempt, &format!("203.0.113.{n}"), ADA).await;
            }
        }
    }

    rhiza_testkit::db_tests! { migrations = SETS;
        async fn guessing_one_account_is_slowed_and_its_owner_elsewhere_is_not(db: TestDb) {
            let door = Door::new(&db);
            assert_eq!(door.allowed("203.0.113.1", ADA, 20).await, 8);
            assert_eq!(door.allowed(HOME, ADA, 3).await, 3);
            let refused = door.throttle.attempt(Attempt::SignIn, "203.0.113.1".parse().unwrap(), ADA).await.unwrap_err();
            assert!(refused.retry_after().unwrap() <= Duration::from_secs(15));
            door.clock.advance(Duration::from_secs(15));
            assert_eq!(door.allowed("203.0.113.1", ADA, 5).await, 1);
        }

        async fn spraying_many_accounts_from_one_place_is_slowed(db: TestDb) {
            let door = Door::new(&db);
            let mut allowed = 0;
            for n in 0..100 {
                // The whole /64 is one place.
                let address = format!("2001:db8::{n:x}");
                allowed += usize::from(door.one(Attempt::SignIn, &address, &format!("user{n}@example.com")).await);
            }
            assert_eq!(allowed, 60);
            assert_eq!(door.allowed("2001:db8:0:1::1", "user1@example.com", 1).await, 1);
        }

        async fn guessing_from_many_places_is_slowed_and_the_owner_is_never_locked_out(db: TestDb) {
            let door = Door::new(&db);
            door.throttle.succeeded(HOME.parse().unwrap(), ADA).await.unwrap();
            door.siege(Attempt::SignIn).await;
            // Each strange place has one attempt, also one that was never seen: there the owner gets in at once.
            assert_eq!(door.allowed("192.0.2.1", ADA, 5).await, 1);
            assert_eq!(door.allowed("192.0.2.2", ADA, 5).await, 1);
            // Where the owner has been, nothing has changed.
            assert_eq!(door.allowed(HOME, ADA, 20).await, 8);
            assert_eq!(door.allowed("192.0.2.3", "bob@example.com", 5).await, 5, "another account");
            // In a day a place gets 144 attempts and not 5,760, while strangers go on; the account's 720 come on top.
            let mut guesses = 0;
            for _ in 0..24 * 60 {
                door.clock.advance(Duration::from_secs(60));
                for n in 0..4 {
                    guesses += door.allowed(&format!("203.0.113.{n}"), ADA, 1).await;
                }
            }
            assert!(guesses <= 4 * 145 + 720 + 30, "{guesses}");
            assert!(guesses >= 4 * 144, "{guesses}");
        }

        async fn the_first_attempt_from_a_strange_place_passes_whatever_goes_on(db: TestDb) {
            let door = Door::new(&db);
            door.siege(Attempt::SignIn).await;
            for n in 0..100 {
                assert!(door.one(Attempt::SignIn, &format!("198.18.0.{n}"), ADA).await, "{n}");
            }
        }

        async fn a_place_is_known_for_its_account_only_and_not_for_ever(db: TestDb) {
            let door = Door::new(&db);
            door.throttle.succeeded(HOME.parse().unwrap(), "bob@example.com").await.unwrap();
            door.siege(Attempt::SignIn).await;
            assert_eq!(door.allowed(HOME, ADA, 5).await, 1);
            door.throttle.succeeded(HOME.parse().unwrap(), ADA).await.unwrap();
            door.throttle.succeeded(HOME.parse().unwrap(), ADA).await.unwrap();
            assert_eq!(door.allowed(HOME, ADA, 5).await, 3, "of the eight that a place has on an account");
            door.clock.advance(Duration::from_secs(600));
            door.siege(Attempt::SignIn).await;
            door.throttle.forget(ADA).await.unwrap();
            assert_eq!(door.allowed(HOME, ADA, 5).await, 1);
            door.throttle.succeeded(HOME.parse().unwrap(), ADA).await.unwrap();
            door.clock.advance(Duration::from_secs(91 * 86_400));
            door.siege(Attempt::SignIn).await;
            assert_eq!(door.allowed(HOME, ADA, 5).await, 1);
        }

        async fn codes_are_guessed_by_no_number_of_places(db: TestDb) {
            let door = Door::new(&db);
            door.throttle.succeeded(HOME.parse().unwrap(), ADA).await.unwrap();
            let mut guesses = 0;
            for n in 0..200 {
                guesses += usize::from(door.one(Attempt::SecondFactor, &format!("203.0.113.{n}"), ADA).await);
            }
            assert_eq!(guesses, 15);
            assert!(door.one(Attempt::SecondFactor, HOME, ADA).await);
        }

        async fn nobody_fills_a_mailbox(db: TestDb) {
            let door = Door::new(&db);
            for attempt in [Attempt::Reset, Attempt::Registration, Attempt::Verification] {
                let mut mails = 0;
                for n in 0..200 {
                    mails += usize::from(door.one(attempt, &format!("203.0.113.{n}"), ADA).await);
                }
                assert_eq!(mails, 6, "{attempt:?}");
            }
        }
    }
}
