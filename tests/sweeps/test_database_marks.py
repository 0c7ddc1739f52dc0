"""Tests that start processes say whether they depend on the kind of database."""

from __future__ import annotations

import re

from tests.support.source import ROOT

_MODULES = r"(deployed|prepared|supervised_processes)\w*"
STARTS_PROCESSES = re.compile(rf"from tests\.support(\.{_MODULES} import| import .*\b{_MODULES})")
MARK = re.compile(r"mark\.(processes|postgresql|once)\b")


def test_every_module_that_starts_processes_has_a_mark() -> None:
    """On PostgreSQL a test without a database of its own is left out (``tests/conftest.py``)."""
    modules = {path: path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")}
    starting = {path: text for path, text in modules.items() if STARTS_PROCESSES.search(text)}
    assert len(starting) > 5
    unmarked = {path.relative_to(ROOT).as_posix() for path, text in starting.items() if not MARK.search(text)}
    assert {path for path in unmarked if not path.startswith("tests/e2e/")} == set()
