"""Tests that PostgreSQL may judge differently say where they run."""

from __future__ import annotations

import ast
import re

from tests.support.source import ROOT, tree_of

_MODULES = r"(deployed|prepared|supervised_processes)\w*"
STARTS_PROCESSES = re.compile(rf"from tests\.support(\.{_MODULES} import| import .*\b{_MODULES})")
MARK = re.compile(r"mark\.(processes|postgresql|once)\b")
MODULE_MARK = "sql('repeated')"
TOGETHER = re.compile(r"transaction=True|postgresql|Thread\b|Barrier|select_for_update")


def test_every_module_that_starts_processes_has_a_mark() -> None:
    """On PostgreSQL a test without a database of its own is left out (``tests/conftest.py``)."""
    modules = {path: path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")}
    starting = {path: text for path, text in modules.items() if STARTS_PROCESSES.search(text)}
    assert len(starting) > 5
    unmarked = {path.relative_to(ROOT).as_posix() for path, text in starting.items() if not MARK.search(text)}
    assert {path for path in unmarked if not path.startswith("tests/e2e/")} == set()


def _marks(node: ast.FunctionDef) -> str:
    return " ".join(ast.unparse(decorator) for decorator in node.decorator_list)


def test_transactions_threads_and_locks_are_not_repetitions_because_of_their_module() -> None:
    """The subject of such a test is more than its statements: in a marked module it has its own mark."""
    undecided, modules = [], 0
    for path in (ROOT / "tests").rglob("test_*.py"):
        tree = tree_of(path)
        marked = any(isinstance(one, ast.Assign) and MODULE_MARK in ast.unparse(one) for one in tree.body)
        modules += marked
        for node in ast.walk(tree) if marked else ():
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                text = ast.unparse(node)
                if TOGETHER.search(text) and not re.search(r"mark\.(sql|once)\b", _marks(node)):
                    undecided.append(f"{path.name}::{node.name}")
    assert undecided == []
    assert modules > 20
