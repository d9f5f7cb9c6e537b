"""Whose tries are counted together."""

import pytest

from read_api.auth.limits import neighbourhood


@pytest.mark.parametrize(
    ("address", "counted_as"),
    [
        ("192.0.2.1", "192.0.2.1"),
        # RFC 4291, 2.5.5.2: how a server for both kinds writes an address of IPv4.
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("a path", "a path"),
    ],
)
def test_an_address_of_ipv4_counts_alone_and_one_of_ipv6_with_its_network(address: str, counted_as: str) -> None:
    assert neighbourhood(address) == counted_as
