"""Production starts if its configuration is valid, or reports every problem; practice stays on loopback."""

from __future__ import annotations

import ast
import os
import re
import runpy
import subprocess
import sys
from base64 import b64encode
from io import StringIO
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from pytest_django import Settings

from consumerportal.announcement import record_start
from consumerportal.environment import Environment
from consumerportal.practice_values import PRACTICE_VALUES
from tests.support.keys import new_encryption_key
from tests.support.source import ROOT

COMPLETE = {
    "SECRET_KEY": "a secret of this test alone: 0123456789 0123456789 0123456789",
    "ENCRYPTION_KEYS": f"{new_encryption_key()},{new_encryption_key()}",
    "DIGEST_KEYS": "a digest key of this test alone 0123456789,another one of this test alone 9876543210",
    "AUDIT_SIGNING_KEY": b64encode(bytes(range(32))).decode(),
    "AUDIT_MAC_KEYS": ",".join(b64encode(bytes(range(start, start + 32))).decode() for start in (32, 64)),
    "ALLOWED_HOSTS": "portal.example.com",
    "CDP_CLIENT_KEY": "a-client-key",
    "CDP_API_TOKEN": "an-api-token",
    "CDP_BASE_URL": "https://api-engage-eu.sitecorecloud.io",
}

pytestmark = pytest.mark.skipif((ROOT / ".env").exists(), reason="A .env file of this machine speaks, too")


def _run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the portal with this environment and only the variables that Python needs."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.run(
        [sys.executable, *command],
        env={**inherited, **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return _run("manage.py", *arguments, **environment)


def _settings(**environment: str) -> dict[str, Any]:
    """The settings in this environment. Raises ``ImproperlyConfigured`` if they refuse it."""
    umask = os.umask(0o077)  # the settings change it
    try:
        with mock.patch.dict(os.environ, environment, clear=True):
            return runpy.run_path(str(ROOT / "consumerportal/settings.py"))
    finally:
        os.umask(umask)


def _refusal(**environment: str) -> str:
    """The message with which the settings refuse this environment; empty if they accept it."""
    try:
        _settings(**environment)
    except ImproperlyConfigured as refused:
        return str(refused)
    return ""


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'production.sqlite3'}"


def test_start_without_settings_names_all_missing_ones_in_one_message() -> None:
    answer = _manage("check")
    assert answer.returncode != 0
    assert answer.stderr.count("The portal does not start in production mode:") == 1
    listed = [line.strip() for line in answer.stderr.splitlines() if line.startswith("  - ")]
    assert sorted(listed) == sorted(f"- {name} is not set" for name in PRACTICE_VALUES)


@pytest.mark.parametrize("command", ["check", "status", "audit_verify"])
def test_message_of_the_settings_ends_a_command(command: str) -> None:
    """With an exit code that is no result of a command: 1 of status is a warning."""
    answer = _manage(command, **PRACTICE_VALUES)
    assert answer.returncode == 3
    assert _refusal(**PRACTICE_VALUES) in answer.stderr
    assert "Traceback" not in answer.stderr
    assert not any(value in answer.stderr for value in PRACTICE_VALUES.values())


@pytest.mark.parametrize(
    ("command", "name", "value"),
    [("status", "DATE_ORDER", "year-day"), ("audit_verify", "NOTICE_CAUSES", "no_such_cause")],
)
def test_setting_that_a_system_check_refuses_is_no_result_of_a_command(
    command: str, name: str, value: str
) -> None:
    answer = _manage(command, PORTAL_MODE="practice", **{name: value})
    assert answer.returncode == 3
    assert name in answer.stderr
    assert "Traceback" not in answer.stderr


def test_practice_values_are_refused_by_name() -> None:
    refusal = _refusal(**PRACTICE_VALUES)
    for name, value in PRACTICE_VALUES.items():
        problem = (
            "names this machine only"
            if name == "ALLOWED_HOSTS"
            else "is a practice value, which is published"
        )
        assert f"{name} {problem}" in refusal
        assert value not in refusal


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("SECRET_KEY", "short", "is shorter than 32 random characters"),
        ("DIGEST_KEYS", "a" * 64, "is shorter than 32 random characters"),
        ("DIGEST_KEYS", f"{PRACTICE_VALUES['DIGEST_KEYS']},{'0123456789' * 4}", "is a practice value"),
        ("DIGEST_KEYS", ",".join(["0123456789" * 4] * 2), "contains a value twice"),
        ("SECRET_KEY_FALLBACKS", f"{'0123456789' * 4},short", "is shorter than 32 random characters"),
        ("SECRET_KEY_FALLBACKS", PRACTICE_VALUES["SECRET_KEY"], "is a practice value"),
        ("ENCRYPTION_KEYS", "not a key", "is not a list of different keys"),
        ("AUDIT_SIGNING_KEY", "not a key", "is not the base64 of 32 bytes"),
        ("AUDIT_MAC_KEYS", "not a key", "is not a list of keys (base64 of 32 random bytes each)"),
        ("AUDIT_MAC_KEYS", f"{COMPLETE['AUDIT_MAC_KEYS']},c2hvcnQ=", "is not a list of keys"),
        ("AUDIT_MAC_KEYS", ",".join([b64encode(bytes(32)).decode()] * 2), "contains a value twice"),
        ("AUDIT_FORMER_MAC_KEYS", ",".join([b64encode(bytes(32)).decode()] * 2), "contains a value twice"),
        ("AUDIT_MAC_KEYS", " , ", "is not set"),
        ("AUDIT_FORMER_PUBLIC_KEYS", "not a key", "is not a list of public keys"),
        ("ALLOWED_HOSTS", "*", "accepts every host"),
        ("ALLOWED_HOSTS", "localhost", "names this machine only"),
        ("ALLOWED_HOSTS", "portal.example.com, *", "accepts every host"),
        ("ALLOWED_HOSTS", " , ", "is not set"),
        ("CDP_CLIENT_KEY", " ", "is not set"),
        pytest.param(
            "ENCRYPTION_KEYS",
            f"{PRACTICE_VALUES['ENCRYPTION_KEYS']},{COMPLETE['ENCRYPTION_KEYS']}",
            "practice value",
            id="practice key beside others",  # all test processes need the same name
        ),
        ("DIGEST_KEYS", PRACTICE_VALUES["SECRET_KEY"], "practice value"),
        ("CDP_BASE_URL", "https://evil.example", "cannot be used"),
        ("CDP_BASE_URL", "https://api-engage-eu.sitecorecloud.io/v2.1", "cannot be used"),
        ("CDP_BASE_URL", "http://127.0.0.1:8031/", "is a practice value, which is published"),
        ("CDP_BASE_URL", "http://localhost:8031", "is a practice value, which is published"),
        ("CDP_BASE_URL", "http://localhost:8040", "CDP_EXTRA_HOSTS does not name its host"),
        ("CDP_TOTAL_TIMEOUT", "-1", "are not all positive"),
        ("CDP_IN_FLIGHT", "0", "CDP_IN_FLIGHT (0) is not at least 1 and at least 20 below WEB_THREADS (64)"),
        ("CDP_IN_FLIGHT", "45", "at least 20 below WEB_THREADS (64)"),
        ("WEB_THREADS", "20", "CDP_IN_FLIGHT (0) is not at least 1"),
        ("PORTAL_MODE", "staging", "is neither practice nor production"),
        ("TRUSTED_PROXIES", "10.0.0.0/8,my-proxy", "TRUSTED_PROXIES contains a value that is not an address"),
        ("TLS_AT_PROXY", "True", "TLS_AT_PROXY is on, but TRUSTED_PROXIES does not name the proxy"),
        ("TLS_AT_PROXY", "enabled", "TLS_AT_PROXY is not True or False"),
        ("TIME_ZONE", "Europe/Berln", "TIME_ZONE is not a time zone such as Europe/Dublin"),
        ("TIME_ZONE", "Europe", "TIME_ZONE is not a time zone"),
        ("TIME_ZONE", "../zone", "TIME_ZONE is not a time zone"),
        ("EXTRA_COUNTRIES", "Kosovo", "EXTRA_COUNTRIES contains a value that is not a pair"),
        ("DATABASE_URL", "", "DATABASE_URL is not the address of a SQLite or PostgreSQL database"),
        ("DATABASE_URL", "sqlite://", "DATABASE_URL is SQLite in memory"),
        ("DATABASE_URL", "sqlite:///", "DATABASE_URL is SQLite in memory"),
        ("DATABASE_URL", "sqlite:///?timeout=5", "DATABASE_URL is SQLite in memory"),
        ("DATABASE_URL", "sqlite://portal.sqlite3", "DATABASE_URL is SQLite in memory"),
        ("DATABASE_URL", "sqlite://:memory:", "DATABASE_URL is SQLite in memory"),
        ("DATABASE_URL", "sqlite:///%3Amemory%3A", "DATABASE_URL is SQLite in memory"),
        ("BATCH_MAX_ROWS", "1001", "BATCH_MAX_ROWS (1001) exceeds 1000"),
        ("WEB_BODY_SECONDS", "0", "WEB_BODY_SECONDS (0) is not at least 1"),
        ("SESSION_IDLE_SECONDS", "soon", "SESSION_IDLE_SECONDS is not a whole number"),
        (
            "PORTAL_BIND",
            "unix:/run/portal.sock",
            "PORTAL_BIND is a Unix socket, but TRUSTED_PROXIES does not",
        ),
        ("CDP_RECONCILIATION_AFTER", "2,inf", "CDP_RECONCILIATION_AFTER contains a value outside"),
        ("WORKER_SILENT_SECONDS", "0", "WORKER_SILENT_SECONDS (0) is not at least 1"),
        ("DRAFT_DAYS", "-1", "DRAFT_DAYS (-1) is not between 0 and 365"),
        ("DRAFT_DAYS", "366", "DRAFT_DAYS (366) is not between 0 and 365"),
        ("CDP_RECONCILIATION_AFTER", "0", "CDP_RECONCILIATION_AFTER contains a value outside"),
        ("PORTAL_URL", "http://portal.example.com", "PORTAL_URL is no address with https"),
        ("PORTAL_URL", "portal.example.com", "PORTAL_URL is no address with https"),
        ("PORTAL_URL", "https://[portal", "PORTAL_URL is no address with https"),
        ("PORTAL_URL", "https://portal:x", "PORTAL_URL is no address with https"),
        ("PORTAL_URL", "https://portal:99999", "PORTAL_URL is no address with https"),
        ("PORTAL_URL", "https://portal.example.com /", "PORTAL_URL is no address with https"),
        ("CSRF_TRUSTED_ORIGINS", "https://[portal", "CSRF_TRUSTED_ORIGINS contains a value that is not"),
        ("CSRF_TRUSTED_ORIGINS", "portal.example.com", "CSRF_TRUSTED_ORIGINS contains a value that is not"),
        (
            "CSRF_TRUSTED_ORIGINS",
            "https://a.example.com/",
            "CSRF_TRUSTED_ORIGINS contains a value that is not",
        ),
        ("CSRF_TRUSTED_ORIGINS", "https://a@b.ie", "CSRF_TRUSTED_ORIGINS contains a value that is not"),
        ("CSRF_TRUSTED_ORIGINS", "//a.example.com", "CSRF_TRUSTED_ORIGINS contains a value that is not"),
        ("PORTAL_URL", "https://example.com/portal", "PORTAL_URL contains more than scheme, host and port"),
        ("PORTAL_URL", "https://a@example.com", "PORTAL_URL contains more than scheme, host and port"),
        ("NOTICE_HOOK_URL", "http://hooks.example.com/", "NOTICE_HOOK_URL must use https"),
        ("NOTICE_HOOK_URL", "https://hooks.example.com/not a key", "is not an address"),
        ("NOTICE_HOOK_URL", "https://hooks.example.com/", "NOTICE_HOOK_SECRETS is not"),
        ("NOTICE_HOOK_SECRETS", "not a key", "is not a list of secrets"),
        ("NOTICE_MAIL_TO", "operations", "NOTICE_MAIL_TO is not one address"),
        ("NOTICE_MAIL_TO", "a@example.com,b@example.com", "NOTICE_MAIL_TO is not one address"),
        ("SMTP_SECURITY", "ssl", "SMTP_SECURITY is none of starttls, tls, none"),
        ("NOTICE_UNKNOWN_AFTER_MINUTES", "0", "NOTICE_UNKNOWN_AFTER_MINUTES (0) is not at least 1"),
    ],
)
def test_unsafe_value_is_named_and_never_shown(name: str, value: str, problem: str) -> None:
    refusal = _refusal(**{**COMPLETE, name: value})
    assert name in refusal
    assert problem in refusal
    assert "not a key" not in refusal


