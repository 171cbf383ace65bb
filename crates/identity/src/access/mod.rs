//! What a member may do where: their role in the organisation, their roles in single projects, by themselves and
//! through teams, and what the organisation's own roles include. The policies decide; this says what there is to decide
//! on, and who may hand what on.

mod giver;
mod governance;
mod membership;
pub(crate) mod system;

pub(crate) use giver::{Giver, name_of};
pub(crate) use governance::{Change, Governance, record};
pub(crate) use membership::{GOVERNING, Holder, Membership, Shown};
