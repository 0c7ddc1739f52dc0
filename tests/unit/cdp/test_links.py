"""The only destinations for credentials and personal data."""

from __future__ import annotations

import pytest

from apps.cdp.client import CdpClient
from apps.cdp.errors import CdpNotConfigured
from apps.cdp.links import BaseUrl
from apps.cdp.transport import Credentials, Transport
from tests.support.cdp_clients import client_of

EU = "https://api-engage-eu.sitecorecloud.io"


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        (EU, EU),
        (f"{EU}/", EU),
        (f"{EU}:443", EU),
        ("HTTPS://API-Engage-US.SitecoreCloud.io", "https://api-engage-us.sitecorecloud.io"),
        ("https://api-engage-ap.sitecorecloud.io", "https://api-engage-ap.sitecorecloud.io"),
        ("https://api-engage-jpe.sitecorecloud.io", "https://api-engage-jpe.sitecorecloud.io"),
        ("http://127.0.0.1:8100", "http://127.0.0.1:8100"),
        ("https://127.0.0.9", "https://127.0.0.9"),
        ("http://localhost:80", "http://localhost"),
        ("http://[::1]:8100", "http://[::1]:8100"),
        ("https://cdp.example.test:8443", "https://cdp.example.test:8443"),
    ],
)
def test_vendor_this_machine_and_named_hosts_are_accepted(url: str, origin: str) -> None:
    assert str(BaseUrl.parse(url, extra_hosts=["CDP.example.test"])) == origin


NO_ADDRESS = "is not an address such as https://host"
NO_USER = "must hold no user name"
NO_PATH = "must end after the host"
NO_HTTP = "must use https"
NO_PORT = "must not name a port"
NO_OTHER_HOST = "is neither one of the vendor's, nor this machine, nor named in CDP_EXTRA_HOSTS"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "is empty"),
        ("api-engage-eu.sitecorecloud.io", NO_ADDRESS),
        ("http://api-engage-eu.sitecorecloud.io", NO_HTTP),
        (f"{EU}:8443", NO_PORT),
        (f"{EU}/v2.1", NO_PATH),
        (f"{EU}?a=b", NO_PATH),
        (f"{EU}?", NO_PATH),
        (f"{EU}#a", NO_PATH),
        (f"{EU}#", NO_PATH),
        (f"{EU}:port", NO_ADDRESS),
        (f"{EU}:99999", NO_ADDRESS),
        ("https://user:secret@api-engage-eu.sitecorecloud.io", NO_USER),
        ("https://@api-engage-eu.sitecorecloud.io", NO_USER),
        ("https://api-engage-eu.sitecorecloud.io@evil.example", NO_USER),
        ("https://api-engage-eu.sitecorecloud.io.evil.example", NO_OTHER_HOST),
        ("https://api-engage-eu.sitecorecloud.io.", NO_OTHER_HOST),
        ("https://api-engage-xx.sitecorecloud.io", NO_OTHER_HOST),
        ("https://evil.example", NO_OTHER_HOST),
        ("http://cdp.example.test", NO_HTTP),
        ("http://127.0.0.1.evil.example", NO_HTTP),
        ("http://0.0.0.0:8100", NO_HTTP),
        ("http://10.0.0.1", NO_HTTP),
        ("http://localhost.evil.example", NO_HTTP),
        ("ftp://localhost", NO_ADDRESS),
        ("file:///etc/passwd", NO_ADDRESS),
        ("https://", NO_ADDRESS),
        ("https:///v2.1", NO_ADDRESS),
        ("https://[", NO_ADDRESS),
        (f" {EU}", NO_ADDRESS),
        (f"{EU}\n", NO_ADDRESS),
        ("https://api-engage-eu.sitecore\tcloud.io", NO_ADDRESS),
        ("https:\\\\api-engage-eu.sitecorecloud.io", NO_ADDRESS),
        ("https://api-engage-eu.sitecorecloud.i\u00f6", NO_ADDRESS),
    ],
)
def test_every_other_base_url_is_refused_with_its_reason(url: str, reason: str) -> None:
    with pytest.raises(CdpNotConfigured, match="CDP_BASE_URL") as caught:
        BaseUrl.parse(url, extra_hosts=["cdp.example.test"])
    assert isinstance(caught.value, ValueError)
    assert reason in caught.value.detail
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("href", "own"),
    [
        (f"{EU}/v2.1/guests/1", True),
        (f"{EU}:443/v2.1/guests/1?a=b", True),
        ("HTTPS://API-ENGAGE-EU.sitecorecloud.io/v2.1", True),
        ("http://api-engage-eu.sitecorecloud.io/v2.1/guests/1", False),
        (f"{EU}:8443/v2.1/guests/1", False),
        ("https://api-engage-us.sitecorecloud.io/v2.1/guests/1", False),
        (f"{EU}.evil.example/", False),
        (f"{EU}@evil.example/", False),
        ("https://evil@api-engage-eu.sitecorecloud.io/", False),
        ("https://evil.example\\@api-engage-eu.sitecorecloud.io/", False),
        ("https://evil.example\t@api-engage-eu.sitecorecloud.io/", False),
        ("//api-engage-eu.sitecorecloud.io/", False),
        ("/v2.1/guests/1", False),
        ("javascript:alert(1)", False),
        (f"{EU}/v2.1\\guests/1", False),
        (f"{EU}/v2.1/guests/\u00f6", False),
        (f"{EU}/v2.1/guests/1 2", False),
        (f"{EU}:0/v2.1/guests/1", False),
        ("ftp://api-engage-eu.sitecorecloud.io:443/v2.1/guests/1", False),
        ("https://[", False),
        ("", False),
    ],
)
def test_only_links_to_the_configured_host_are_ours(href: str, own: bool) -> None:
    assert client_of(EU).is_own_link(href) is own


