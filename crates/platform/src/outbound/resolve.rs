//! From names to addresses that were checked. The client connects to what comes out of here and to nothing else.

use std::fmt;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::Semaphore;

use super::address::METADATA_NAMES;
use super::allow::AllowList;

/// Lookups at the same time. Each occupies a thread of the pool that password hashes and the database use too, for as
/// long as a name server that somebody chose likes.
const LOOKUPS: usize = 16;

/// The addresses a name has at this moment, on their way.
pub type Looking = Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send>>;

/// Knows the addresses of names.
pub trait Lookup: Send + Sync {
    /// All addresses of `name`.
    fn lookup(&self, name: &str) -> Looking;
}

/// The machine's own resolver.
pub(super) struct SystemLookup(Arc<Semaphore>);

impl SystemLookup {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(LOOKUPS)))
    }
}

impl Lookup for SystemLookup {
    fn lookup(&self, name: &str) -> Looking {
        let slots = Arc::clone(&self.0);
        let name = name.to_owned();
        Box::pin(async move {
            // The permit goes with the lookup: a caller that gives up does not end the thread.
            let slot = slots.acquire_owned().await.map_err(std::io::Error::other)?;
            let found = tokio::task::spawn_blocking(move || {
                let _slot = slot;
                std::net::ToSocketAddrs::to_socket_addrs(&(name.as_str(), 0))
                    .map(|found| found.map(|address| address.ip()).collect())
            });
            found.await.map_err(std::io::Error::other)?
        })
    }
}

/// An address that must not be reached, or a name that has none.
#[derive(Debug)]
pub(super) struct Refused(String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

/// What may be reached on one port.
#[derive(Clone)]
pub(super) struct Gate {
    pub(super) allow: Arc<AllowList>,
    pub(super) lookup: Arc<dyn Lookup>,
    /// The port this gate is for; `None` for all that the list does not name.
    pub(super) port: Option<u16>,
}

impl Gate {
    /// Whether an address given as such may be reached.
    pub(super) fn check(&self, host: Option<&str>, address: IpAddr) -> Result<(), Refused> {
        self.allow
            .check(host, address, self.port)
            .map_err(|why| Refused(format!("{address} is not public ({})", why.as_str())))
    }

    /// Whether a name may be asked for at all.
    pub(super) fn check_name(&self, name: &str) -> Result<(), Refused> {
        let plain = name.trim_end_matches('.');
        let metadata = METADATA_NAMES.iter().any(|known| plain.eq_ignore_ascii_case(known));
        if metadata && !self.allow.names(name, self.port) {
            return Err(Refused(format!("{name} names a cloud's metadata service")));
        }
        Ok(())
    }

    async fn addresses(self, name: String) -> Result<Vec<IpAddr>, Refused> {
        self.check_name(&name)?;
        let found = self.lookup.lookup(&name).await.map_err(|e| Refused(format!("{name} does not resolve: {e}")))?;
        if found.is_empty() {
            return Err(Refused(format!("{name} resolves to nothing")));
        }
        // All of them: a name that is half inside is somebody's trick.
        for address in &found {
            self.check(Some(&name), *address)?;
        }
        Ok(found)
    }
}

impl Resolve for Gate {
    fn resolve(&self, name: Name) -> Resolving {
        let gate = self.clone();
        Box::pin(async move {
            let found = gate.addresses(name.as_str().to_owned()).await?;
            let sockets: Addrs = Box::new(found.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(sockets)
        })
    }
}
