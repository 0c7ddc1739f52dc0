"""What every test stands on: practice mode, a closed network, people with a role, a sandbox."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

# Before Django reads them: the suite is practice, whatever the shell says.
os.environ["PORTAL_MODE"] = "practice"

from django.db.backends.base.operations import BaseDatabaseOperations
from django.test import Client
from pytest_django import Settings
from requests.adapters import DEFAULT_CA_BUNDLE_PATH

from apps.accounts.models import User
from apps.cdp import transport
from apps.core import clock
from sandbox.server.sandbox_server import SandboxServer
from tests.support.audit_flush import flushes_lift_the_triggers
from tests.support.people import make_person
from tests.support.quick_flush import flushes_are_quick

Path("var/static").mkdir(parents=True, exist_ok=True)  # WhiteNoise warns where nothing was collected yet


@pytest.fixture(scope="session", autouse=True)
def _closed_network() -> Iterator[None]:
    """No test reaches anything but this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1"):
            raise OSError(f"The suite reaches for {address[0]}")
        connect(self, address)

    patch = pytest.MonkeyPatch()
    patch.setattr(socket.socket, "connect", guarded)
    yield
    patch.undo()


@pytest.fixture(scope="session", autouse=True)
def _one_authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Of the authorities that every client trusts, the first: to read all of them takes a client 40 ms."""
    first, end, _rest = Path(DEFAULT_CA_BUNDLE_PATH).read_text().partition("-----END CERTIFICATE-----")
    bundle = tmp_path_factory.mktemp("authority") / "bundle.pem"
    bundle.write_text(first + end + "\n")
    patch = pytest.MonkeyPatch()
    patch.setattr(transport, "DEFAULT_CA_BUNDLE_PATH", str(bundle))
    yield
    patch.undo()


@pytest.fixture(scope="session", autouse=True)
def _flushes(_flushed_cache: None) -> Iterator[None]:
    with flushes_lift_the_triggers(), flushes_are_quick():
        yield


@pytest.fixture(scope="session", autouse=True)
def _flushed_cache() -> Iterator[None]:
    """What is emptied after a transactional test is emptied of the cache's rows too.

    They are in a table of no model, which Django's flush leaves alone: counters of the sign-in would go on.
    """
    from django.core.cache import cache

    flush = BaseDatabaseOperations.execute_sql_flush

    def flush_with_cache(operations: BaseDatabaseOperations, sql_list: Sequence[str]) -> None:
        flush(operations, sql_list)
        cache.clear()

    with mock.patch.object(BaseDatabaseOperations, "execute_sql_flush", flush_with_cache):
        yield


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """SQLite in a file, with the locks and the journal of the real one; in memory there are neither.

    A database of its own for each process that runs tests: on PostgreSQL by its name.
    """
    from django.conf import settings

    database = settings.DATABASES["default"]
    if database["ENGINE"] == "django.db.backends.sqlite3":
        database.setdefault("TEST", {})["NAME"] = str(tmp_path_factory.mktemp("db") / "test.sqlite3")


@pytest.fixture(autouse=True)
def _quick_and_plain(settings: Settings, tmp_path: Path) -> None:
    """Quick password hashes, static files that nobody has to collect, and no vendor but a test's own."""
    settings.CDP_BASE_URL = "http://127.0.0.1:9"  # nobody listens there
    settings.CDP_RECONCILIATION = False  # as in a new production; what looks do is turned on where it is told
    settings.STATIC_ROOT = tmp_path / "static"  # var/static changes while another test prepares a portal
    settings.STATIC_ROOT.mkdir()
    settings.SPOOL_DIR = tmp_path / "spool"
    settings.AUDIT_CHECKPOINT_FILE = tmp_path / "checkpoints.jsonl"
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


@pytest.fixture(autouse=True)
def _clock_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time by the clock that a test can set, on PostgreSQL too. Tests of the clock measure themselves."""
    monkeypatch.setattr(clock, "measure_if_due", lambda database: False)
    monkeypatch.setattr(clock, "_last", None)  # of the making of the test's database


@pytest.fixture(autouse=True)
def _no_export_is_left() -> Iterator[None]:
    """What a test leaves running keeps its connection, and a later test meets the lock of it."""
    yield
    end = time.monotonic() + 10
    while left := [one.name for one in threading.enumerate() if one.name.startswith("export-")]:
        assert time.monotonic() < end, left
        time.sleep(0.01)


@pytest.fixture
def sandbox(tmp_path: Path, settings: Settings) -> Iterator[SandboxServer]:
    """A sandbox of this test alone, to which the portal's client is pointed."""
    with SandboxServer(data=tmp_path / "sandbox.sqlite3") as server:
        settings.CDP_BASE_URL = server.base_url
        yield server


@pytest.fixture
def staff(db: None) -> User:
    return make_person("sam", "staff")


@pytest.fixture
def supervisor(db: None) -> User:
    return make_person("sue", "supervisor")


@pytest.fixture
def administrator(db: None) -> User:
    return make_person("ada", "administrator")


@pytest.fixture
def as_staff(staff: User) -> Client:
    return _signed_in(staff)


@pytest.fixture
def as_supervisor(supervisor: User) -> Client:
    return _signed_in(supervisor)


@pytest.fixture
def as_administrator(administrator: User) -> Client:
    return _signed_in(administrator)


def _signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client
