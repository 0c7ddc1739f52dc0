"""``make test``: the whole suite, on SQLite, in a real browser and on PostgreSQL.

One after the other, each with a process for each core: many tests hold a time limit against a fault, and
more at once than there are cores would bend it. With arguments, for a part of the suite, each is one process.

On a machine without a browser, LibreOffice or PostgreSQL the rest runs and one line says what was left out
and how to get it. In CI leaving out is a failure.
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

from tests.support.browser import find_chromium, find_firefox
from tests.support.office import WHAT as OFFICE
from tests.support.office import find_office
from tests.support.postgresql import find_binaries, temporary_server

# Tests of one xdist_group share a process. More than eight take longer to start than they save.
ON_ALL_CORES = ["-n", "auto", "--maxprocesses", "8", "--dist", "loadgroup"]
# A browser sees no difference between the databases, and these know none.
ONLY_ONCE = [
    "--ignore=tests/e2e",
    "--ignore=tests/contract",
    "--ignore=tests/unit/cdp",
    "--ignore=tests/unit/sandbox",
]
NOTHING_CHOSEN = 5  # what pytest returns where the arguments leave no test
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
    # The processes of a run have to find the same tests in the same order, those made from a set too.
    seed = os.environ.get("PYTHONHASHSEED") or str(secrets.randbelow(2**32))
    print(f"--- PYTHONHASHSEED={seed}", flush=True)
    with _quick_files() as files:
        environment = {**files, "PYTHONHASHSEED": seed}
        if arguments:
            without_browser = ["-m", "not e2e"] if browser is None else []
            results.append(_run("SQLite", [*arguments, *without_browser], environment))
        else:
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
    """Temporary files in memory, where there is enough: on a disk every commit is waited for."""
    memory = Path("/dev/shm")
    enough = memory.is_dir() and shutil.disk_usage(memory).free >= ENOUGH_MEMORY
    with tempfile.TemporaryDirectory(prefix="portal-tests-", dir=memory if enough else None) as folder:
        yield {"PYTEST_DEBUG_TEMPROOT": folder}


if __name__ == "__main__":
    sys.exit(main())
