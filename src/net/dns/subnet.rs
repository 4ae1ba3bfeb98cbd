//! A client's network, as a question can carry it (RFC 7871).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::model::schema::text_schema;

/// A network, `ADDRESS/BITS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Subnet {
    /// The first address of the network.
    pub address: IpAddr,
    /// How many bits name the network.
    pub bits: u8,
}

text_schema!(
    Subnet,
    "Subnet",
    "A network as ADDRESS/BITS, such as 203.0.113.0/24 or 2001:db8::/48."
);

impl FromStr for Subnet {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("`{text}` is not a network, as in 203.0.113.0/24");
        let (address, bits) = text.split_once('/').ok_or_else(bad)?;
        let address: IpAddr = address.parse().map_err(|_| bad())?;
        let bits: u8 = bits.parse().map_err(|_| bad())?;
        let first = match address {
            IpAddr::V4(ip) if bits <= 32 => {
                let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from(u32::from(ip) & mask))
            }
            IpAddr::V6(ip) if bits <= 128 => {
                let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from(u128::from(ip) & mask))
            }
            IpAddr::V4(_) | IpAddr::V6(_) => return Err(bad()),
        };
        if first != address {
            return Err(format!(
                "`{text}` has bits outside the network; did you mean {first}/{bits}?"
            ));
        }
        Ok(Self { address, bits })
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/{}", self.address, self.bits))
    }
}

impl TryFrom<String> for Subnet {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Subnet> for String {
    fn from(subnet: Subnet) -> Self {
        subnet.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_have_no_bits_outside() {
        for good in ["203.0.113.0/24", "0.0.0.0/0", "192.0.2.1/32", "2001:db8::/48", "::/0"] {
            assert_eq!(good.parse::<Subnet>().expect(good).to_string(), good);
        }
        for bad in ["203.0.113.7/24", "203.0.113.0", "203.0.113.0/33", "::/129", "x/1"] {
            assert!(bad.parse::<Subnet>().is_err(), "{bad}");
        }
    }
}
