"""``make test``: the whole suite, on SQLite, in a real browser and on PostgreSQL.

The runs are sequential, each with one process per core: many tests set a time limit for a fault, and more
processes than cores would distort it. With arguments (a part of the suite) each run is one process.

On a machine without a browser, LibreOffice or PostgreSQL the other tests run, and a line says what was
skipped and how to install it. In CI this is a failure.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.javascript.__main__ import main as run_script_tests
from tests.support.browser import find_chromium, find_firefox
from tests.support.office import WHAT as OFFICE
from tests.support.office import find_office
from tests.support.postgresql import find_binaries, temporary_server

# Tests of one xdist_group share a process. Starting more than eight costs more time than it saves.
ON_ALL_CORES = ["-n", "auto", "--maxprocesses", "8", "--dist", "loadgroup"]
# These tests do not depend on the kind of database.
ONLY_ONCE = [
    "--ignore=tests/e2e",
    "--ignore=tests/contract",
    "--ignore=tests/unit/cdp",
    "--ignore=tests/unit/sandbox",
]
NOTHING_CHOSEN = 5  # pytest's exit code if the arguments select no test
ENOUGH_MEMORY = 256 * 1024 * 1024  # bytes


def main() -> int:
    arguments = sys.argv[1:]
    browser, binaries = find_chromium(), find_binaries()
    left_out: list[str] = []
    if browser is None:
        left_out.append("the browser tests (Debian: apt-get install chromium)")
    elif find_firefox() is None:
        left_out.append("the browser tests in Firefox (Debian: apt-get install firefox-esr)")
    if find_office() is None:
        left_out.append(f"the files opened by {OFFICE}")
    if binaries is None:
        left_out.append("the run on PostgreSQL (Debian: apt-get install postgresql)")
    results: list[int] = []
    # All processes of a run need the same tests in the same order, including parameters from a set.
    seed = os.environ.get("PYTHONHASHSEED") or str(secrets.randbelow(2**32))
    print(f"--- PYTHONHASHSEED={seed}", flush=True)
    with _quick_files() as files:
        environment = {**files, "PYTHONHASHSEED": seed}
        if arguments:
            without_browser = ["-m", "not e2e"] if browser is None else []
            results.append(_run("SQLite", [*arguments, *without_browser], environment))
        else:
            print("--- The unit tests of the page's scripts", flush=True)
            results.append(run_script_tests())
            results.append(_run("SQLite", [*ON_ALL_CORES, "--ignore=tests/e2e"], environment))
            if browser is not None:
                results.append(_run("SQLite, in a browser", [*ON_ALL_CORES, "tests/e2e"], environment))
        if binaries is not None:
            with temporary_server(binaries) as url:
                chosen = [*(arguments or ON_ALL_CORES), *ONLY_ONCE]
                results.append(_run("PostgreSQL", chosen, {**environment, "DATABASE_URL": url}))
    for what in left_out:
        print(f"Left out: {what}", flush=True)
    if left_out and os.environ.get("CI"):
        print("In CI nothing may be left out.", flush=True)
        return 1
    if arguments and any(result != NOTHING_CHOSEN for result in results):
        results = [result for result in results if result != NOTHING_CHOSEN]
    return max(results)


def _run(where: str, chosen: list[str], environment: dict[str, str]) -> int:
    print(f"--- The suite on {where}", flush=True)
    command = [sys.executable, "-m", "pytest", *chosen]
    return subprocess.run(command, env={**os.environ, **environment}, check=False).returncode


@contextmanager
def _quick_files() -> Iterator[dict[str, str]]:
    """Put temporary files in memory if there is enough: on a disk every commit waits."""
    memory = Path("/dev/shm")
    enough = memory.is_dir() and shutil.disk_usage(memory).free >= ENOUGH_MEMORY
    with tempfile.TemporaryDirectory(prefix="portal-tests-", dir=memory if enough else None) as folder:
        yield {"PYTEST_DEBUG_TEMPROOT": folder}


if __name__ == "__main__":
    sys.exit(main())
