//! The decisions: Cedar policies over who acts, through which roles, on what, under which circumstances. The policies
//! are the files of the `policies` folder, embedded; no organisation can change them, only make roles of its own.
//!
//! A decision takes some microseconds per permission, so all of them are taken together for a [`Standing`] and
//! remembered: there are few different ones, whoever and how many the callers are.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::str::FromStr as _;
use std::sync::Arc;

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityUid, PolicyId, PolicySet, Request, RestrictedExpression,
    Schema, ValidationMode, Validator,
};
use moka::sync::Cache;
use rhiza_kernel::{Permission, Permissions, Role, RoleRef};

const SCHEMA: &str = include_str!("../../../../policies/rhiza.cedarschema");
const POLICIES: [&str; 2] =
    [include_str!("../../../../policies/roles.cedar"), include_str!("../../../../policies/limits.cedar")];

/// Standings whose decisions are remembered; some fifty bytes each.
const REMEMBERED: u64 = 10_000;

/// What decides about a caller, without saying who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Standing {
    /// The fixed roles that count here, a bit each in the order of [`Role::ALL`].
    roles: u8,
    /// What the organisation's own roles grant here.
    granted: Permissions,
    /// What the credential is limited to.
    limits: Option<Permissions>,
    program: bool,
    second_factor: bool,
    second_factor_required: bool,
}

impl Standing {
    /// Of somebody who has `roles` here, of which those the organisation made include `granted`.
    #[must_use]
    pub fn new(roles: &[RoleRef], granted: Permissions) -> Self {
        let bits = Role::ALL.iter().enumerate().filter(|(_, role)| roles.contains(&RoleRef::BuiltIn(**role)));
        Self { roles: bits.fold(0, |all, (bit, _)| all | 1 << bit), granted, ..Self::default() }
    }

    /// Limited by its credential to `limits`, when there are any.
    #[must_use]
    pub const fn limited(mut self, limits: Option<Permissions>) -> Self {
        self.limits = limits;
        self
    }

    /// Whether the caller shows a key or token instead of signing in.
    #[must_use]
    pub const fn program(mut self, program: bool) -> Self {
        self.program = program;
        self
    }

    /// Whether a second factor was shown, and whether the organisation asks for one.
    #[must_use]
    pub const fn second_factor(mut self, shown: bool, required: bool) -> Self {
        self.second_factor = shown;
        self.second_factor_required = required;
        self
    }

    fn roles(self) -> impl Iterator<Item = Role> {
        Role::ALL.into_iter().enumerate().filter(move |(bit, _)| self.roles & (1 << bit) != 0).map(|(_, role)| role)
    }
}

/// Why something is allowed or denied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The decision.
    pub allowed: bool,
    /// The policies that led to it. Empty when it is denied because no policy permits it.
    pub reasons: Vec<Reason>,
}

/// A policy that counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The policy's id.
    pub policy: String,
    /// Whether it permits or forbids.
    pub permits: bool,
    /// What it says, for people.
    pub says: String,
}

/// The embedded policies cannot be used; a defect of this build.
#[derive(Debug, thiserror::Error)]
#[error("the access policies are not valid: {0}")]
pub struct PolicyFault(String);

/// The policies, ready to decide. Cheap to clone; clones share what they remember.
#[derive(Clone)]
pub struct Policies {
    inner: Arc<Inner>,
}

struct Inner {
    schema: Schema,
    policies: PolicySet,
    authorizer: Authorizer,
    known: Cache<Standing, Permissions>,
}

impl fmt::Debug for Policies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Policies")
    }
}

impl Policies {
    /// Reads the embedded policies and checks them against their schema.
    ///
    /// # Errors
    /// When they do not hold together.
    pub fn load() -> Result<Self, PolicyFault> {
        Self::read(SCHEMA, &POLICIES)
    }

    fn read(schema: &str, texts: &[&str]) -> Result<Self, PolicyFault> {
        let fault = |e: &dyn fmt::Display| PolicyFault(e.to_string());
        let (schema, _) = Schema::from_cedarschema_str(schema).map_err(|e| fault(&e))?;
        let mut policies = PolicySet::new();
        for text in texts {
            let set = PolicySet::from_str(text).map_err(|e| fault(&e))?;
            for policy in set.policies() {
                // By the name it is given, not by its place in the file: explanations and tests speak of it.
                let id = policy.annotation("id").ok_or_else(|| fault(&"a policy has no @id"))?;
                policies.add(policy.new_id(PolicyId::new(id))).map_err(|e| fault(&e))?;
            }
        }
        let checked = Validator::new(schema.clone()).validate(&policies, ValidationMode::default());
        if !checked.validation_passed() {
            return Err(fault(&checked));
        }
        let inner = Inner { schema, policies, authorizer: Authorizer::new(), known: Cache::new(REMEMBERED) };
        let policies = Self { inner: Arc::new(inner) };
        // Every action must be decidable: one that the schema does not know is a typing error in one of two lists.
        for permission in Permission::ALL {
            policies.inner.ask(Standing::default(), *permission)?;
        }
        Ok(policies)
    }