def test_mail_leaves_this_machine_over_tls_only() -> None:
    mail = {
        "NOTICE_MAIL_TO": "a@example.com",
        "NOTICE_MAIL_FROM": "portal@example.com",
        "SMTP_HOST": "mail.example.com",
        "SMTP_PASSWORD": "$ecret",
    }
    assert _refusal(**COMPLETE, **mail) == ""
    assert "NOTICE_MAIL_FROM is not one address" in _refusal(**COMPLETE, **{**mail, "NOTICE_MAIL_FROM": ""})
    assert "SMTP_SECURITY is none, but SMTP_HOST is not this machine" in _refusal(
        **COMPLETE, **mail, SMTP_SECURITY="none"
    )
    assert _refusal(**COMPLETE, **{**mail, "SMTP_HOST": "localhost"}, SMTP_SECURITY="none") == ""


def test_practice_sends_no_notice_to_another_machine() -> None:
    refusal = _refusal(
        PORTAL_MODE="practice",
        NOTICE_MAIL_TO="a@example.com",
        NOTICE_MAIL_FROM="portal@example.com",
        SMTP_HOST="mail.example.com",
        NOTICE_HOOK_URL="https://hooks.example.com/",
        NOTICE_HOOK_SECRETS="short",
    )
    assert "SMTP_HOST leaves this machine" in refusal
    assert "NOTICE_HOOK_URL leaves this machine" in refusal
    assert "NOTICE_HOOK_SECRETS is not a list of secrets" in refusal


