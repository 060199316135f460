//! Network addresses, as far as they tell one client from another.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// What is counted as one client: an IPv4 address, or the first 64 bits of an
/// IPv6 address, which is the least that a network gives to anybody. Who has a
/// whole network must not have 2^64 tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressPrefix(IpAddr);

impl AddressPrefix {
    /// The prefix of an address.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Self(IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0)))
            }
            address @ IpAddr::V4(_) => Self(address),
        }
    }
}

impl fmt::Display for AddressPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(address) => write!(f, "{address}"),
            IpAddr::V6(address) => write!(f, "{address}/64"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_network_is_one_client_and_so_is_an_ipv4_address_in_any_form() {
        for (address, expected) in [
            ("203.0.113.7", "203.0.113.7"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:db8:1:2::", "2001:db8:1:2::/64"),
            ("::1", "::/64"),
        ] {
            let prefix = AddressPrefix::of(address.parse().unwrap());
            assert_eq!(prefix.to_string(), expected, "{address}");
        }
    }
}
