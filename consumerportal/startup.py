"""Reads the required settings and checks all settings. All problems are reported in one message."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from django.core.exceptions import ImproperlyConfigured

from apps.audit.integrity.checkpoints import public_key
from apps.cdp.attempt import Limits
from apps.cdp.links import BaseUrl, is_loopback
from apps.core.time_zones import find_zone
from apps.core.web.requests import UNIX_SOCKET
from apps.core.web.uploads import MAX_BODY_BYTES
from apps.notices.hook_address import HookAddress
from consumerportal.environment import Environment, split_list
from consumerportal.practice_values import PRACTICE_VALUES, PUBLISHED
from consumerportal.setting_problems import hook_secrets_problem, mac_keys_problem, no_problem

MAX_CHECK_DELAY = 30 * 24 * 3600.0  # seconds
CREATE_MARGIN_SECONDS = 10  # besides its call, a create reads the order and writes to the database twice
ROWS_CHECKED_IN_A_REQUEST = 1_000  # decision 257
SMTP_SECURITY = ("starttls", "tls", "none")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


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

    def text(self, name: str, *, default: str) -> str:
        """The value of a setting; an empty one counts as not set. An empty path would be a whole folder."""
        return self.env.str(name, default="").strip() or default

    def _check(self, name: str, given: str, check: Callable[[str], str]) -> None:
        if set(split_list(given)) & PUBLISHED:
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
        if self.practice or not is_loopback(base.host):
            return
        if base.port == BaseUrl.parse(PRACTICE_VALUES["CDP_BASE_URL"]).port:
            self.problems.append("CDP_BASE_URL is a practice value, which is published")
        elif base.host not in {extra.lower() for extra in extra_hosts}:
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

    def check_batch_rows(self, most: int) -> None:
        """A list must be small enough to be checked while its author waits."""
        if most > ROWS_CHECKED_IN_A_REQUEST:
            self.problems.append(
                f"BATCH_MAX_ROWS ({most}) exceeds {ROWS_CHECKED_IN_A_REQUEST}: the check of such a list could"
                " outlast its request"
            )

    def check_database_is_stored(self, name: str) -> None:
        """In production SQLite needs a file. An address without a file name means a database in memory."""
        if name == ":memory:" and not self.practice:
            self.problems.append(
                "DATABASE_URL is SQLite in memory: everything would be lost when the portal stops"
            )

    def check_static_root(self, folder: Path, *, private: list[Path]) -> None:
        """The folder must contain no private path: its files are served also without sign-in."""
        if any(path.resolve().is_relative_to(folder.resolve()) for path in private):
            self.problems.append(
                "STATIC_ROOT contains the portal's folder, var, the database, the spool or the file of"
                " checkpoints, which everybody could then read"
            )

    def check_log_level(self, level: str) -> None:
        """The level must be one of Python's names; logging would fail at start without a clear message."""
        if level not in LOG_LEVELS:
            self.problems.append(f"LOG_LEVEL is none of {', '.join(LOG_LEVELS)}")

    def check_time_zone(self, name: str) -> None:
        """The time zone must be one that this machine has. Django itself accepts a folder, such as Europe."""
        if find_zone(name) is None:
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
