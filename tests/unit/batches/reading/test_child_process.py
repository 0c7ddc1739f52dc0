"""The child process that reads spreadsheets: its limits, and what its end means for the portal."""

from __future__ import annotations

import errno
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn

import pytest
from django.conf import settings

from apps.batches.models import SourceKind
from apps.batches.reading import in_child
from apps.batches.reading.child import MAX_SECONDS
from apps.batches.reading.read import read_file
from apps.batches.reading.table import NotReadable, TableFault
from tests.support.sheet_files import open_document_of, workbook_of

pytestmark = pytest.mark.once

ROWS = [["Soyadı", "電話番号"], ["Yılmaz", "090-1234"]]


def test_both_formats_are_read_in_a_child() -> None:
    for content, kind in (
        (workbook_of(ROWS), SourceKind.XLSX),
        (open_document_of(ROWS), SourceKind.ODS),
    ):
        table = read_file("x", content)
        assert table.source is kind
        assert [(row.number, list(row.cells)) for row in table.rows] == list(enumerate(ROWS, 1))


def test_files_are_read_from_several_threads() -> None:
    contents = [workbook_of([["Name"], [f"Ida {number}"]]) for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        tables = list(pool.map(lambda content: read_file("x.xlsx", content), contents))
    assert [table.rows[1].cells for table in tables] == [(f"Ida {number}",) for number in range(4)]


@pytest.mark.parametrize(
    "script",
    [
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
        "import sys; sys.exit(3)",
        "print('no JSON')",
        "print('[1]')",
        "print('')",
        "import time; time.sleep(60)",
    ],
)
def test_child_without_an_answer_means_too_complex(script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _run_instead(monkeypatch, script)
    monkeypatch.setattr(in_child, "SECONDS", 1)
    with pytest.raises(NotReadable) as refused:
        read_file("x.xlsx", workbook_of(ROWS))
    assert refused.value.fault is TableFault.TOO_COMPLEX
    monkeypatch.undo()
    assert read_file("x.xlsx", workbook_of(ROWS)).width == 2  # its turn was given back


def _run_instead(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    run = subprocess.run

    def other(_command: list[str], **options: object) -> object:
        return run([sys.executable, "-S", "-c", script], **options)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "run", other)


def _run_with_limits(code: str) -> subprocess.CompletedProcess[bytes]:
    limited = f"from apps.batches.reading import child\nchild._limit_resources()\n{code}"
    return subprocess.run(
        [sys.executable, "-c", limited],
        cwd=settings.BASE_DIR,
        capture_output=True,
        check=False,
        timeout=60,
    )


def test_child_that_takes_too_much_memory_gets_none() -> None:
    assert b"MemoryError" in _run_with_limits("bytearray(500_000_000)").stderr


def test_child_that_takes_too_much_time_ends_also_without_its_parent() -> None:
    code = "import resource\nresource.setrlimit(resource.RLIMIT_CPU, (1, 1))\nwhile True: pass"
    assert _run_with_limits(code).returncode in {-signal.SIGXCPU, -signal.SIGKILL}
    code = "import resource\nprint(resource.getrlimit(resource.RLIMIT_CPU)[0])"
    assert int(_run_with_limits(code).stdout) == MAX_SECONDS


def test_child_has_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, object] = {}

    def run(_command: list[str], **options: object) -> object:
        seen.update(options)
        raise subprocess.TimeoutExpired("x", 1)

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(NotReadable):
        read_file("x.xlsx", workbook_of(ROWS))
    assert (seen["env"], seen["stderr"]) == ({}, subprocess.DEVNULL)


def test_file_that_gets_no_turn_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = threading.BoundedSemaphore(1)
    monkeypatch.setattr(in_child, "_turns", turns)
    monkeypatch.setattr(in_child, "_WAIT", 0)
    with turns, pytest.raises(NotReadable) as refused:
        read_file("x.xlsx", workbook_of(ROWS))
    assert refused.value.fault is TableFault.BUSY


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.ENOMEM, errno.ENOENT])
def test_machine_that_cannot_start_a_child_is_busy(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_child(*_command: object, **_options: object) -> NoReturn:
        raise OSError(number, "no child")

    monkeypatch.setattr(subprocess, "run", no_child)
    with pytest.raises(NotReadable) as refused:
        read_file("x.xlsx", workbook_of(ROWS))
    assert refused.value.fault is TableFault.BUSY
    monkeypatch.undo()
    assert read_file("x.xlsx", workbook_of(ROWS)).width == 2  # its turn was given back


def test_child_starts_without_django() -> None:
    code = "import sys, apps.batches.reading.child; print('django' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=settings.BASE_DIR, capture_output=True, check=True, timeout=60
    )
    assert done.stdout == b"False\n"


def test_nothing_of_a_file_is_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    read_file("x.xlsx", workbook_of(ROWS))
    assert list(folder.iterdir()) == []
