"""Which SQL statements the tests send to PostgreSQL, and which tests repeat only what others send.

A plugin of pytest (``-p tests.support.statements``) for ``make long-tests``, where the tests marked
``sql("repeated")`` run as well. A kind of statement is its text without values; an error of the database,
with its constraint, is one too. The run fails if only marked tests send a kind: one of them has to lose the
mark. It also lists functions that could be marked, slowest first, each without those before it.

Look at a test before you mark it: the same statement may have another result on PostgreSQL (an order of
texts, a lock, a time), and what threads and processes send at the same time may be its subject.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import psycopg
import pytest
from django.db.backends.utils import CursorWrapper

REPEATED = "repeated"
LISTED = 60  # functions that could be marked
SHOWN = 400  # characters of a statement
_KEY = "statements"

_WITHOUT_VALUES = (
    (re.compile(r"\s+"), " "),
    (re.compile(r"'(?:[^']|'')*'|%s|%\(\w+\)s|(?<![\w\"$])\d+(?:\.\d+)?\b"), "?"),
    (re.compile(r"\?(?:, \?)+"), "?"),
    (re.compile(r"\(\?\)(?:, \(\?\))+"), "(?)"),
    (re.compile(r"(?:WHEN \([^()]*(?:\([^()]*\)[^()]*)*\) THEN \S+ )+"), "WHEN "),
    (re.compile(r"SAVEPOINT \S+"), "SAVEPOINT"),
    (re.compile(r"_[0-9a-f]{8,}"), "_"),
)


@dataclass
class Sent:
    """What the tests of one function sent. ``seconds`` is for all of them."""

    marked: bool
    seconds: float = 0
    kinds: set[str] = field(default_factory=set)


_functions: dict[str, Sent] = {}
_now: set[str] = set()


def repeats_sql(item: pytest.Item) -> bool:
    """Whether the nearest mark ``sql`` of a test says so. Raises ``UsageError`` for an unknown word."""
    mark = item.get_closest_marker("sql")
    if mark is not None and mark.args not in (("repeated",), ("new",)):
        raise pytest.UsageError(f"{item.nodeid}: sql needs 'repeated' or 'new'")
    return mark is not None and mark.args == ("repeated",)


@cache
def kind_of(statement: str) -> str:
    """The statement without values, without the length of its lists and without generated names."""
    for pattern, replacement in _WITHOUT_VALUES:
        statement = pattern.sub(replacement, statement)
    return statement


def only_marked(functions: dict[str, Sent]) -> dict[str, str]:
    """The kinds that no unmarked function sends, each with a function that sends it."""
    kept = {kind for sent in functions.values() if not sent.marked for kind in sent.kinds}
    return {
        kind: name
        for name, sent in functions.items()
        if sent.marked
        for kind in sent.kinds
        if kind not in kept
    }


def could_be_marked(functions: dict[str, Sent]) -> list[str]:
    """Unmarked functions, slowest first: without all of them, the others still send every kind."""
    unmarked = {name: sent for name, sent in functions.items() if not sent.marked}
    senders = Counter(kind for sent in unmarked.values() for kind in sent.kinds)
    found: list[str] = []
    for name, sent in sorted(unmarked.items(), key=lambda item: -item[1].seconds):
        if all(senders[kind] > 1 for kind in sent.kinds):
            senders.subtract(sent.kinds)
            found.append(name)
    return found


def pytest_configure(config: pytest.Config) -> None:
    for of, names in ((CursorWrapper, ("_execute", "_executemany")), (psycopg.Cursor, ("copy", "stream"))):
        for name in names:
            setattr(of, name, _noting(getattr(of, name)))


def _noting(execute: Callable[..., Any]) -> Callable[..., Any]:
    def noted(self: object, statement: Any, *arguments: Any, **options: Any) -> Any:
        kind = kind_of(str(statement))
        _now.add(kind)
        try:
            return execute(self, statement, *arguments, **options)
        except Exception as error:
            constraint = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None)
            _now.add(f"{type(error).__name__} {constraint or kind}")
            raise

    return noted


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any]) -> Iterator[Any]:
    before = set(_now)
    result = yield
    if fixturedef.argname == "django_db_setup":  # the migrations are no statements of the first test
        _now.intersection_update(before)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    before = set(_now)
    result = yield
    _now.intersection_update(before)  # without the flush, and without the end of the database
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    _now.clear()
    began = time.monotonic()
    result = yield
    function = item.nodeid.partition("[")[0]
    marked = repeats_sql(item)
    # A parameter may have the mark, and others of the function not.
    sent = _functions.setdefault(f"{function} ({REPEATED})" if marked else function, Sent(marked))
    sent.seconds += time.monotonic() - began
    sent.kinds |= _now
    return result


def pytest_sessionfinish(session: pytest.Session) -> None:
    output = getattr(session.config, "workeroutput", None)
    if output is not None:  # in a process of pytest-xdist
        output[_KEY] = [
            (name, one.marked, one.seconds, sorted(one.kinds)) for name, one in _functions.items()
        ]
    elif only_marked(_functions) and not session.exitstatus:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    for name, marked, seconds, kinds in getattr(node, "workeroutput", {}).get(_KEY, []):
        sent = _functions.setdefault(name, Sent(marked))
        sent.seconds += seconds
        sent.kinds.update(kinds)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    kinds = {kind for sent in _functions.values() for kind in sent.kinds}
    missing = only_marked(_functions)
    could_be = could_be_marked(_functions)
    seconds = sum(_functions[name].seconds for name in could_be)
    terminalreporter.section("SQL statements")
    terminalreporter.line(f"{len(kinds)} kinds; only tests marked {REPEATED} send {len(missing)}")
    for kind, name in sorted(missing.items()):
        terminalreporter.line(f"  {name}: {kind[:SHOWN]}")
    terminalreporter.line(f"{len(could_be)} functions more add none ({seconds:.0f} s); the slowest:")
    for name in could_be[:LISTED]:
        terminalreporter.line(f"  {_functions[name].seconds:6.1f} s  {name}")
