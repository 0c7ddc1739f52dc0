"""Fixtures for every test: practice mode, a closed network, people with roles, a sandbox."""

from __future__ import annotations

import errno
import gc
import itertools
import os
import shutil
import socket
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import hypothesis
import pytest

# Set before Django reads it: the suite always runs in practice mode.
os.environ["PORTAL_MODE"] = "practice"

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.operations import BaseDatabaseOperations
from django.test import Client
from pytest_django import Settings
from requests.adapters import DEFAULT_CA_BUNDLE_PATH

from apps.accounts.models import User
from apps.cdp import transport
from apps.consumers import connection_health
from apps.core import clock, connections, keys_in_use
from sandbox.application import Sandbox
from sandbox.options import Options
from sandbox.server.sandbox_server import SandboxServer
from tests.support.audit_flush import flushes_lift_the_triggers
from tests.support.people import make_person
from tests.support.postgresql import PROCESSES_ONCE
from tests.support.quick_flush import flushes_are_quick
from tests.support.statements import repeats_sql
from tests.support.waiting import wait_for

# No limit of time for an example, as in Hypothesis' own profile for CI: a slow machine is no defect.
hypothesis.settings.register_profile(
    "untimed",
    hypothesis.settings.default,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("untimed")

USES_THE_DATABASE = frozenset({"db", "transactional_db", "live_server", "django_db_setup"})

USUAL_GC_THRESHOLDS = gc.get_threshold()

_numbers = itertools.count(1)

Path("var/static").mkdir(parents=True, exist_ok=True)  # WhiteNoise warns if the folder does not exist


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Search for no garbage in cycles meanwhile: it is a tenth of the time, and nearly everything stays."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On PostgreSQL, run only the tests whose result depends on the kind of database.

    In ``make test``, if there are both databases, each test of processes runs on the one that its mark names,
    and those marked ``sql("repeated")`` on SQLite: others send the same statements to PostgreSQL.
    """
    from django.conf import settings

    sqlite = settings.DATABASES["default"]["ENGINE"] == "apps.core.sqlite"
    database = "sqlite" if sqlite else "postgresql"

    def runs_here(item: pytest.Item) -> bool:
        processes = item.get_closest_marker("processes")
        if processes is not None and processes.args not in (("sqlite",), ("postgresql",)):
            raise pytest.UsageError(f"{item.nodeid}: processes needs the name of one database")
        if processes is not None and os.environ.get(PROCESSES_ONCE):
            return bool(processes.args == (database,))
        if not sqlite and os.environ.get(PROCESSES_ONCE) and repeats_sql(item):
            return False
        return sqlite or _depends_on_the_database(item)

    left_out = [item for item in items if not runs_here(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if runs_here(item)]


def pytest_collection_finish() -> None:
    """Search for garbage in cycles less often, and not in what was imported and collected.

    Otherwise a run spends a tenth of its processor time on it.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(8_000, 20, 20)


def _depends_on_the_database(item: pytest.Item) -> bool:
    if item.get_closest_marker("once") is not None:
        return False
    uses = USES_THE_DATABASE.intersection(getattr(item, "fixturenames", ()))
    return bool(uses) or any(
        item.get_closest_marker(name) for name in ("django_db", "postgresql", "processes")
    )


@pytest.fixture(scope="session", autouse=True)
def _closed_network() -> Iterator[None]:
    """Allow connections to this machine only."""
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
    """Trust only the first authority of the bundle: reading all of them takes each client 40 ms."""
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
    """Clear the cache whenever a transactional test flushes the database.

    Its table belongs to no model, so Django's flush skips it and sign-in counters would survive.
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
    """Use a SQLite file, with the same locks and journal as in production; in memory there are neither.

    Each test process has its own database: on PostgreSQL by its name.
    """
    from django.conf import settings

    database = settings.DATABASES["default"]
    if database["ENGINE"] == "apps.core.sqlite":
        database.setdefault("TEST", {})["NAME"] = str(tmp_path_factory.mktemp("db") / "test.sqlite3")


@pytest.fixture(scope="session")
def _files_of_tests(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the paths in settings. Making ``tmp_path`` would take longer than many tests."""
    folder = tmp_path_factory.mktemp("settings")
    (folder / "static").mkdir()
    return folder


@pytest.fixture(autouse=True)
def _quick_and_plain(settings: Settings, _files_of_tests: Path) -> None:
    """Quick password hashes, uncollected static files, and no vendor unless the test starts one."""
    settings.CDP_BASE_URL = "http://127.0.0.1:9"  # nothing listens there
    settings.CDP_RECONCILIATION = False  # as in a new production; tests of reconciliation turn it on
    settings.STATIC_ROOT = _files_of_tests / "static"  # another test may change var/static meanwhile
    own = _files_of_tests / str(next(_numbers))
    own.mkdir()
    settings.SPOOL_DIR = own / "spool"
    settings.AUDIT_CHECKPOINT_FILE = own / "checkpoints.jsonl"
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


@pytest.fixture(scope="session", autouse=True)
def _clock_of_this_process() -> Iterator[None]:
    """Use the process clock, which a test can set, on PostgreSQL too; from before the database is created.

    Otherwise the first connection would store a row about this machine.
    """
    with mock.patch.object(clock, "measure_if_due", return_value=False):
        yield


@pytest.fixture(scope="session", autouse=True)
def _keys_of_the_settings() -> Iterator[None]:
    """Do not read the keys in use by time: a test would send a query more or fewer. The first key writes.

    A test of key rotation calls ``keys_in_use.refresh`` itself.
    """
    with mock.patch.object(keys_in_use, "_is_due", return_value=False):
        yield


@pytest.fixture(autouse=True)
def _keys_in_use_forgotten() -> Iterator[None]:
    yield
    keys_in_use.forget()


@pytest.fixture(autouse=True)
def _vendors_answer_forgotten() -> Iterator[None]:
    """Forget an answer of the vendor that was not written yet: a later test would write it."""
    yield
    connection_health._latest.received = None


@pytest.fixture(autouse=True)
def _transaction_of_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the portal treat the transaction around a test as no transaction.

    Its rules about transactions apply as in production: a call to the vendor inside one is refused, an event
    outside one is refused. Only closing the connection, which would end the transaction of the test, does
    nothing. A test of commits, threads or lost connections uses ``django_db(transaction=True)``.
    """
    release = connections._release

    def in_transaction(connection: BaseDatabaseWrapper) -> bool:
        blocks: list[Any] = connection.atomic_blocks  # Django's types do not know the attribute
        return any(not block._from_testcase for block in blocks)

    def release_outside(connection: BaseDatabaseWrapper) -> None:
        if not connection.in_atomic_block:
            release(connection)

    monkeypatch.setattr(connections, "in_transaction", in_transaction)
    monkeypatch.setattr(connections, "_release", release_outside)


@pytest.fixture(autouse=True)
def _no_export_is_left() -> Iterator[None]:
    """Wait for the end of the test's exports: a running one would lock the database of a later test."""

    def running() -> list[str]:
        return [thread.name for thread in threading.enumerate() if thread.name.startswith("export-")]

    yield
    assert wait_for(lambda: not running(), 10), running()


@pytest.fixture
def usual_gc() -> Iterator[None]:
    """Search for garbage in cycles as often as in production, for a test that measures memory."""
    quick = gc.get_threshold()
    gc.set_threshold(*USUAL_GC_THRESHOLDS)
    yield
    gc.set_threshold(*quick)


@pytest.fixture
def unreachable_spool(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A spool below a folder that this process may not open. The suite may run as root, who may open any."""
    closed = f"{settings.SPOOL_DIR.parent / 'closed'}{os.sep}"
    settings.SPOOL_DIR = Path(closed, "spool")

    def refusing(call: Callable[..., Any]) -> Callable[..., Any]:
        def refuse(path: Any, *args: Any, **named: Any) -> Any:
            if isinstance(path, str | Path) and str(path).startswith(closed):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            return call(path, *args, **named)

        return refuse

    for name in ("stat", "scandir", "mkdir"):  # what pathlib uses
        monkeypatch.setattr(os, name, refusing(getattr(os, name)))


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A seeded data file of the sandbox, to be copied: seeding takes longer than many tests."""
    file = tmp_path_factory.mktemp("seeded") / "sandbox.sqlite3"
    Sandbox(Options(data=file)).close()
    return file


@pytest.fixture
def sandbox(tmp_path: Path, seeded: Path, settings: Settings) -> Iterator[SandboxServer]:
    """A sandbox for this test; the portal's client is configured to use it."""
    data = Path(shutil.copy(seeded, tmp_path / "sandbox.sqlite3"))
    with SandboxServer(data=data) as server:
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
