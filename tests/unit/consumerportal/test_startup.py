"""Each setting that cannot work is refused by name, in one message that shows no value."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from django.core.exceptions import ImproperlyConfigured

from apps.core.web.uploads import MAX_BODY_BYTES
from consumerportal.environment import Environment
from consumerportal.practice_values import PRACTICE_VALUES
from consumerportal.setting_problems import secret_problem
from consumerportal.startup import Startup

VENDOR = "https://api-engage-eu.sitecorecloud.io"
LIMITS = {"connect": 5.0, "read": 20.0, "total": 30.0}
DAY = 24 * 3600.0
PUBLIC_KEY = MAC_KEY = base64.b64encode(bytes(32)).decode()

Check = Callable[[Startup], object]


def startup(mode: str = "production", **variables: str) -> Startup:
    """A start with these environment variables and no others."""
    env = Environment()
    env.ENVIRON = {"PORTAL_MODE": mode, **variables}
    return Startup(env)


# --- Required settings ----------------------------------------------------------------------------
def test_production_needs_a_value_of_its_own() -> None:
    begun = startup(CDP_CLIENT_KEY=" , ", CDP_API_TOKEN=PRACTICE_VALUES["CDP_API_TOKEN"], SECRET_KEY="short")
    for name in ("CDP_CLIENT_KEY", "CDP_API_TOKEN"):
        begun.required(name)
    begun.required("SECRET_KEY", secret_problem)
    assert begun.problems == [
        "CDP_CLIENT_KEY is not set",
        "CDP_API_TOKEN is a practice value, which is published",
        "SECRET_KEY is shorter than 32 random characters",
    ]


def test_value_that_begins_with_a_dollar_sign_is_not_another_variable() -> None:
    assert startup(CDP_API_TOKEN="$HOME", HOME="/root").required("CDP_API_TOKEN") == "$HOME"


def test_practice_has_values_that_the_environment_overrides() -> None:
    begun = startup("practice", CDP_API_TOKEN=" mine ")
    assert begun.required("CDP_API_TOKEN") == "mine"
    assert begun.required("DIGEST_KEYS") == PRACTICE_VALUES["DIGEST_KEYS"]
    assert begun.problems == []


# --- Optional settings ----------------------------------------------------------------------------
@pytest.mark.parametrize(
    "check",
    [
        lambda it: it.check_client_settings(VENDOR, [], LIMITS),
        lambda it: it.check_client_settings("https://cdp.example", ["cdp.example"], LIMITS),
        lambda it: it.check_client_settings("", [], LIMITS),  # "is not set" is enough
        lambda it: it.check_client_settings("http://LOCALHOST:8040", ["localhost"], LIMITS),  # a gateway
        lambda it: it.check_client_settings("https://[::1]", ["::1"], LIMITS),
        lambda it: it.check_practice_is_local(VENDOR),  # not in production
        lambda it: it.check_calls_in_flight(44, threads=64, for_pages=20),
        lambda it: it.check_audit_public_keys([PUBLIC_KEY]),
        lambda it: it.check_networks("TRUSTED_PROXIES", ["10.0.0.0/8", "10.0.0.7/8", "::1", "unix"]),
        lambda it: it.check_proxies([], tls_at_proxy=False),
        lambda it: it.check_proxies(["10.0.0.1"], tls_at_proxy=True),
        lambda it: it.check_reconciliation_delays([0.5, 30 * DAY]),
        lambda it: it.check_batch_bytes(MAX_BODY_BYTES - 2_621_440, fields=2_621_440),
        lambda it: it.check_batch_rows(1_000),
        lambda it: it.check_log_level("WARNING"),
        lambda it: it.check_time_zone("America/Argentina/Salta"),
        lambda it: it.check_country_codes(["XK=Kosovo", "XA=A=B"]),
    ],
)
def test_usable_setting_is_accepted(check: Check) -> None:
    begun = startup()
    check(begun)
    assert begun.problems == []
    begun.raise_problems()


@pytest.mark.parametrize(
    ("check", "problem"),
    [
        (
            lambda it: it.check_client_settings("https://cdp.example", [], LIMITS),
            "CDP_BASE_URL cannot be used",
        ),
        (lambda it: it.check_client_settings(f"{VENDOR}:8443", [], LIMITS), "CDP_BASE_URL cannot be used"),
        (lambda it: it.check_client_settings("https://[::1", [], LIMITS), "CDP_BASE_URL cannot be used"),
        (
            lambda it: it.check_client_settings(VENDOR, [], {**LIMITS, "read": 0.0}),
            "CDP_CONNECT_TIMEOUT, CDP_READ_TIMEOUT and CDP_TOTAL_TIMEOUT are not all positive",
        ),
        (
            lambda it: it.check_client_settings(VENDOR, [], {**LIMITS, "total": float("nan")}),
            "CDP_TOTAL_TIMEOUT are not all positive",
        ),
        (lambda it: it.check_calls_in_flight(45, threads=64, for_pages=20), "CDP_IN_FLIGHT (45)"),
        (lambda it: it.check_calls_in_flight(0, threads=64, for_pages=20), "CDP_IN_FLIGHT (0)"),
        (lambda it: it.check_audit_public_keys([PUBLIC_KEY, "other"]), "AUDIT_FORMER_PUBLIC_KEYS is not"),
        (
            lambda it: it.check_former_mac_keys([MAC_KEY, "short"], present=[]),
            "AUDIT_FORMER_MAC_KEYS is not a list of keys",
        ),
        (
            lambda it: it.check_former_mac_keys([MAC_KEY], present=["other", MAC_KEY]),
            "AUDIT_FORMER_MAC_KEYS contains a key that AUDIT_MAC_KEYS still contains",
        ),
        (
            lambda it: it.check_networks("TRUSTED_PROXIES", ["10.0.0.0/8", "proxy"]),
            "TRUSTED_PROXIES contains",
        ),
        (lambda it: it.check_proxies([], tls_at_proxy=True), "TLS_AT_PROXY is on, but TRUSTED_PROXIES"),
        (lambda it: it.check_reconciliation_delays([60, 0]), "CDP_RECONCILIATION_AFTER contains"),
        (lambda it: it.check_reconciliation_delays([30 * DAY + 1]), "CDP_RECONCILIATION_AFTER contains"),
        (lambda it: it.check_reconciliation_delays([float("nan")]), "CDP_RECONCILIATION_AFTER contains"),
        (
            lambda it: it.check_batch_bytes(MAX_BODY_BYTES - 2_621_439, fields=2_621_440),
            "BATCH_MAX_BYTES (7864321) exceeds 7864320",
        ),
        (lambda it: it.check_batch_rows(1_001), "BATCH_MAX_ROWS (1001) exceeds 1000"),
        (lambda it: it.check_log_level("info"), "LOG_LEVEL is none of DEBUG, INFO,"),
        (lambda it: it.check_time_zone("Europe"), "TIME_ZONE is not a time zone"),
        (lambda it: it.check_time_zone(""), "TIME_ZONE is not a time zone"),
        (lambda it: it.check_country_codes(["XK=Kosovo", "Kosovo"]), "EXTRA_COUNTRIES contains"),
        (lambda it: it.check_country_codes(["xk=Kosovo"]), "EXTRA_COUNTRIES contains"),
        (lambda it: it.check_country_codes(["XK= "]), "EXTRA_COUNTRIES contains"),
    ],
)
def test_unusable_setting_is_a_problem(check: Check, problem: str) -> None:
    begun = startup()
    check(begun)
    [found] = begun.problems
    assert problem in found


@pytest.mark.parametrize(
    ("base_url", "extra_hosts", "problem"),
    [
        ("http://127.0.0.1:8031", [], "is a practice value, which is published"),
        ("http://127.0.0.1:8031/", ["127.0.0.1"], "is a practice value, which is published"),
        ("http://localhost:8031", ["localhost"], "is a practice value, which is published"),
        ("http://LOCALHOST:8031", [], "is a practice value, which is published"),
        ("https://[::1]:8031", ["::1"], "is a practice value, which is published"),
        ("http://127.0.0.2:8031", ["127.0.0.2"], "is a practice value, which is published"),
        ("http://localhost:8040", [], "is on this machine, and CDP_EXTRA_HOSTS does not name its host"),
        (
            "http://[::1]:8040",
            ["localhost"],
            "is on this machine, and CDP_EXTRA_HOSTS does not name its host",
        ),
        ("https://127.0.0.2", [], "is on this machine, and CDP_EXTRA_HOSTS does not name its host"),
    ],
)
def test_production_calls_no_sandbox(base_url: str, extra_hosts: list[str], problem: str) -> None:
    begun = startup(CDP_BASE_URL=base_url)
    begun.check_client_settings(begun.required("CDP_BASE_URL"), extra_hosts, LIMITS)
    assert begun.problems == [f"CDP_BASE_URL {problem}"]
    practice = startup("practice", CDP_BASE_URL=base_url)
    practice.check_client_settings(practice.required("CDP_BASE_URL"), [], LIMITS)
    assert practice.problems == []


@pytest.mark.parametrize("proxies", [[], ["10.0.0.0/8"]])
def test_unix_socket_needs_a_trusted_proxy_in_front(proxies: list[str]) -> None:
    begun = startup(PORTAL_BIND="unix:/run/portal.sock")
    begun.check_proxies(["unix", *proxies], tls_at_proxy=True)
    assert begun.problems == []
    begun.check_proxies(proxies, tls_at_proxy=False)
    assert begun.problems == ["PORTAL_BIND is a Unix socket, but TRUSTED_PROXIES does not contain unix"]


@pytest.mark.parametrize(
    ("base_url", "is_local"),
    [
        ("http://127.0.0.1:8031", True),
        ("http://127.0.0.2:8031", True),
        ("http://localhost:8031", True),
        ("http://[::1]:8031", True),
        (VENDOR, False),
        ("http://[::1", False),
    ],
)
def test_practice_calls_only_this_machine(base_url: str, is_local: bool) -> None:
    begun = startup("practice")
    begun.check_practice_is_local(base_url)
    assert (begun.problems == []) is is_local


# --- The message ----------------------------------------------------------------------------------
def test_one_message_names_every_problem() -> None:
    begun = startup("staging", X="soon")
    begun.env.int("X", default=1)
    begun.required("CDP_CLIENT_KEY")
    with pytest.raises(ImproperlyConfigured) as refused:
        begun.raise_problems()
    lines = str(refused.value).splitlines()
    assert lines[:4] == [
        "The portal does not start in staging mode:",
        "  - PORTAL_MODE is neither practice nor production",
        "  - X is not a whole number",
        "  - CDP_CLIENT_KEY is not set",
    ]
    assert "soon" not in str(refused.value)
