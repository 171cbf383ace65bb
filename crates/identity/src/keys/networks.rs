//! The networks from which a key may be used.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net};

/// Networks; an address must be in one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Networks(Arc<[IpNet]>);

/// More than this is a firewall's work.
pub(super) const MOST: usize = 100;

impl Networks {
    /// Whether `address` is in one of the networks. An IPv4 address that was written as an IPv6 one is an IPv4 address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|net| net.contains(&address))
    }

    /// Whether every address of these networks is in one of `others`.
    #[must_use]
    pub fn is_within(&self, others: &Self) -> bool {
        self.0.iter().all(|net| others.0.iter().any(|other| other.contains(net)))
    }

    /// The networks as text.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }

    /// Reads what somebody asks for; a fault names the place in the list.
    pub(super) fn parse(texts: &[String]) -> Result<Self, Vec<(String, String)>> {
        if texts.is_empty() || texts.len() > MOST {
            let detail =
                format!("must name 1 to {MOST} networks; leave it out for a key that may be used from anywhere");
            return Err(vec![(String::new(), detail)]);
        }
        let (mut nets, mut faults) = (Vec::with_capacity(texts.len()), Vec::new());
        for (at, text) in texts.iter().enumerate() {
            match network(text) {
                Some(net) if nets.contains(&net) => {}
                Some(net) => nets.push(net),
                None => {
                    let detail = format!("{text:?} is neither an address nor a network such as 10.0.0.0/8 or fd00::/8");
                    faults.push((format!("/{at}"), detail));
                }
            }
        }
        if faults.is_empty() { Ok(Self(nets.into())) } else { Err(faults) }
    }

    /// Reads stored networks. What cannot be read lets nobody in.
    #[must_use]
    pub(crate) fn from_stored(value: &serde_json::Value) -> Self {
        let texts = value.as_array().into_iter().flatten().filter_map(serde_json::Value::as_str);
        Self(texts.filter_map(network).collect())
    }
}

/// A network, with the bits beyond its prefix cleared, and IPv4 written as such.
fn network(text: &str) -> Option<IpNet> {
    let text = text.trim();
    let net = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))?.trunc();
    let IpNet::V6(v6) = net else { return Some(net) };
    match v6.addr().to_ipv4_mapped() {
        // ::ffff:0:0/96 holds all IPv4 addresses and nothing else.
        Some(v4) if v6.prefix_len() >= 96 => Ipv4Net::new(v4, v6.prefix_len() - 96).ok().map(IpNet::V4),
        _ => Some(net),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(texts: &[&str]) -> Networks {
        Networks::parse(&texts.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn an_address_is_one_however_it_is_written() {
        let nets = networks(&["10.1.2.3/8", "::ffff:192.0.2.0/120", " 2001:db8::1 "]);
        assert_eq!(nets.names(), ["10.0.0.0/8", "192.0.2.0/24", "2001:db8::1/128"]);
        for inside in ["10.255.0.1", "::ffff:10.0.0.1", "192.0.2.9", "::ffff:192.0.2.9", "2001:db8::1"] {
            assert!(nets.contains(inside.parse().unwrap()), "{inside}");
        }
        // The last one is IPv4-compatible, an address of its own.
        for outside in ["11.0.0.1", "192.0.3.1", "2001:db8::2", "::1", "::10.0.0.1"] {
            assert!(!nets.contains(outside.parse().unwrap()), "{outside}");
        }
        assert!(!networks(&["::/0"]).contains("10.0.0.1".parse().unwrap()), "all of IPv6 is not IPv4");
    }

    #[test]
    fn what_is_no_network_is_refused_by_its_place() {
        let parse = |texts: &[&str]| Networks::parse(&texts.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>());
        for bad in ["", "10.0.0.0/33", "10.0.0", "example.org", "010.0.0.1", "10.0.0.0-10.0.0.9"] {
            let faults = parse(&["10.0.0.1", bad]).unwrap_err();
            assert_eq!(faults[0].0, "/1", "{bad}");
        }
        assert!(parse(&[]).is_err());
        assert!(parse(&["10.0.0.1"; MOST + 1]).is_err());
    }

    #[test]
    fn stored_networks_that_cannot_be_read_let_nobody_in() {
        let read = |value| Networks::from_stored(&value);
        assert_eq!(read(serde_json::json!(networks(&["10.0.0.0/8"]).names())), networks(&["10.0.0.0/8"]));
        for bad in [serde_json::json!([]), serde_json::json!("x"), serde_json::json!(["x"])] {
            assert!(!read(bad).contains("10.0.0.1".parse().unwrap()));
        }
    }

    #[test]
    fn networks_are_within_others_when_each_is_within_one() {
        assert!(networks(&["10.1.0.0/16", "10.2.0.1"]).is_within(&networks(&["10.0.0.0/8"])));
        assert!(!networks(&["10.0.0.0/7"]).is_within(&networks(&["10.0.0.0/8"])));
        assert!(!networks(&["10.1.0.0/16", "11.0.0.1"]).is_within(&networks(&["10.0.0.0/8"])));
    }
}
