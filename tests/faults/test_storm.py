"""The storm of ``make faults``, small: processes are killed while people post, and every promise is held."""

from __future__ import annotations

import subprocess
import sys

import pytest
from django.conf import settings
from django.db import connection

BOUND = 240  # seconds; about 40 on an idle machine


@pytest.mark.django_db
def test_after_a_small_storm_every_submission_is_true_and_nothing_is_lost_or_doubled() -> None:
    size = ["--submissions", "60", "--people", "4", "--havocs", "8", "--quick", "--most-seconds", "90"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.storm", "--database", connection.vendor, *size],
        cwd=settings.BASE_DIR,
        check=False,
        capture_output=True,
        text=True,
        timeout=BOUND,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Every promise held." in done.stdout
    for killed in ("web worker: kill -9", "web server: kill -9", "background worker: kill -9"):
        assert f"| {killed} | " in done.stdout
