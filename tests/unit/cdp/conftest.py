"""Servers that are stopped after the test, clients that talk to them, certificates."""

from __future__ import annotations

import ipaddress

import pytest
from cryptography import x509

from tests.support.certificates import Certificate, make_certificate
from tests.support.scripted_servers import serve as serve  # noqa: PLC0414  # a fixture is used by being in this module


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A certificate for 127.0.0.1."""
    return make_certificate(tmp_path_factory.mktemp("tls"), x509.IPAddress(ipaddress.ip_address("127.0.0.1")))


@pytest.fixture(scope="session")
def wrong_certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A certificate for another host."""
    return make_certificate(tmp_path_factory.mktemp("tls"), x509.DNSName("elsewhere.example"))