    /// Everything that `standing` allows.
    #[must_use]
    pub fn decide(&self, standing: Standing) -> Permissions {
        self.inner.known.get_with(standing, || {
            let allowed = |p: &Permission| self.inner.ask(standing, *p).is_ok_and(|answer| answer.allowed);
            Permission::ALL.iter().copied().filter(allowed).collect()
        })
    }

    /// What a role allows by itself: the most that it can give.
    #[must_use]
    pub fn of_role(&self, role: Role) -> Permissions {
        self.decide(Standing::new(&[RoleRef::BuiltIn(role)], Permissions::NONE))
    }

    /// Whether `standing` allows `permission`, and by which policies.
    #[must_use]
    pub fn explain(&self, standing: Standing, permission: Permission) -> Explanation {
        // Loading has asked every question once; an answer that fails now is a denial.
        self.inner.ask(standing, permission).unwrap_or(Explanation { allowed: false, reasons: Vec::new() })
    }
}

impl Inner {
    fn ask(&self, standing: Standing, permission: Permission) -> Result<Explanation, PolicyFault> {
        let question = Question::new(&self.schema, standing, permission).map_err(|e| PolicyFault(e.to_string()))?;
        let answer = self.authorizer.is_authorized(&question.request, &self.policies, &question.entities);
        if let Some(error) = answer.diagnostics().errors().next() {
            // A policy that fails to evaluate is left out by Cedar. One that forbids must not be left out.
            return Err(PolicyFault(error.to_string()));
        }
        let mut reasons: Vec<Reason> = answer.diagnostics().reason().filter_map(|id| self.reason(id)).collect();
        reasons.sort_by(|a, b| a.policy.cmp(&b.policy));
        Ok(Explanation { allowed: answer.decision() == Decision::Allow, reasons })
    }

    fn reason(&self, id: &PolicyId) -> Option<Reason> {
        let policy = self.policies.policy(id)?;
        Some(Reason {
            policy: id.to_string(),
            permits: policy.effect() == cedar_policy::Effect::Permit,
            says: policy.annotation("says").unwrap_or_default().to_owned(),
        })
    }
}

struct Question {
    request: Request,
    entities: Entities,
}

type CedarError = Box<dyn std::error::Error + Send + Sync>;

impl Question {
    /// The caller, organisation and project have the same names in every question: who it is does not matter here, only
    /// how they stand to each other.
    fn new(schema: &Schema, standing: Standing, permission: Permission) -> Result<Self, CedarError> {
        let caller = uid(if standing.program { "Program" } else { "Person" }, "caller")?;
        let organization = uid("Organization", "this")?;
        let project = uid("Project", "this")?;
        let action = uid("Action", permission.as_str())?;
        let roles: HashSet<EntityUid> =
            standing.roles().map(|role| uid("Role", role.as_str())).collect::<Result<_, _>>()?;
        let role_entities: Vec<Entity> = roles.iter().cloned().map(Entity::with_uid).collect();
        let attributes = HashMap::from([
            ("organization".to_owned(), RestrictedExpression::new_entity_uid(organization.clone())),
            ("granted".to_owned(), names(standing.granted)),
        ]);
        let mut entities = vec![
            Entity::new(caller.clone(), attributes, roles)?,
            Entity::with_uid(organization.clone()),
            Entity::new_no_attrs(project.clone(), HashSet::from([organization])),
        ];
        entities.extend(role_entities);
        let entities = Entities::from_entities(entities, Some(schema))?;
        let mut circumstances = vec![
            ("permission".to_owned(), RestrictedExpression::new_string(permission.as_str().to_owned())),
            ("secondFactor".to_owned(), RestrictedExpression::new_bool(standing.second_factor)),
            ("secondFactorRequired".to_owned(), RestrictedExpression::new_bool(standing.second_factor_required)),
        ];
        if let Some(limits) = standing.limits {
            circumstances.push(("limits".to_owned(), names(limits)));
        }
        let context = Context::from_pairs(circumstances)?;
        let request = Request::new(caller, action, project, context, Some(schema))?;
        Ok(Self { request, entities })
    }
}

