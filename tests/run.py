"""``make test``: the whole suite, on SQLite with its coverage, in real browsers and on PostgreSQL.

The runs are sequential, because many tests set a time limit for a fault, and more processes would distort it.
On a machine without a browser, LibreOffice or PostgreSQL the other tests run, and a line says what was
skipped and how to install it. In CI this is a failure.

After the last run, a summary names every test that failed in any of them.

With arguments, only these tests run, in one process: on SQLite, or with ``--postgresql`` on PostgreSQL.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree

from tests.javascript.__main__ import main as run_script_tests
from tests.support.browser import find_chromium, find_firefox, find_whole_chromium
from tests.support.office import WHAT as OFFICE
from tests.support.office import find_office
from tests.support.postgresql import PROCESSES_ONCE, find_binaries, temporary_server
from tests.support.prepared import FOLDER

# One process more than cores, because tests of other processes wait for them. Starting more than eight costs
# more time than it saves. Tests of one xdist_group share a process.
ON_ALL_CORES = ["-n", str(min(8, (os.cpu_count() or 1) + 1)), "--dist", "loadgroup"]
POSTGRESQL = "--postgresql"
BROWSER_TESTS = "tests/e2e"
# Slipcover is a pytest plugin and imported before pytest can rewrite its assertions; it has none.
MEASURED = ["-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning"]
SLIPCOVER = [sys.executable, "-m", "slipcover"]
PYTEST = [sys.executable, "-m", "pytest"]
# Browser tests log at DEBUG. The report of a failure would have thousands of lines of it.
SHORT_LOG = "--log-level=WARNING"
NO_TESTS_COLLECTED = 5  # pytest's exit code
ENOUGH_MEMORY = 256 * 1024 * 1024  # bytes
LONGEST_REASON = 300  # characters


class Reports:
    """The reports of several runs of pytest in one folder, in JUnit's format."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, Path] = {}

    def option(self, where: str) -> str:
        """pytest's option to write the report of the run on ``where``."""
        self._files[where] = self._folder / f"report-{len(self._files)}.xml"
        return f"--junit-xml={self._files[where]}"

    def failures(self) -> Iterator[str]:
        """A line for each test that failed, and for each run that ended before it wrote its report."""
        for where, file in self._files.items():
            if not file.exists():
                yield f"{where}: pytest ended without a report"
                continue
            for test in ElementTree.parse(file).iter("testcase"):
                for problem in (*test.iter("failure"), *test.iter("error")):
                    reason = " ".join(problem.get("message", "").split())[:LONGEST_REASON]
                    yield f"{where}: {test.get('classname')}::{test.get('name')}: {reason}"


def main() -> int:
    arguments = sys.argv[1:]
    # All processes of a run need the same tests in the same order, including parameters from a set.
    seed = os.environ.get("PYTHONHASHSEED") or str(secrets.randbelow(2**32))
    with _quick_files() as files:
        environment = {**files, "PYTHONHASHSEED": seed}
        if arguments:
            return _run_chosen(arguments, environment)
        print(f"--- PYTHONHASHSEED={seed}", flush=True)
        return _run_all(environment)


def _run_chosen(arguments: list[str], environment: dict[str, str]) -> int:
    if POSTGRESQL not in arguments:
        return _run("SQLite", [*PYTEST, *arguments], environment)
    binaries = find_binaries()
    if binaries is None:
        print("There is no PostgreSQL (Debian: apt-get install postgresql)", flush=True)
        return 1
    chosen = [argument for argument in arguments if argument != POSTGRESQL]
    with temporary_server(binaries) as url:
        result = _run("PostgreSQL", [*PYTEST, *chosen], {**environment, "DATABASE_URL": url})
    if result == NO_TESTS_COLLECTED:
        print("None of these tests depends on the kind of database.", flush=True)
        return 0
    return result


def _run_all(environment: dict[str, str]) -> int:
    without_browser = [*ON_ALL_CORES, f"--ignore={BROWSER_TESTS}"]
    binaries = find_binaries()
    if binaries is not None:
        environment = {**environment, PROCESSES_ONCE: "1"}
    left_out: list[str] = []
    print("--- The unit tests of the page's scripts", flush=True)
    results = [run_script_tests()]
    reports = Reports(Path(environment["PYTEST_DEBUG_TEMPROOT"]))
    measured = [reports.option("SQLite"), *without_browser]
    results.append(_run_measured("SQLite", measured, environment))
    if find_office() is None:
        left_out.append(f"the files opened by {OFFICE}")
    if find_chromium() is None:
        left_out.append("the browser tests (Debian: apt-get install chromium)")
    else:
        where = "SQLite, in browsers"
        in_browsers = [*PYTEST, reports.option(where), SHORT_LOG, *ON_ALL_CORES, BROWSER_TESTS]
        results.append(_run(where, in_browsers, environment))
        if find_whole_chromium() is None:
            left_out.append("the cache for Back and Forward (Debian: apt-get install chromium)")
        if find_firefox() is None:
            left_out.append("the browser tests in Firefox (Debian: apt-get install firefox-esr)")
    if binaries is None:
        left_out.append("the run on PostgreSQL (Debian: apt-get install postgresql)")
    else:
        with temporary_server(binaries) as url:
            environment = {**environment, "DATABASE_URL": url}
            command = [*PYTEST, reports.option("PostgreSQL"), *without_browser]
            results.append(_run("PostgreSQL", command, environment))
    for line in reports.failures():
        print(f"Failed: {line}", flush=True)
    for what in left_out:
        print(f"Left out: {what}", flush=True)
    if left_out and os.environ.get("CI"):
        print("In CI nothing may be left out.", flush=True)
        return 1
    return int(any(results))  # the code of a process that a signal ended is negative


def _run_measured(where: str, chosen: list[str], environment: dict[str, str]) -> int:
    """Run tests and print the coverage of lines and branches; fails below the floor in pyproject.toml."""
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "coverage.json")
        # With a floor, slipcover would drop the figures of pytest-xdist's processes before it prints them.
        measure = [*SLIPCOVER, "--dont-wrap-pytest", "--fail-under", "0", "--json", "--out", file]
        result = _run(where, [*measure, "-m", "pytest", *MEASURED, *chosen], environment)
        if not Path(file).exists():
            return result or 1
        print("--- Coverage", flush=True)
        report = [*SLIPCOVER, "--merge", file, "--out", os.devnull]
        below = subprocess.run(report, check=False).returncode
    if below:
        print("The coverage is below the floor.", flush=True)
    return result or below


def _run(where: str, command: Sequence[str], environment: dict[str, str]) -> int:
    print(f"--- The suite on {where}", flush=True)
    began = time.monotonic()
    result = subprocess.run(command, env={**os.environ, **environment}, check=False).returncode
    print(f"--- {where}: {time.monotonic() - began:.0f} s", flush=True)
    return result


@contextmanager
def _quick_files() -> Iterator[dict[str, str]]:
    """Put temporary files in memory if there is enough: on a disk every commit waits."""
    memory = Path("/dev/shm")
    enough = memory.is_dir() and shutil.disk_usage(memory).free >= ENOUGH_MEMORY
    with tempfile.TemporaryDirectory(prefix="portal-tests-", dir=memory if enough else None) as folder:
        yield {"PYTEST_DEBUG_TEMPROOT": folder, FOLDER: f"{folder}/prepared"}


if __name__ == "__main__":
    sys.exit(main())
