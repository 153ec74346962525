"""Which hosts are this machine, whoever else is asked.

Source: RFC 6761, section 6.3 ("localhost."); RFC 4291, section 2.5.5.2 (IPv4-mapped addresses).
"""

import ipaddress

__all__ = ["is_loopback"]


def is_loopback(host: str) -> bool:
    """Whether what is said to `host`, a name or an address without brackets, stays on this machine."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host.rstrip(".").lower().rpartition(".")[2] == "localhost"
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback
