"""Reads and checks the required settings. All problems are reported in one message.

Practice mode has built-in values, so that a fresh machine starts with one command; production refuses them.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_network
from typing import Any
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import environ
from django.core.exceptions import ImproperlyConfigured

from apps.audit.integrity.checkpoints import public_key, signing_key
from apps.audit.macs import MacKeys
from apps.cdp.attempt import Limits
from apps.cdp.links import BaseUrl, is_loopback
from apps.core.encryption import read_keys
from apps.core.web.requests import UNIX_SOCKET
from apps.core.web.uploads import MAX_BODY_BYTES
from apps.notices.hook_address import HookAddress
from apps.notices.signatures import key_of

MAX_CHECK_DELAY = 30 * 24 * 3600.0  # seconds
MAX_DAYS = 365
CREATE_MARGIN_SECONDS = 10  # besides its call, a create reads the order and writes to the database twice
DATABASE_ENGINES = frozenset({"django.db.backends.sqlite3", "django.db.backends.postgresql"})
SMTP_SECURITY = ("starttls", "tls", "none")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_TRUE, _FALSE = frozenset({"true", "yes", "on", "1"}), frozenset({"false", "no", "off", "0"})

# Published with the source and therefore not secret. `Startup.required` refuses them in production.
PRACTICE_VALUES = {
    "SECRET_KEY": "practice-only-secret-key-practice-only-secret-key-practice",
    "ENCRYPTION_KEYS": "cHJhY3RpY2Utb25seS1wcmFjdGljZS1vbmx5LWtleSE=",
    "DIGEST_KEYS": "practice-only-digest-key-practice-only",
    "AUDIT_SIGNING_KEY": "cHJhY3RpY2Utb25seS1hdWRpdC1zaWduaW5nLWtleSE=",
    "AUDIT_MAC_KEYS": "cHJhY3RpY2Utb25seS1hdWRpdC1tYWMta2V5LTAwMDE=",
    "CDP_CLIENT_KEY": "practice-client-key",
    "CDP_API_TOKEN": "practice-api-token",
    "ALLOWED_HOSTS": "localhost,127.0.0.1,[::1]",
    "CDP_BASE_URL": "http://127.0.0.1:8031",
}

# The sandbox's address is refused in every spelling, by check_client_settings.
_PUBLISHED = frozenset(PRACTICE_VALUES.values()) - {PRACTICE_VALUES["CDP_BASE_URL"]}


def secret_problem(value: str) -> str:
    """The problem with a secret, which must be random text of at least 32 characters; or ``""``.

    It has no comma, because a secret that is replaced becomes an item of a list.
    """
    if "," in value:
        return "contains a comma, which separates secrets in SECRET_KEY_FALLBACKS"
    return "" if len(value) >= 32 and len(set(value)) >= 8 else "is shorter than 32 random characters"


def secrets_problem(value: str) -> str:
    """The problem with a comma-separated list of secrets, or ``""``."""
    secrets = split_list(value)
    if len({*secrets}) != len(secrets):
        return "contains a value twice"
    return next(filter(None, map(secret_problem, secrets)), "")


def encryption_keys_problem(value: str) -> str:
    """The problem with a comma-separated list of encryption keys, or ``""``."""
    try:
        read_keys(split_list(value))
    except ValueError:
        return "is not a list of different keys (32 random bytes in URL-safe base64 each)"
    return ""


def signing_key_problem(value: str) -> str:
    """The problem with the key that signs the audit log's checkpoints, or ``""``."""
    try:
        signing_key(value)
    except ValueError as error:
        return str(error)
    return ""


def mac_keys_problem(value: str) -> str:
    """The problem with a comma-separated list of keys for the MACs of the audit log, or ``""``."""
    try:
        keys = MacKeys(split_list(value)).fingerprints
    except ValueError:
        return "is not a list of keys (base64 of 32 random bytes each)"
    return "contains a value twice" if len({*keys}) != len(keys) else ""


def hook_secrets_problem(value: str) -> str:
    """The problem with a comma-separated list of secrets for web hooks, or ``""``."""
    try:
        for secret in split_list(value):
            key_of(secret)
    except ValueError:
        return "is not a list of secrets (whsec_ and the base64 of 24 to 64 bytes each)"
    return ""


def host_names_problem(value: str) -> str:
    """The problem with a comma-separated list of allowed host names, or ``""``.

    This machine's own names, as for a health check, must be beside a name of the portal.
    """
    names = {*split_list(value)}
    if names.issubset(split_list(PRACTICE_VALUES["ALLOWED_HOSTS"])):
        return "is a practice value, which is published"
    return "contains *, which accepts every host" if "*" in names else ""


def split_list(value: str) -> list[str]:
    """The non-empty items of a comma-separated value, without surrounding blanks."""
    return [item.strip() for item in value.split(",") if item.strip()]


def _split_url(value: str) -> SplitResult | None:
    """The parts of an address with a host; None if it has none, an unusable port or a blank."""
    try:
        url = urlsplit(value)
        usable = url.hostname and url.port != 0 and value.isprintable() and " " not in value
    except ValueError:  # such as https://[portal and https://portal:x
        return None
    return url if usable else None


def _is_origin(value: str) -> bool:
    """Whether the value is an origin as browsers send it: a scheme, a host and perhaps a port."""
    url = _split_url(value)
    if url is None or url.scheme not in ("http", "https") or "@" in url.netloc:
        return False
    return value == f"{url.scheme}://{url.netloc}"


def no_problem(value: str) -> str:
    """``""``: any value is accepted."""
    return ""


class Environment(environ.Env):  # type: ignore[misc]  # django-environ has no types
    """Reads typed values. One that is not of its type becomes a problem, and the default is returned.

    django-environ itself reads ``TLS_AT_PROXY=enabled`` as false and ``CDP_TOTAL_TIMEOUT=1e3`` as 13.
    """

    def __init__(self) -> None:
        super().__init__()
        self.problems: list[str] = []

    def get_value(
        self, var: str, cast: Any = None, default: Any = environ.Env.NOTSET, parse_default: bool = False
    ) -> Any:
        """The value of a variable as the type ``cast``, or the default."""
        try:
            return super().get_value(var, cast, default, parse_default)
        except ValueError:
            kind = {bool: "True or False", int: "a whole number", float: "a number"}
            wanted = "a list of numbers" if isinstance(cast, list) else kind[cast]
            self.problems.append(f"{var} is not {wanted}")
            return default

    def positive(self, var: str, default: int) -> int:
        """The value of a variable as a whole number of at least 1, or the default."""
        number: int = self.int(var, default=default)
        if number < 1:
            self.problems.append(f"{var} ({number}) is not at least 1")
            return default
        return number

    def days(self, var: str, default: int) -> int:
        """The value of a variable as a number of days from 0 to 365, or the default."""
        number: int = self.int(var, default=default)
        if not 0 <= number <= MAX_DAYS:
            self.problems.append(f"{var} ({number}) is not between 0 and {MAX_DAYS}")
            return default
        return number

    def db_url(self, var: str, default: str) -> dict[str, Any]:
        """The configuration of the database at this address, or at the default."""
        parsed: dict[str, Any] = {}
        # The library's warning and its exception may quote the password.
        with warnings.catch_warnings(action="ignore"), suppress(ValueError):
            parsed = self.db_url_config(self.get_value(var, str, default))
        if parsed.get("ENGINE") not in DATABASE_ENGINES:
            self.problems.append(f"{var} is not the address of a SQLite or PostgreSQL database")
            parsed = self.db_url_config(default)
        return parsed

    @classmethod
    def parse_value(cls, value: str, cast: Any) -> Any:
        """The value as the type ``cast``. Raises ``ValueError`` if it is none."""
        if cast is bool:
            word = value.strip().lower()
            if word not in _TRUE | _FALSE:
                raise ValueError("neither true nor false")
            return word in _TRUE
        if cast is float:
            return float(value)
        return split_list(value) if cast is list else super().parse_value(value, cast)


