//! What the operator allows beyond the public internet: `[outbound] allow`.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use url::Host;

use super::address::{self, NotPublic};

/// An entry of the list that says nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a network (10.0.0.0/8), an address, or a host name, the latter two with a port if wanted")]
pub struct AllowListError(pub String);

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    Net(IpNet),
    Host(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    what: What,
    /// Any when `None`.
    port: Option<u16>,
}

/// Addresses that may be reached although they are not public.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowList(Vec<Entry>);

impl AllowList {
    /// The list out of its texts: networks (CIDR), addresses and host names, the latter two with a port if wanted.
    ///
    /// # Errors
    /// The first text that is none of these.
    pub fn parse<S: AsRef<str>>(texts: impl IntoIterator<Item = S>) -> Result<Self, AllowListError> {
        let entry = |text: S| parse(text.as_ref().trim()).ok_or_else(|| AllowListError(text.as_ref().to_owned()));
        texts.into_iter().map(entry).collect::<Result<_, _>>().map(Self)
    }

    /// Ports that entries name.
    pub(super) fn ports(&self) -> BTreeSet<u16> {
        self.0.iter().filter_map(|entry| entry.port).collect()
    }

    /// Whether `address` may be reached on `port` (`None`: one that no entry names), being public or allowed; `host` is
    /// the name it was asked by, if any.
    pub(super) fn check(&self, host: Option<&str>, address: IpAddr, port: Option<u16>) -> Result<(), NotPublic> {
        let Err(why) = address::judge(address) else { return Ok(()) };
        let canonical = address.to_canonical();
        let permits = self.0.iter().filter(|entry| entry.port.is_none() || entry.port == port).any(|entry| {
            match &entry.what {
                // A network that happens to contain a metadata service was not meant to open it.
                What::Net(net) if why == NotPublic::Metadata => is_single(net) && net.addr() == canonical,
                What::Net(net) => net.contains(&canonical) || net.contains(&address),
                What::Host(name) => host.is_some_and(|host| same_name(host, name)),
            }
        });
        if permits { Ok(()) } else { Err(why) }
    }

    /// Whether an entry names `host` for `port`.
    pub(super) fn names(&self, host: &str, port: Option<u16>) -> bool {
        self.0.iter().any(|entry| {
            (entry.port.is_none() || entry.port == port)
                && matches!(&entry.what, What::Host(name) if same_name(host, name))
        })
    }
}

fn same_name(a: &str, b: &str) -> bool {
    a.trim_end_matches('.').eq_ignore_ascii_case(b.trim_end_matches('.'))
}

fn is_single(net: &IpNet) -> bool {
    net.prefix_len() == net.max_prefix_len()
}

fn parse(text: &str) -> Option<Entry> {
    let any_port = |what| Some(Entry { what, port: None });
    if let Ok(net) = text.parse::<IpNet>() {
        return any_port(What::Net(net.trunc()));
    }
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return any_port(What::Net(IpNet::from(address.to_canonical())));
    }
    if let Ok(socket) = text.parse::<SocketAddr>() {
        return Some(Entry { what: What::Net(IpNet::from(socket.ip().to_canonical())), port: Some(socket.port()) });
    }
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => (host, Some(port.parse::<u16>().ok().filter(|port| *port > 0)?)),
        None => (text, None),
    };
    match Host::parse(host).ok()? {
        // Only names end up here as they were typed: "127.1" is an address in disguise and is taken for what it is.
        Host::Domain(name) if !name.is_empty() && name.chars().all(is_name) => {
            Some(Entry { what: What::Host(name), port })
        }
        Host::Ipv4(v4) => Some(Entry { what: What::Net(IpNet::from(IpAddr::V4(v4))), port }),
        _ => None,
    }
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(list: &[&str], host: Option<&str>, address: &str, port: Option<u16>) -> bool {
        AllowList::parse(list).unwrap().check(host, address.parse().unwrap(), port).is_ok()
    }

    #[test]
    fn without_entries_only_public_addresses_pass() {
        assert!(allows(&[], None, "1.1.1.1", Some(443)));
        assert!(!allows(&[], None, "10.0.0.1", Some(443)));
    }

    #[test]
    fn networks_addresses_and_names_open_what_they_name_and_no_more() {
        assert!(allows(&["10.0.0.0/8"], None, "10.9.8.7", None));
        assert!(allows(&["10.0.0.0/8"], None, "::ffff:10.9.8.7", None));
        assert!(!allows(&["10.0.0.0/8"], None, "192.168.0.1", None));
        assert!(allows(&["127.0.0.1:11434"], None, "127.0.0.1", Some(11434)));
        assert!(!allows(&["127.0.0.1:11434"], None, "127.0.0.1", Some(5432)));
        assert!(!allows(&["127.0.0.1:11434"], None, "127.0.0.1", None));
        assert!(!allows(&["127.0.0.1:11434"], None, "127.0.0.2", Some(11434)));
        assert!(allows(&["[::1]:80"], None, "::1", Some(80)));
        assert!(allows(&["fd12::/16"], None, "fd12::5", None));
        assert!(allows(&["Ollama.internal"], Some("ollama.INTERNAL."), "10.0.0.1", Some(1)));
        assert!(!allows(&["ollama.internal"], Some("evil.internal"), "10.0.0.1", Some(1)));
        assert!(!allows(&["ollama.internal"], None, "10.0.0.1", Some(1)));
        assert!(!allows(&["ollama.internal:11434"], Some("ollama.internal"), "10.0.0.1", Some(80)));
    }

    #[test]
    fn metadata_opens_only_by_its_own_name() {
        assert!(!allows(&["0.0.0.0/0", "169.254.0.0/16", "::/0"], None, "169.254.169.254", Some(80)));
        assert!(!allows(&["0.0.0.0/0", "::/0"], None, "fd00:ec2::254", Some(80)));
        assert!(allows(&["169.254.169.254"], None, "169.254.169.254", Some(80)));
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        for text in ["", "http://10.0.0.1", "10.0.0.0/33", "host:", "host:0", "host:99999", "a b", "*.internal", "[::1"]
        {
            assert_eq!(AllowList::parse([text]), Err(AllowListError(text.to_owned())), "{text}");
        }
    }
}
