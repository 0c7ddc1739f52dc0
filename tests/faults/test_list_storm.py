"""The storm of lists of ``make faults``, small: processes are killed while lists are sent."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.db import connection

from tests.support.prepared import for_children

BOUND = 300  # seconds; about 50 on an idle machine
END = 60  # seconds for the processes of the storm to end
# The storm ends after 20 seconds. The people then need 7 on an idle machine, and 17 on a busy one.
LIMITS = {"--most-seconds": 20, "--most-seconds-after": 90}
SIZE = {"--lists": 3, "--rows": 8, "--people": 2, "--havocs": 5, **LIMITS}


# The processes use their own database; the mark only determines its kind. PostgreSQL is killed as well.
@pytest.mark.django_db
@pytest.mark.processes("postgresql")
def test_small_storm_of_lists_sends_every_row_once_and_leaves_none_behind() -> None:
    size = [text for name, number in SIZE.items() for text in (name, str(number))]
    command = [sys.executable, "-m", "tests.faults.storm.list_storm", "--database", connection.vendor]
    with subprocess.Popen(
        [*command, *size, "--quick"],
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
    assert "| background worker: kill -9 | " in output
    assert "| uploaded, by the pages | " in output