def test_host_of_another_region_is_found_in_a_text() -> None:
    us = "https://API-engage-US.sitecorecloud.io/v2.1/orders/1"
    client = client_of(EU)
    assert client.names_another_region(us)
    assert client.names_another_region(f"see {us} and {EU}")
    assert not client.names_another_region(f"{EU}/v2.1/orders/1")
    assert not client.names_another_region("https://elsewhere.example")
    assert CdpClient(CdpNotConfigured()).names_another_region(EU)


@pytest.mark.parametrize(("key", "token"), [("", "t"), ("k", ""), ("", "")])
def test_missing_credentials_are_refused(key: str, token: str) -> None:
    with pytest.raises(CdpNotConfigured, match="CDP_CLIENT_KEY or CDP_API_TOKEN"):
        Credentials(key, token)


def test_credentials_are_not_in_their_repr() -> None:
    credentials = Credentials("KEY-MARKER", "TOKEN-MARKER")
    assert repr(credentials) == str(credentials) == "Credentials(****)"


@pytest.mark.parametrize(
    "proxy",
    [
        *("proxy:3128", "https://proxy:3128", "socks5://proxy:1"),
        *("http://proxy", "http://:1", "http://p:x", "http://proxy:3128/path"),
    ],
)
def test_unusable_proxy_is_refused(proxy: str) -> None:
    with pytest.raises(CdpNotConfigured, match="CDP_PROXY"):
        client_of(EU, proxy=proxy)


@pytest.mark.parametrize("proxy", ["http://proxy:3128", "http://proxy:3128/"])
def test_usable_proxy_is_for_https_only(proxy: str) -> None:
    assert client_of(EU, proxy=proxy)._wire().transport._proxies == {"https": proxy}


def test_unreadable_certificate_file_is_refused() -> None:
    for ca_file in ("/nowhere.pem", __file__):
        with pytest.raises(CdpNotConfigured, match="CDP_CA_FILE"):
            client_of(EU, ca_file=ca_file)


def test_call_parameters_have_no_defaults() -> None:
    with pytest.raises(TypeError):
        Transport(base=BaseUrl.parse(EU), credentials=Credentials("k", "t"))  # type: ignore[call-arg]  # the point
