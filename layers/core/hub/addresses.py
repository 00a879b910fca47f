"""Which internet addresses belong to the public internet: no outbound call goes to any other.

The tables are IANA's special-purpose registries, written out: what Python's `is_global` says of them changes from one
version to the next, and it takes for global what only looks so (multicast, 6to4, IPv4-compatible).
"""

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_SPECIAL_IPV4 = [
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        # Azure's metadata and DNS: a public address that is answered by the machine's own host.
        "168.63.129.16/32",
    )
]
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
# Teredo and 6to4 among them: they are given up, and lead to the IPv4 address inside where they still work.
_SPECIAL_IPV6 = [ipaddress.IPv6Network(network) for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")]
# What DNS64 answers with for a name that has IPv4 alone, in a subnet that has IPv6 alone.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def is_public(address: Address) -> bool:
    """Whether an address, or the IPv4 address that it stands for, is one of the public internet."""
    address = _unmapped(address)
    if isinstance(address, ipaddress.IPv6Address) and address in _NAT64:
        address = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _SPECIAL_IPV4)
    is_special = any(address in network for network in _SPECIAL_IPV6)
    return address in _GLOBAL_UNICAST and not is_special and not _is_isatap(address)


def is_loopback(address: Address) -> bool:
    """Whether an address is this machine."""
    return _unmapped(address).is_loopback


def _unmapped(address: Address) -> Address:
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _is_isatap(address: ipaddress.IPv6Address) -> bool:
    """Whether the lower half is an IPv4 address as ISATAP writes it (RFC 5214): any prefix may lead to it."""
    return (int(address) >> 32) & 0xFDFFFFFF == 0x00005EFE
