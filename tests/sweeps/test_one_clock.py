"""Nothing is decided or stored by the clock of a machine: ``core/clock.py`` alone reads it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.source import ROOT, modules, relative, tree_of

MAY_READ = {
    "apps/core/clock.py",
    "apps/cdp/attempt.py",  # the default of a client without the portal, whose factory gives core.clock
}
# The last parts of a dotted name: a module may be imported under any name.
RAW = {
    ("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today"),
    ("timezone", "now"), ("time", "time"), ("time", "time_ns"), ("time", "localtime"), ("time", "gmtime"),
    ("time", "ctime"), ("functions", "Now"),
}  # fmt: skip
FROM_MODULES = {
    ("time", "time"), ("time", "time_ns"), ("time", "localtime"), ("time", "gmtime"), ("time", "ctime"),
    ("django.utils.timezone", "now"), ("django.db.models.functions", "Now"),
}  # fmt: skip
NOW_WITHOUT_ARGUMENT = {"localtime", "localdate"}  # of django.utils.timezone
BY_ITSELF = {"auto_now", "auto_now_add"}


def raw_clocks(tree: ast.AST) -> Iterator[str]:
    """The places where a module asks the clock of the machine, directly or through Django."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            parts = ast.unparse(node).split(".")
            if tuple(parts[-2:]) in RAW:
                yield f"line {node.lineno}: {'.'.join(parts)}"
        elif isinstance(node, ast.ImportFrom):
            taken = [alias.name for alias in node.names if (node.module, alias.name) in FROM_MODULES]
            yield from (f"line {node.lineno}: {node.module}.{name}" for name in taken)
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func).split(".")[-1]
            if name in NOW_WITHOUT_ARGUMENT and not node.args:
                yield f"line {node.lineno}: {name}()"
            yield from (f"line {node.lineno}: {one.arg}" for one in node.keywords if one.arg in BY_ITSELF)


def _ours() -> list[Path]:
    found = [*modules(), *modules(ROOT / "consumerportal")]
    return [path for path in found if "sandbox" not in path.parts and relative(path) not in MAY_READ]


def test_no_module_reads_the_clock_of_the_machine() -> None:
    wrong = [f"{relative(path)}, {place}" for path in _ours() for place in raw_clocks(tree_of(path))]
    assert wrong == []


@pytest.mark.parametrize(
    "source",
    [
        "dt.datetime.now(dt.UTC)",
        "datetime.now(UTC)",
        "datetime.date.today()",
        "timezone.now()",
        "models.DateTimeField(default=timezone.now)",
        "models.DateTimeField(auto_now_add=True)",
        "timezone.localdate()",
        "time.time_ns() // 1000",
        "from time import time",
        "from django.utils.timezone import now",
    ],
)
def test_each_way_to_read_it_is_seen(source: str) -> None:
    assert list(raw_clocks(ast.parse(source)))


@pytest.mark.parametrize(
    "source", ["clock.now()", "time.monotonic()", "timezone.localtime(value)", "row.time"]
)
def test_other_times_are_none_of_it(source: str) -> None:
    assert not list(raw_clocks(ast.parse(source)))