@pytest.mark.parametrize("value", ["-1", "0"])
def test_every_whole_number_below_one_is_refused(value: str) -> None:
    source = (ROOT / "consumerportal/settings.py").read_text()
    names = re.findall(r"""env\.(?:int|positive)\(\s*"([A-Z_]+)\"""", source)
    assert {
        "SEARCHES_PER_HOUR",
        "EXPORTS_PER_HOUR",
        "LISTS_PER_HOUR",
        "DENIALS_PER_HOUR",
        "CDP_IN_FLIGHT",
    } <= {*names}
    postgresql = {"DATABASE_URL": "postgresql://portal@db.example.com/portal"}  # has a setting of its own
    refusal = _refusal(**{**COMPLETE, **postgresql, **dict.fromkeys(names, value)})
    assert [name for name in names if f"{name} ({value}) is not at least 1" not in refusal] == []


def test_complete_settings_pass_the_deployment_check(database: str) -> None:
    answer = _manage("check", "--deploy", "--fail-level", "WARNING", **COMPLETE, DATABASE_URL=database)
    assert answer.returncode == 0, answer.stderr
    assert "no issues" in answer.stdout


@pytest.mark.parametrize(
    "valid",
    [
        {
            "TLS_AT_PROXY": "True",
            "TRUSTED_PROXIES": "10.0.0.0/8",
            # as few threads as possible
            "WEB_THREADS": "22",
            "CDP_IN_FLIGHT": "2",
        },
        {
            "TLS_AT_PROXY": "True",
            "TRUSTED_PROXIES": "unix",
            "PORTAL_BIND": "unix:/run/portal.sock",
            # a secret may begin with a dollar sign
            "CDP_API_TOKEN": "$a-token",
            "SECRET_KEY": "$" + COMPLETE["SECRET_KEY"],
            # a health check at the machine itself
            "ALLOWED_HOSTS": "portal.example.com,127.0.0.1",
            # an address of IPv6 with a port, and all hosts of a domain
            "PORTAL_URL": "https://[2001:db8::1]:8443/",
            "CSRF_TRUSTED_ORIGINS": "https://*.example.com,https://portal.example.org:8443",
        },
    ],
    ids=["proxy with an address, few threads", "proxy at a Unix socket, unusual secrets and addresses"],
)
def test_unusual_settings_are_accepted(valid: dict[str, str]) -> None:
    assert _refusal(**{**COMPLETE, **valid}) == ""


