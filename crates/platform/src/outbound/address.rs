//! Which addresses are public. IPv6 forms that carry an IPv4 address are judged by what they carry.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why an address is not public, for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotPublic {
    /// The machine itself.
    Loopback,
    /// A network of its owner's (RFC 1918, RFC 4193, carriers' shared space).
    Private,
    /// The cable it is on.
    LinkLocal,
    /// Where clouds hand out credentials.
    Metadata,
    /// A group.
    Multicast,
    /// Documentation, benchmarks, tunnels, the future: nothing to talk to.
    Reserved,
}

impl NotPublic {
    /// In words.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::LinkLocal => "link-local",
            Self::Metadata => "cloud metadata",
            Self::Multicast => "multicast",
            Self::Reserved => "reserved",
        }
    }
}

/// Names under which clouds offer their metadata, refused before anybody is asked what they resolve to.
pub(super) const METADATA_NAMES: [&str; 5] =
    ["metadata.google.internal", "metadata.goog", "metadata", "instance-data", "instance-data.ec2.internal"];

/// Metadata services of clouds and their container platforms: AWS (machine, ECS, EKS), Azure, Alibaba, Oracle.
const METADATA_V4: [Ipv4Addr; 6] = [
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(169, 254, 170, 2),
    Ipv4Addr::new(169, 254, 170, 23),
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(192, 0, 0, 192),
];

/// The same over IPv6: AWS (machine, EKS), Google.
const METADATA_V6: [Ipv6Addr; 3] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
];

/// Whether `address` belongs to the public internet, and if not, why.
pub(super) fn judge(address: IpAddr) -> Result<(), NotPublic> {
    match address.to_canonical() {
        IpAddr::V4(v4) => judge_v4(v4),
        IpAddr::V6(v6) => judge_v6(v6),
    }
}

/// IANA's special-purpose registry (RFC 6890 and its updates), as of 2026.
fn judge_v4(v4: Ipv4Addr) -> Result<(), NotPublic> {
    if METADATA_V4.contains(&v4) {
        return Err(NotPublic::Metadata);
    }
    match v4.octets() {
        [127, ..] => Err(NotPublic::Loopback),
        // Linux connects 0.0.0.0 to itself.
        [0, 0, 0, 0] => Err(NotPublic::Loopback),
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => Err(NotPublic::Private),
        [169, 254, ..] => Err(NotPublic::LinkLocal),
        [224..=239, ..] => Err(NotPublic::Multicast),
        // "This network"; protocol assignments; documentation; 6to4 relays; benchmarks; the future and broadcast.
        [0 | 240..=255, ..]
        | [192, 0, 0 | 2, _]
        | [198, 51, 100, _]
        | [203, 0, 113, _]
        | [192, 88, 99, _]
        | [198, 18 | 19, ..] => Err(NotPublic::Reserved),
        _ => Ok(()),
    }
}

fn judge_v6(v6: Ipv6Addr) -> Result<(), NotPublic> {
    if METADATA_V6.contains(&v6) {
        return Err(NotPublic::Metadata);
    }
    match v6.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => Err(NotPublic::Loopback),
        // NAT64 and 6to4 lead to the IPv4 address inside.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => judge_v4(embedded(high, low)),
        [0xfc00..=0xfdff, ..] => Err(NotPublic::Private),
        [0xfe80..=0xfebf, ..] => Err(NotPublic::LinkLocal),
        [0xff00..=0xffff, ..] => Err(NotPublic::Multicast),
        // Protocol assignments (Teredo, ORCHID, benchmarks) and documentation.
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Err(NotPublic::Reserved),
        // ISATAP: an IPv4 address at the end, whatever the network.
        [_, _, _, _, 0 | 0x200, 0x5efe, high, low] => judge_v4(embedded(high, low)),
        [0x2000..=0x3fff, ..] => Ok(()),
        // All that IANA has not given out, among it IPv4-compatible addresses, local NAT64 and site-local ones.
        _ => Err(NotPublic::Reserved),
    }
}

fn embedded(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from((u32::from(high) << 16) | u32::from(low))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(text: &str) -> Option<NotPublic> {
        judge(text.parse().unwrap()).err()
    }

    #[test]
    fn public_addresses_are_public() {
        for text in [
            "1.1.1.1",
            "8.8.8.8",
            "93.184.216.34",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "198.17.0.1",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "2a00:1450:4001:80b::200e",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "2002:808:808::1",
        ] {
            assert_eq!(why(text), None, "{text}");
        }
    }

    #[test]
    fn every_special_range_is_told_at_both_ends() {
        use NotPublic::{LinkLocal, Loopback, Metadata, Multicast, Private, Reserved};
        for (text, expected) in [
            ("0.0.0.0", Loopback),
            ("0.255.255.255", Reserved),
            ("10.0.0.0", Private),
            ("10.255.255.255", Private),
            ("100.64.0.0", Private),
            ("100.127.255.255", Private),
            ("100.100.100.200", Metadata),
            ("127.0.0.1", Loopback),
            ("127.255.255.254", Loopback),
            ("168.63.129.16", Metadata),
            ("169.254.0.1", LinkLocal),
            ("169.254.169.254", Metadata),
            ("169.254.170.2", Metadata),
            ("172.16.0.0", Private),
            ("172.31.255.255", Private),
            ("192.0.0.1", Reserved),
            ("192.0.0.192", Metadata),
            ("192.0.2.1", Reserved),
            ("192.88.99.1", Reserved),
            ("192.168.0.0", Private),
            ("192.168.255.255", Private),
            ("198.18.0.0", Reserved),
            ("198.19.255.255", Reserved),
            ("198.51.100.1", Reserved),
            ("203.0.113.1", Reserved),
            ("224.0.0.1", Multicast),
            ("239.255.255.255", Multicast),
            ("240.0.0.1", Reserved),
            ("255.255.255.255", Reserved),
            ("::", Loopback),
            ("::1", Loopback),
            ("fc00::1", Private),
            ("fdff:ffff::1", Private),
            ("fd00:ec2::254", Metadata),
            ("fe80::1", LinkLocal),
            ("febf::1", LinkLocal),
            ("fec0::1", Reserved),
            ("ff02::1", Multicast),
            ("2001:db8::1", Reserved),
            ("3fff::1", Reserved),
            ("2001:2::1", Reserved),
            ("100::1", Reserved),
            ("4000::1", Reserved),
        ] {
            assert_eq!(why(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn ipv4_addresses_cannot_hide_in_ipv6() {
        use NotPublic::{Loopback, Metadata, Private, Reserved};
        for (text, expected) in [
            ("::ffff:127.0.0.1", Loopback),
            ("::ffff:a9fe:a9fe", Metadata),
            ("::ffff:10.0.0.1", Private),
            ("::127.0.0.1", Reserved),
            ("::ffff:0:127.0.0.1", Reserved),
            ("64:ff9b::127.0.0.1", Loopback),
            ("64:ff9b::169.254.169.254", Metadata),
            ("64:ff9b:1::10.0.0.1", Reserved),
            ("2002:7f00:1::", Loopback),
            ("2002:a9fe:a9fe::1", Metadata),
            ("2002:c0a8:1::1", Private),
            // Teredo: server 65.54.227.120, client 192.168.0.1 with its bits turned over.
            ("2001:0:4136:e378:8000:63bf:3f57:fffe", Reserved),
            ("2606:4700::5efe:10.0.0.1", Private),
            ("2606:4700::200:5efe:7f00:1", Loopback),
        ] {
            assert_eq!(why(text), Some(expected), "{text}");
        }
    }
}