class Startup:
    """Reads the required settings and collects the problems of all settings in ``problems``."""

    def __init__(self, env: Environment) -> None:
        self.env = env
        self.mode: str = env.str("PORTAL_MODE", default="production")
        self.problems = env.problems
        if self.mode not in ("practice", "production"):
            self.problems.append("PORTAL_MODE is neither practice nor production")

    @property
    def practice(self) -> bool:
        return self.mode == "practice"

    def required(self, name: str, check: Callable[[str], str] = no_problem) -> str:
        """The value of a setting that production must set; adds its problem, if any."""
        # Not through django-environ, which treats a value that begins with $ as another variable's name.
        given = str(self.env.ENVIRON.get(name, "")).strip()
        if self.practice:
            return given or PRACTICE_VALUES[name]
        if not split_list(given):
            self.problems.append(f"{name} is not set")
        else:
            self._check(name, given, check)
        return given

    def optional(self, name: str, check: Callable[[str], str]) -> str:
        """The value of a setting with secrets that may be empty; adds its problem, if any."""
        given = str(self.env.ENVIRON.get(name, "")).strip()
        if given and not self.practice:
            self._check(name, given, check)
        return given

    def _check(self, name: str, given: str, check: Callable[[str], str]) -> None:
        if set(split_list(given)) & _PUBLISHED:
            self.problems.append(f"{name} is a practice value, which is published")
        elif problem := check(given):
            self.problems.append(f"{name} {problem}")

    def check_practice_reads_no_file(self, *, in_environment: bool) -> None:
        """Practice mode must be set in the environment; in .env it would use the database and keys there."""
        if self.practice and not in_environment:
            self.problems.append("PORTAL_MODE=practice is set in .env and not in the environment")

    def check_practice_is_local(self, base_url: str) -> None:
        """In practice mode the API must be on this machine, because the keys are published."""
        if not self.practice:
            return
        try:
            host = urlsplit(base_url).hostname or ""
        except ValueError:
            host = ""
        if not is_loopback(host):
            self.problems.append("CDP_BASE_URL leaves this machine, which practice mode does not allow")

    def check_client_settings(self, base_url: str, extra_hosts: list[str], limits: dict[str, float]) -> None:
        """The base URL and the time limits (seconds) must be usable, or every create would fail.

        In production the base URL is not the sandbox's, and one of this machine, such as a gateway's, is
        also in ``extra_hosts``: a sandbox would accept consumers that Sitecore CDP never gets.
        """
        if base_url:
            try:
                base = BaseUrl.parse(base_url, extra_hosts=extra_hosts)
            except ValueError as error:
                self.problems.append(f"CDP_BASE_URL cannot be used: {error}")
            else:
                self._check_no_sandbox(base, extra_hosts)
        try:
            Limits(**limits)
        except ValueError:
            self.problems.append(
                "CDP_CONNECT_TIMEOUT, CDP_READ_TIMEOUT and CDP_TOTAL_TIMEOUT are not all positive"
            )

    def _check_no_sandbox(self, base: BaseUrl, extra_hosts: list[str]) -> None:
        if self.practice:
            return
        if base == BaseUrl.parse(PRACTICE_VALUES["CDP_BASE_URL"]):
            self.problems.append("CDP_BASE_URL is a practice value, which is published")
        elif is_loopback(base.host) and base.host not in {extra.lower() for extra in extra_hosts}:
            self.problems.append(
                "CDP_BASE_URL is on this machine, and CDP_EXTRA_HOSTS does not name its host"
            )

    def check_calls_in_flight(self, calls: int, *, threads: int, for_pages: int) -> None:
        """At least ``for_pages`` threads must stay free of calls, so that a slow vendor blocks no pages."""
        if not 1 <= calls <= threads - for_pages:
            self.problems.append(
                f"CDP_IN_FLIGHT ({calls}) is not at least 1 and at least {for_pages} below"
                f" WEB_THREADS ({threads})"
            )

    def graceful_seconds(self, total_timeout: float) -> int:
        """Seconds that a stopping web worker has to complete a running create, given the limit of its call.

        So a deployment causes no unknown outcomes. A create may wait for the database before and after its
        call, hence by default twice the call's limit.
        """
        usual = 2 * total_timeout + 15
        seconds = self.env.positive("WEB_GRACEFUL_SECONDS", int(usual) if 1 <= usual < math.inf else 1)
        if seconds < total_timeout + CREATE_MARGIN_SECONDS:
            self.problems.append(
                f"WEB_GRACEFUL_SECONDS ({seconds}) does not exceed CDP_TOTAL_TIMEOUT ({total_timeout:g}) by"
                f" {CREATE_MARGIN_SECONDS} seconds: a deployment could cut a create short"
            )
        return seconds

    def check_audit_public_keys(self, former: list[str]) -> None:
        """Former public keys must be valid; otherwise checkpoints that they signed would count as forged."""
        try:
            for key in former:
                public_key(key)
        except ValueError:
            self.problems.append(
                "AUDIT_FORMER_PUBLIC_KEYS is not a list of public keys (base64 of 32 bytes each)"
            )

    def check_former_mac_keys(self, former: list[str], *, present: list[str]) -> None:
        """Former MAC keys must be valid, and none may still be accepted for new rows."""
        if former and (problem := mac_keys_problem(",".join(former))):
            self.problems.append(f"AUDIT_FORMER_MAC_KEYS {problem}")
        if set(former) & set(present):
            self.problems.append("AUDIT_FORMER_MAC_KEYS contains a key that AUDIT_MAC_KEYS still contains")

    def check_networks(self, name: str, values: list[str]) -> None:
        """The values must be addresses or networks; an invalid one would fail requests later."""
        try:
            for value in values:
                if value != UNIX_SOCKET:
                    ip_network(value, strict=False)
        except ValueError:
            self.problems.append(f"{name} contains a value that is not an address or network")

    def check_proxies(self, proxies: list[str], *, tls_at_proxy: bool) -> None:
        """The proxy must be trusted; otherwise limits and events would see one address for all clients."""
        if tls_at_proxy and not proxies:
            self.problems.append("TLS_AT_PROXY is on, but TRUSTED_PROXIES does not name the proxy")
        on_unix_socket = str(self.env.ENVIRON.get("PORTAL_BIND", "")).startswith("unix:")
        if on_unix_socket and UNIX_SOCKET not in proxies:
            self.problems.append(
                f"PORTAL_BIND is a Unix socket, but TRUSTED_PROXIES does not contain {UNIX_SOCKET}"
            )

    def check_reconciliation_delays(self, after: list[float]) -> None:
        """The delays of reconciliation checks (seconds) must be positive and at most 30 days."""
        if not all(0 < seconds <= MAX_CHECK_DELAY for seconds in after):  # false for "nan" and "inf" as well
            self.problems.append("CDP_RECONCILIATION_AFTER contains a value outside 0 to 30 days in seconds")

    def check_batch_bytes(self, most: int, *, fields: int) -> None:
        """A file of a list and the fields of its form (bytes) must fit into a body that is read."""
        if most + fields > MAX_BODY_BYTES:
            self.problems.append(
                f"BATCH_MAX_BYTES ({most}) exceeds {MAX_BODY_BYTES - fields}: the portal would not read such"
                " a file"
            )

    def check_log_level(self, level: str) -> None:
        """The level must be one of Python's names; logging would fail at start without a clear message."""
        if level not in LOG_LEVELS:
            self.problems.append(f"LOG_LEVEL is none of {', '.join(LOG_LEVELS)}")

    def check_time_zone(self, name: str) -> None:
        """The time zone must be one that this machine has. Django itself accepts a folder, such as Europe."""
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            self.problems.append("TIME_ZONE is not a time zone such as Europe/Dublin")

    def check_country_codes(self, countries: list[str]) -> None:
        """Countries in addition to ISO 3166-1 must each have a code of two capital letters and a name."""
        if not all(re.fullmatch(r"[A-Z]{2}=.*\S.*", country) for country in countries):
            self.problems.append("EXTRA_COUNTRIES contains a value that is not a pair such as XK=Kosovo")

    def portal_url(self, given: str) -> str:
        """The address of the portal without a slash at its end; checked if it is given."""
        schemes = ("http", "https") if self.practice else ("https",)
        url = _split_url(given)
        if given and not (url and url.scheme in schemes):
            self.problems.append("PORTAL_URL is no address with https")
        elif url and (url.path.strip("/") or url.query or url.fragment or "@" in url.netloc):
            self.problems.append("PORTAL_URL contains more than scheme, host and port")
        return given.rstrip("/")

    def check_trusted_origins(self, origins: list[str]) -> None:
        """The values must be origins. Django compares them as a whole, when a form is posted."""
        if not all(map(_is_origin, origins)):
            self.problems.append(
                "CSRF_TRUSTED_ORIGINS contains a value that is not an origin such as https://portal.example.com"
            )

    def check_notice_mail(self, *, to: str, sender: str, host: str, security: str) -> None:
        """Notices by mail need one recipient, a sender, and TLS unless the server is on this machine."""
        if security not in SMTP_SECURITY:
            self.problems.append(f"SMTP_SECURITY is none of {', '.join(SMTP_SECURITY)}")
        if not to:
            return
        for name, value in (("NOTICE_MAIL_TO", to), ("NOTICE_MAIL_FROM", sender)):
            if not re.fullmatch(r"[^\s@,;<>]+@[^\s@,;<>]+", value):
                self.problems.append(f"{name} is not one address such as portal@example.com")
        local = is_loopback(host)
        if self.practice and not local:
            self.problems.append("SMTP_HOST leaves this machine, which practice mode does not allow")
        if security == "none" and not local:
            self.problems.append("SMTP_SECURITY is none, but SMTP_HOST is not this machine")

    def check_notice_hook(self, url: str, secrets: list[str]) -> None:
        """The address of the web hook must be usable, and signed with at least one secret."""
        if not url:
            return
        try:
            HookAddress.parse(url, practice=self.practice)
        except ValueError as error:
            self.problems.append(f"NOTICE_HOOK_URL {error}")
        if not secrets:
            self.problems.append("NOTICE_HOOK_URL is set, but NOTICE_HOOK_SECRETS is not")
        elif self.practice and (problem := hook_secrets_problem(",".join(secrets))):
            self.problems.append(f"NOTICE_HOOK_SECRETS {problem}")

    def raise_problems(self) -> None:
        """Raise ``ImproperlyConfigured`` with all problems in one message, if there are any."""
        if self.problems:
            lines = "\n".join(f"  - {problem}" for problem in self.problems)
            raise ImproperlyConfigured(
                f"The portal does not start in {self.mode} mode:\n{lines}\n"
                "The file .env.example explains every setting. To try the portal: make run."
            )