@pytest.mark.parametrize(
    ("hosts", "address"),
    [
        ("portal.example.com,127.0.0.1", "https://portal.example.com"),
        ("127.0.0.1,[::1],LocalHost,portal.example.com", "https://portal.example.com"),
        ("localhost,.example.com,portal.example.org", "https://example.com"),
    ],
)
def test_links_begin_with_the_first_allowed_host_that_is_not_this_machine(hosts: str, address: str) -> None:
    """In whichever order the portal's name and the addresses for a health check are."""
    assert _settings(**{**COMPLETE, "ALLOWED_HOSTS": hosts})["PORTAL_URL"] == address


def test_relative_path_begins_at_the_portals_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In whichever directory a process is started."""
    shown = dict(
        re.findall(r"(?m)^# ([A-Z_]+)=(?:sqlite:///)?(var/.+)$", (ROOT / ".env.example").read_text())
    )
    assert {*shown} == {"DATABASE_URL", "SPOOL_DIR", "AUDIT_CHECKPOINT_FILE", "STATIC_ROOT"}
    shown |= dict.fromkeys(
        ("CDP_CA_FILE", "SMTP_CA_FILE", "NOTICE_HOOK_CA_FILE", "EXPORT_DIR"), "var/another"
    )
    database = shown.pop("DATABASE_URL")
    monkeypatch.chdir(tmp_path)
    relative = _settings(**COMPLETE, **shown, DATABASE_URL=f"sqlite:///{database}")
    assert relative["DATABASES"]["default"]["NAME"] == str(ROOT / database)
    assert {name: str(relative[name]) for name in shown} == {
        name: str(ROOT / path) for name, path in shown.items()
    }
    absolute = _settings(
        **COMPLETE, DATABASE_URL=f"sqlite:///{tmp_path}/a.sqlite3", SPOOL_DIR=f"{tmp_path}/spool"
    )
    assert absolute["DATABASES"]["default"]["NAME"] == f"{tmp_path}/a.sqlite3"
    assert absolute["SPOOL_DIR"] == tmp_path / "spool"
    assert absolute["EXPORT_DIR"] == absolute["CDP_CA_FILE"] == ""
    unset = _settings(**COMPLETE)
    for nothing in ("", " "):
        empty = _settings(**COMPLETE, **dict.fromkeys(shown, nothing))
        assert {name: empty[name] for name in shown} == {name: unset[name] for name in shown}


def _database_name(address: str, **environment: str) -> str:
    name: str = _settings(**environment, DATABASE_URL=address)["DATABASES"]["default"]["NAME"]
    return name


def test_database_in_memory_is_for_practice_only() -> None:
    assert _database_name("sqlite://", PORTAL_MODE="practice") == ":memory:"
    # SQLite's own addresses (file:…) are not read as such: these name files in the portal's folder.
    assert _database_name("sqlite:///file::memory:", **COMPLETE) == str(ROOT / "file::memory:")
    assert _database_name("sqlite:///file:a?mode=memory", **COMPLETE) == str(ROOT / "file:a")


@pytest.mark.parametrize(
    "folder", [".", "..", "static/..", "var", "{}", "{}/data", "{}/spool", "{}/evidence"]
)
def test_folder_of_the_static_files_contains_nothing_private(folder: str, tmp_path: Path) -> None:
    """Its files are served to everybody: .env and the database must not be among them."""
    elsewhere = {
        "DATABASE_URL": f"sqlite:///{tmp_path}/data/portal.sqlite3",
        "SPOOL_DIR": f"{tmp_path}/spool",
        "AUDIT_CHECKPOINT_FILE": f"{tmp_path}/evidence/checkpoints.jsonl",
    }
    chosen = folder.format(tmp_path)
    refusal = _refusal(**COMPLETE, **elsewhere, STATIC_ROOT=chosen)
    assert "STATIC_ROOT contains the portal's folder, var, the database, the spool or the file of" in refusal
    assert _refusal(**COMPLETE, **elsewhere, STATIC_ROOT=f"{chosen}/static") == ""


def test_files_created_by_the_portal_are_private_to_its_user(tmp_path: Path) -> None:
    folder = tmp_path / "var"
    environment = {"PORTAL_MODE": "practice", "DATABASE_URL": f"sqlite:///{folder / 'portal.sqlite3'}"}
    environment |= {"DJANGO_SETTINGS_MODULE": "consumerportal.settings", "LOG_LEVEL": "WARNING"}
    shown = (
        "import os; os.umask(0o022); import consumerportal.wsgi; from pathlib import Path;"
        "from django.db import connection; connection.cursor().execute('CREATE TABLE a (b)');"
        f"Path({str(folder / 'export')!r}).write_text('x');"
        f"print({{p.name: oct(p.stat().st_mode & 0o777) for p in Path({str(folder)!r}).iterdir()}})"
    )
    answer = _run("-c", shown, **environment)
    assert answer.returncode == 0, answer.stderr
    modes = ast.literal_eval(answer.stdout.strip().splitlines()[-1])
    assert {"portal.sqlite3", "portal.sqlite3-wal", "portal.sqlite3-shm", "export"} == modes.keys()
    assert {*modes.values()} == {"0o600"}
    assert folder.stat().st_mode & 0o777 == 0o700


def test_practice_mode_listens_only_on_loopback() -> None:
    refusal = _refusal(PORTAL_MODE="practice", CDP_BASE_URL=COMPLETE["CDP_BASE_URL"])
    assert "CDP_BASE_URL leaves this machine" in refusal


@pytest.mark.parametrize(
    ("seconds", "problem"),
    [
        ("30", "WEB_GRACEFUL_SECONDS (30) does not exceed CDP_TOTAL_TIMEOUT (30) by 10 seconds"),
        ("soon", "WEB_GRACEFUL_SECONDS is not a whole number"),
    ],
)
def test_web_server_does_not_start_with_an_unusable_time_to_stop(
    database: str, seconds: str, problem: str
) -> None:
    """A create could be cut short. The message is the ordinary one, and the whole answer."""
    check = ("-m", "gunicorn", "--check-config", "consumerportal.wsgi")
    limits = {"CDP_TOTAL_TIMEOUT": "30", "WEB_GRACEFUL_SECONDS": seconds}
    bad = _run(*check, **COMPLETE, DATABASE_URL=database, **limits)
    assert bad.returncode != 0
    first, second, *_ = bad.stderr.splitlines()
    assert first == "The portal does not start in production mode:"
    assert problem in second
    assert "Traceback" not in bad.stderr


def test_web_server_does_not_start_if_a_system_check_fails(database: str) -> None:
    check = ("-m", "gunicorn", "--check-config", "consumerportal.wsgi")
    bad = _run(*check, **COMPLETE, DATABASE_URL=database, DATE_ORDER="month_day")
    assert bad.returncode != 0
    assert "DATE_ORDER is neither day-month nor month-day" in bad.stderr
    assert "Traceback" not in bad.stderr


@pytest.mark.parametrize(("environment", "reads"), [({"PORTAL_MODE": "practice"}, 0), (COMPLETE, 1)])
def test_practice_reads_no_production_file(environment: dict[str, str], reads: int) -> None:
    with mock.patch.object(Environment, "read_env") as read:
        assert _refusal(**environment) == ""
    assert read.call_count == reads


def test_practice_mode_in_a_production_file_is_refused() -> None:
    """Otherwise practice would work with the database and the keys of that file."""
    file = {**COMPLETE, "PORTAL_MODE": "practice", "CDP_BASE_URL": PRACTICE_VALUES["CDP_BASE_URL"]}
    with mock.patch.object(Environment, "read_env", side_effect=lambda _: os.environ.update(file)):
        assert "PORTAL_MODE=practice is set in .env and not in the environment" in _refusal()


def test_practice_processes_read_no_production_file() -> None:
    recipe = (ROOT / "Makefile").read_text()
    assert "honcho --env /dev/null start" in recipe  # honcho would let .env override the environment


@pytest.mark.django_db
@pytest.mark.once
def test_production_does_not_start_with_practice_users(settings: Settings) -> None:
    call_command("create_practice_people", stdout=StringIO())
    settings.PRACTICE_MODE = False
    with pytest.raises(ImproperlyConfigured, match="practice passwords"):
        record_start()
