"""Broken files: each has a clear message, costs little, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings

from apps.batches.labels import fault_text, finding_text
from apps.batches.reading import in_child
from apps.batches.reading.child import answer
from apps.batches.reading.read import read_file
from apps.batches.reading.table import DELIMITER_NAMES, Finding, FindingCode, NotReadable, TableFault
from tests.support.broken_sheets import BOMBS, BROKEN

pytestmark = pytest.mark.once

_MEGABYTE = 1_000_000
pytestmark = pytest.mark.once

_MEASURE = """
import json, resource, sys, pathlib
import django
django.setup()
from apps.batches.reading.read import read_file
from apps.batches.reading.table import NotReadable

def peak(who):
    return resource.getrusage(who).ru_maxrss * 1024
found = {"before": peak(resource.RUSAGE_SELF)}
for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    try:
        read_file(path.name, path.read_bytes())
    except NotReadable as error:
        found[path.name] = error.fault
found["parent"], found["child"] = peak(resource.RUSAGE_SELF), peak(resource.RUSAGE_CHILDREN)
print(json.dumps(found))
"""


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_child, "_answer", answer)


@pytest.mark.usefixtures("in_this_process")
@pytest.mark.parametrize(("make", "fault"), BROKEN.values(), ids=BROKEN)
def test_broken_file_has_a_clear_message(make: Callable[[], bytes], fault: TableFault) -> None:
    with pytest.raises(NotReadable) as refused:
        read_file("Gästeliste Müller.xls", make())
    assert refused.value.fault is fault
    text = fault_text(refused.value)
    assert re.fullmatch(r"[A-Z].*\.", text)
    assert "%" not in text
    assert "Müller" not in text
    assert len(text) < 220


def test_bombs_cost_neither_the_portal_nor_the_child_much_memory(tmp_path: Path) -> None:
    folder = tmp_path / "bombs"
    folder.mkdir()
    for number, (make, _fault) in enumerate(BOMBS.values()):
        (folder / f"{number:02}").write_bytes(make())
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, str(folder)],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "consumerportal.settings"},
        capture_output=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    expected = {f"{number:02}": fault for number, (_make, fault) in enumerate(BOMBS.values())}
    assert {name: found.get(name) for name in expected} == expected
    assert found["parent"] - found["before"] < 40 * _MEGABYTE
    assert found["child"] < 400 * _MEGABYTE


@pytest.mark.parametrize("fault", list(TableFault))
def test_each_fault_has_a_text_that_says_what_to_do(fault: TableFault) -> None:
    text = fault_text(NotReadable(fault, 2_000_000))
    assert re.fullmatch(r"[A-Z].*\.", text)
    assert "%" not in text


@pytest.mark.parametrize("count", [1, 1_234])
@pytest.mark.parametrize("code", list(FindingCode))
def test_each_finding_has_a_text(code: FindingCode, count: int) -> None:
    details = list(DELIMITER_NAMES.values()) if code is FindingCode.DELIMITER else ["cp1252"]
    for detail in details:
        text = finding_text(Finding(code, count, detail))
        assert re.fullmatch(r"[A-Z0-9].*\.", text)
        assert "%" not in text


def test_limits_are_written_as_people_write_them() -> None:
    assert "2 MB" in fault_text(NotReadable(TableFault.TOO_LARGE, 2_000_000))
    assert "2.5 MB" in fault_text(NotReadable(TableFault.TOO_LARGE, 2_500_000))
    assert "1,234 rows" in fault_text(NotReadable(TableFault.TOO_MANY_ROWS, 1_234))
    assert "at least 10,000 rows" in fault_text(NotReadable(TableFault.TOO_MANY_ROWS, 10_000))