fn names(permissions: Permissions) -> RestrictedExpression {
    RestrictedExpression::new_set(permissions.iter().map(|p| RestrictedExpression::new_string(p.as_str().to_owned())))
}

fn uid(kind: &str, id: &str) -> Result<EntityUid, CedarError> {
    let kind = format!("Rhiza::{kind}").parse()?;
    Ok(EntityUid::from_type_name_and_id(kind, cedar_policy::EntityId::new(id)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Case {
        name: String,
        #[serde(default)]
        roles: Vec<RoleRef>,
        #[serde(default)]
        granted: Vec<String>,
        limits: Option<Vec<String>>,
        #[serde(default)]
        program: bool,
        /// Shown, required.
        #[serde(default)]
        second_factor: (bool, bool),
        allows: Vec<String>,
        /// Policies that an explanation names, by permission.
        #[serde(default)]
        because: std::collections::BTreeMap<String, Vec<String>>,
    }

    fn set(names: &[String]) -> Permissions {
        if names == ["*"] {
            return Permissions::ALL;
        }
        names.iter().map(|name| name.parse::<Permission>().unwrap_or_else(|_| panic!("{name}"))).collect()
    }

    #[test]
    fn the_policies_decide_as_their_tests_say() {
        let policies = Policies::load().unwrap();
        let cases: Vec<Case> = serde_json::from_str(include_str!("../../../../policies/tests/decisions.json")).unwrap();
        assert!(cases.len() > 15);
        for case in cases {
            let standing = Standing::new(&case.roles, set(&case.granted))
                .limited(case.limits.as_deref().map(set))
                .program(case.program)
                .second_factor(case.second_factor.0, case.second_factor.1);
            assert_eq!(policies.decide(standing).names(), set(&case.allows).names(), "{}", case.name);
            for (permission, expected) in case.because {
                let permission: Permission = permission.parse().unwrap();
                let explained = policies.explain(standing, permission);
                assert_eq!(explained.allowed, set(&case.allows).contains(permission), "{}", case.name);
                let named: Vec<&str> = explained.reasons.iter().map(|r| r.policy.as_str()).collect();
                assert_eq!(named, expected, "{}: {permission}", case.name);
                assert!(explained.reasons.iter().all(|r| !r.says.is_empty() && r.permits == explained.allowed));
            }
        }
    }

    #[test]
    fn every_role_and_every_permission_is_known_to_the_policies() {
        let policies = Policies::load().unwrap();
        for role in Role::ALL {
            assert!(policies.of_role(role).contains(Permission::ExperimentRead), "{role}");
        }
        for permission in Permission::ALL {
            assert!(policies.of_role(Role::Owner).contains(*permission), "{permission}");
        }
    }

    #[test]
    fn policies_that_do_not_fit_their_schema_are_refused() {
        for bad in [
            "permit (principal, action, resource);",
            "@id(\"x\") permit (principal, action == Rhiza::Action::\"models:destroy\", resource);",
            "@id(\"x\") permit (principal, action, resource) when { principal.admin };",
            "@id(\"x\") permit (principal",
        ] {
            assert!(Policies::read(SCHEMA, &[bad]).is_err(), "{bad}");
        }
    }

    #[test]
    fn nobody_reaches_over_the_tenant_wall() {
        let policies = Policies::load().unwrap();
        let standing = Standing::new(&[RoleRef::BuiltIn(Role::Owner)], Permissions::ALL);
        let question = Question::new(&policies.inner.schema, standing, Permission::ModelWrite).unwrap();
        let elsewhere = uid("Project", "elsewhere").unwrap();
        let request = Request::new(
            question.request.principal().unwrap().clone(),
            question.request.action().unwrap().clone(),
            elsewhere.clone(),
            question.request.context().unwrap().clone(),
            Some(&policies.inner.schema),
        )
        .unwrap();
        let parents = HashSet::from([uid("Organization", "other").unwrap()]);
        let entity = Entity::new_no_attrs(elsewhere, parents);
        let entities = question.entities.add_entities([entity], Some(&policies.inner.schema)).unwrap();
        let answer = policies.inner.authorizer.is_authorized(&request, &policies.inner.policies, &entities);
        assert_eq!(answer.decision(), Decision::Deny);
        let named: Vec<String> = answer.diagnostics().reason().map(ToString::to_string).collect();
        assert_eq!(named, ["tenant-wall"]);
    }
}
