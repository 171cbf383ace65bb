//! The site that passkeys are made for (the "relying party"), and what is asked of authenticators in its name.

use serde_json::{Value, json};
use url::{Host, Url};
use webauthn_rs::prelude::{
    AuthenticationResult, CredentialID, DiscoverableAuthentication, Passkey as Credential, PasskeyRegistration,
    PublicKeyCredential, RegisterPublicKeyCredential, WebauthnError,
};
use webauthn_rs::{Webauthn, WebauthnBuilder};

use crate::errors::IdentityError;
use crate::people::User;

/// The site of this installation.
#[derive(Debug, Clone)]
pub(crate) struct Site(Webauthn);

impl Site {
    /// The site at `url`; none where browsers would refuse passkeys: under an address instead of a name, and over plain
    /// HTTP anywhere but on the machine itself.
    pub(crate) fn at(url: &Url) -> Option<Self> {
        let Some(Host::Domain(name)) = url.host() else { return None };
        let local = name == "localhost" || name.ends_with(".localhost");
        if url.scheme() != "https" && !local {
            return None;
        }
        let built = WebauthnBuilder::new(name, url).and_then(|builder| builder.rp_name("Rhiza").build());
        built.inspect_err(|error| tracing::error!(%error, %url, "passkeys cannot be offered here")).ok().map(Self)
    }

    /// What a browser is asked to make, and what to remember until it has. The user handle in the authenticator is the
    /// person's id: random, and no address.
    pub(super) fn ask_for_new(
        &self,
        user: &User,
        present: Vec<CredentialID>,
    ) -> Result<(Value, PasskeyRegistration), IdentityError> {
        let id = user.id.uuid();
        let (asked, state) =
            self.0.start_passkey_registration(id, &user.email, &user.name, Some(present)).map_err(refused)?;
        let mut options = serde_json::to_value(asked.public_key).map_err(IdentityError::State)?;
        // Only a discoverable credential can be used without typing an address first.
        let selection = &mut options["authenticatorSelection"];
        selection["residentKey"] = json!("required");
        selection["requireResidentKey"] = json!(true);
        Ok((options, state))
    }

    /// Checks a new credential.
    pub(super) fn check_new(
        &self,
        shown: &RegisterPublicKeyCredential,
        state: &PasskeyRegistration,
    ) -> Result<Credential, IdentityError> {
        // Unsigned, so it keeps nobody from lying; it spares the honest a passkey that they cannot use.
        if shown.extensions.cred_props.as_ref().and_then(|props| props.rk) == Some(false) {
            return Err(IdentityError::field("/credential", "was not kept in the authenticator, which may be full"));
        }
        self.0.finish_passkey_registration(shown, state).map_err(refused)
    }

    /// What a browser is asked for at a sign-in: any passkey of this site.
    pub(super) fn ask_for_any(&self) -> Result<(Value, DiscoverableAuthentication), IdentityError> {
        let (asked, state) = self.0.start_discoverable_authentication().map_err(refused)?;
        Ok((serde_json::to_value(asked.public_key).map_err(IdentityError::State)?, state))
    }

    /// Checks what was shown at a sign-in against the credential it names.
    pub(super) fn check(
        &self,
        shown: &PublicKeyCredential,
        state: DiscoverableAuthentication,
        credential: &Credential,
    ) -> Result<AuthenticationResult, WebauthnError> {
        self.0.finish_discoverable_authentication_v2(shown, state, credential)
    }
}

/// A ceremony that went wrong at registration, in words for the person at the browser.
fn refused(error: WebauthnError) -> IdentityError {
    let detail = match error {
        WebauthnError::InvalidRPOrigin | WebauthnError::InvalidRPIDHash => {
            "was made for another site than the one this installation is configured as (server.public_url)"
        }
        WebauthnError::UserNotVerified => "did not make sure of you by PIN, fingerprint or face",
        WebauthnError::CredentialAlreadyExists => "is registered already",
        _ => "is not an answer to what was asked",
    };
    tracing::info!(%error, "a passkey was not accepted");
    IdentityError::field("/credential", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passkeys_need_a_name_and_a_secure_place() {
        let is_offered = |url: &str| Site::at(&url.parse().unwrap()).is_some();
        for good in ["https://rhiza.example.org", "https://rhiza.example.org:8443/x", "http://localhost:8080"] {
            assert!(is_offered(good), "{good}");
        }
        for bad in ["http://rhiza.example.org", "https://203.0.113.7", "http://127.0.0.1:8080", "https://[::1]"] {
            assert!(!is_offered(bad), "{bad}");
        }
    }
}
