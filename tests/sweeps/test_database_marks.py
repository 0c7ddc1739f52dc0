"""Tests that PostgreSQL may judge differently say where they run."""

from __future__ import annotations

import ast
import re

from tests.support.source import ROOT, tree_of

_MODULES = r"(deployed|prepared|supervised_processes)\w*"
STARTS_PROCESSES = re.compile(rf"from tests\.support(\.{_MODULES} import| import .*\b{_MODULES})")
MARK = re.compile(r"mark\.(processes|postgresql|once)\b")
MODULE_MARK = re.compile(r"""sql\(\s*["']repeated""")
ALL_TRANSACTIONS = "transaction=True"
OWN_MARK = re.compile(r"mark\.(sql|once)\b")
MORE_THAN_STATEMENTS = re.compile(
    rf"{ALL_TRANSACTIONS}|postgresql|Thread|Barrier|select_for_update|lift_triggers"
    r"|\b(Database|Operational|Integrity)Error|\.cursor\(\)|\bleases\.|connection\.vendor|wraps="
)


def test_every_module_that_starts_processes_has_a_mark() -> None:
    """On PostgreSQL a test without a database of its own is left out (``tests/conftest.py``)."""
    modules = {path: path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")}
    starting = {path: text for path, text in modules.items() if STARTS_PROCESSES.search(text)}
    assert len(starting) > 5
    unmarked = {path.relative_to(ROOT).as_posix() for path, text in starting.items() if not MARK.search(text)}
    assert {path for path in unmarked if not path.startswith("tests/e2e/")} == set()


def _functions(tree: ast.Module) -> dict[str, ast.FunctionDef]:
    return {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def _names(node: ast.AST) -> set[str]:
    """What a function uses, its fixtures included."""
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)} | {
        one.arg for one in ast.walk(node) if isinstance(one, ast.arg)
    }


def _replaces(node: ast.FunctionDef, functions: set[str]) -> bool:
    """Whether one of these functions is put in the place of another: it fails, or acts before or after it."""
    calls = [one for one in ast.walk(node) if isinstance(one, ast.Call) and len(one.args) > 1]
    return any(
        isinstance(call.func, ast.Attribute)
        and call.func.attr in ("setattr", "object")
        and isinstance(call.args[-1], ast.Name)
        and call.args[-1].id in functions
        for call in calls
    )


def _marks_of_all(tree: ast.Module) -> str:
    assigned = [ast.unparse(one) for one in tree.body if isinstance(one, ast.Assign)]
    return " ".join(one for one in assigned if one.startswith("pytestmark"))


def _decorators(node: ast.FunctionDef) -> str:
    return " ".join(map(ast.unparse, node.decorator_list))


def _undecided(tree: ast.Module) -> list[str]:
    """The tests of a marked module without a mark of their own whose subject can be more than statements."""
    functions = _functions(tree)
    more = {
        name
        for name, node in functions.items()
        if MORE_THAN_STATEMENTS.search(ast.unparse(node)) or _replaces(node, {*functions})
    }
    names = {name: _names(node) for name, node in functions.items()}
    while using := {name for name in functions if name not in more and names[name] & more}:
        more |= using
    if any("autouse=True" in _decorators(functions[name]) for name in more):
        more = {*functions}
    return [
        name
        for name, node in functions.items()
        if name.startswith("test_") and name in more and not OWN_MARK.search(_decorators(node))
    ]


def test_transactions_threads_locks_and_faults_are_not_repetitions_because_of_their_module() -> None:
    """The subject of such a test is more than its statements: in a marked module it has its own mark.

    Likewise a test that replaces a function by one of its own (a lambda stands for a value), and what uses a
    function or fixture of its module that does one of these. A module whose tests all have transactions of
    their own has no such mark. Races that other modules make, and writes one after the other, are not found.
    """
    undecided, modules = [], 0
    for path in (ROOT / "tests").rglob("test_*.py"):
        if not MODULE_MARK.search(path.read_text(encoding="utf-8")):
            continue
        tree = tree_of(path)
        marks = _marks_of_all(tree)
        if MODULE_MARK.search(marks):
            modules += 1
            undecided += [f"{path.name}::{name}" for name in _undecided(tree)]
            if re.search(rf"django_db\({ALL_TRANSACTIONS}\)", marks):
                undecided.append(path.name)
    assert undecided == []
    assert modules > 20


SOURCE = """
@pytest.fixture
def broken():
    raise OperationalError
def at_once(work):
    ThreadPoolExecutor().map(work)
def by_another(work):
    at_once(work)
def test_plain(staff): ...
def test_fixture(broken): ...
def test_helper(): by_another(1)
@pytest.mark.sql("new")
def test_decided(): by_another(1)
def test_replaced(monkeypatch):
    def first(*_): ...
    monkeypatch.setattr(submitting, "_store", first)
def test_value(monkeypatch): monkeypatch.setattr(submitting, "MOST", 1)
"""


def test_each_kind_of_undecided_test_is_found() -> None:
    assert _undecided(ast.parse(SOURCE)) == ["test_fixture", "test_helper", "test_replaced"]
    for_all = SOURCE.replace("@pytest.fixture", "@pytest.fixture(autouse=True)")
    every = {name for name in _functions(ast.parse(SOURCE)) if name.startswith("test_")}
    assert {*_undecided(ast.parse(for_all))} == every - {"test_decided"}
