"""The storm of ``make faults``, small: processes are killed while people post, and every promise holds."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.db import connection

from tests.support.prepared import for_children

BOUND = 240  # seconds; about 20 on an idle machine
END = 60  # seconds for the processes of the storm to end
SIZE = [
    "--submissions",
    "24",
    "--people",
    "4",
    "--havocs",
    "8",
    "--most-seconds",
    "90",
    "--quick",
    "--no-rotate",
]


# The processes use their own database; the mark only determines its kind. PostgreSQL is killed as well.
@pytest.mark.django_db
@pytest.mark.processes("postgresql")
def test_small_storm_leaves_every_submission_true_and_none_lost_or_doubled() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.faults.storm", "--database", connection.vendor, *SIZE],
        cwd=settings.BASE_DIR,
        env={**os.environ, **for_children()},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as storm:
        try:
            output, _ = storm.communicate(timeout=BOUND)
        finally:
            if storm.poll() is None:
                storm.terminate()
                output, _ = storm.communicate(timeout=END)
    assert storm.returncode == 0, output
    assert "Every promise held." in output
    for killed in ("web worker: kill -9", "background worker: kill -9"):
        assert f"| {killed} | " in output
