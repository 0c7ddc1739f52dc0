"""Each setting that cannot work is refused by name, in one message that shows no value."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from django.core.exceptions import ImproperlyConfigured

from apps.core.web.uploads import MAX_BODY_BYTES
from consumerportal import startup as portal
from consumerportal.startup import PRACTICE_VALUES, Environment, Startup

VENDOR = "https://api-engage-eu.sitecorecloud.io"
LIMITS = {"connect": 5.0, "read": 20.0, "total": 30.0}
DAY = 24 * 3600.0
KEY, OTHER_KEY = (base64.urlsafe_b64encode(byte * 32).decode() for byte in (b"x", b"y"))
PUBLIC_KEY = MAC_KEY = base64.b64encode(bytes(32)).decode()

Check = Callable[[Startup], object]


def startup(mode: str = "production", **variables: str) -> Startup:
    """A start with these environment variables and no others."""
    env = Environment()
    env.ENVIRON = {"PORTAL_MODE": mode, **variables}
    return Startup(env)


# --- Typed values ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "value"),
    [("True", True), ("on", True), (" yes ", True), ("1", True), ("FALSE", False), ("0", False)],
)
def test_flag_is_read(text: str, value: bool) -> None:
    begun = startup(FLAG=text)
    assert begun.env.bool("FLAG", default=not value) is value
    assert begun.problems == []


@pytest.mark.parametrize(
    ("read", "text", "problem"),
    [
        (lambda env: env.bool("X", default=True), "enabled", "X is not True or False"),
        (lambda env: env.bool("X", default=True), "", "X is not True or False"),
        (lambda env: env.int("X", default=True), "2.5", "X is not a whole number"),
        (lambda env: env.float("X", default=True), "30s", "X is not a number"),
        (lambda env: env.float("X", default=True), "1,000", "X is not a number"),
        (lambda env: env.list("X", float, True), "2,ten", "X is not a list of numbers"),
    ],
)
def test_value_of_another_type_is_a_problem(
    read: Callable[[Environment], object], text: str, problem: str
) -> None:
    begun = startup(X=text)
    assert read(begun.env) is True, "the default"
    assert begun.problems == [problem]


@pytest.mark.parametrize("text", ["0", "-1"])
def test_number_below_one_is_a_problem_where_it_cannot_work(text: str) -> None:
    begun = startup(X=text)
    assert begun.env.positive("X", default=2) == 2
    assert begun.problems == [f"X ({text}) is not at least 1"]
    assert startup(X="1").env.positive("X", default=2) == 1


@pytest.mark.parametrize(
    "address",
    [
        "",
        "postgres",
        "mysql://portal@db/portal",
        "postgres://portal:pass#word@db:port/portal",
        "postgres://db:x",
    ],
)
def test_address_that_is_no_database_is_a_problem_and_not_shown(address: str) -> None:
    begun = startup(DATABASE_URL=address)
    assert begun.env.db_url("DATABASE_URL", "sqlite:///portal.sqlite3")["NAME"] == "portal.sqlite3"
    assert begun.problems == ["DATABASE_URL is not the address of a SQLite or PostgreSQL database"]


def test_address_of_a_database_is_read() -> None:
    begun = startup(DATABASE_URL="postgres://portal:secret@db:5433/portal")
    read = begun.env.db_url("DATABASE_URL", "sqlite:///portal.sqlite3")
    assert (read["HOST"], read["PORT"], read["NAME"], begun.problems) == ("db", 5433, "portal", [])


def test_number_is_read_as_written() -> None:
    assert startup(X="1e3").env.float("X", default=0.0) == 1000.0


def test_blanks_around_the_items_of_a_list_do_not_belong_to_them() -> None:
    assert startup(X="a.example, b.example,").env.list("X", default=[]) == ["a.example", "b.example"]


# --- Required settings ----------------------------------------------------------------------------
def test_production_needs_a_value_of_its_own() -> None:
    begun = startup(CDP_CLIENT_KEY=" , ", CDP_API_TOKEN=PRACTICE_VALUES["CDP_API_TOKEN"], SECRET_KEY="short")
    for name in ("CDP_CLIENT_KEY", "CDP_API_TOKEN"):
        begun.required(name)
    begun.required("SECRET_KEY", portal.secret_problem)
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


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (portal.secret_problem, "0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcde"),
        (portal.secret_problem, "abcdefgh" * 4, "abcdefg" * 5),
        (portal.secret_problem, "abcdefgh" * 5, ",abcdefgh" * 5),
        (portal.encryption_keys_problem, PRACTICE_VALUES["ENCRYPTION_KEYS"], "bm90IDMyIGJ5dGVz"),
        (portal.encryption_keys_problem, f"{KEY},{OTHER_KEY}", f"{KEY},{KEY}"),
        (portal.encryption_keys_problem, KEY, f"{KEY},{OTHER_KEY[:-4]}"),
        (portal.encryption_keys_problem, KEY, KEY.replace("e", "*")),
        (portal.signing_key_problem, PUBLIC_KEY, PUBLIC_KEY[4:]),
        (portal.host_names_problem, "portal.example,.example.org", "portal.example, *"),
        (portal.host_names_problem, "portal.example,127.0.0.1,[::1]", "127.0.0.1, localhost"),
    ],
)
def test_value_of_a_required_setting_is_checked(check: Callable[[str], str], good: str, bad: str) -> None:
    assert check(good) == ""
    problem = check(bad)
    assert problem
    assert bad not in problem


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
        ("http://localhost:8031", [], "is on this machine, and CDP_EXTRA_HOSTS does not name its host"),
        (
            "http://[::1]:8031",
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
