"""The child process that reads one spreadsheet: ``python -m apps.batches.reading.child LIMITS``.

The file comes by standard input, the answer goes to standard output as JSON. The process has a limit of
memory and of processor time, no settings, no database and no secret in its environment. Without Django, so
that it starts quickly.
"""

from __future__ import annotations

import json
import sys
import zipfile
from contextlib import suppress
from typing import Any, Final

from apps.batches.cells import cells_to_json
from apps.batches.reading.limits import Limits
from apps.batches.reading.ods import read_ods
from apps.batches.reading.package import open_package
from apps.batches.reading.sheet import Sheet, finished_rows
from apps.batches.reading.table import NotReadable, TableFault

try:
    import resource
except ImportError:  # Windows: only the parent's limit of time, and the checks before anything is parsed
    resource = None  # type: ignore[assignment]  # a module elsewhere

MAX_MEMORY: Final = 400_000_000
"""Bytes of address space. Python with openpyxl takes 160 million of them before it reads anything."""
MAX_SECONDS: Final = 6
"""Of processor time, also if the parent is gone."""

_CONTENT_TYPES: Final = "[Content_Types].xml"
_EXCEL: Final = (b"spreadsheetml.sheet.main+xml", b"sheet.macroEnabled.main+xml", b"template.main+xml")
_OPEN_DOCUMENT: Final = (
    b"application/vnd.oasis.opendocument.spreadsheet",
    b"application/vnd.oasis.opendocument.spreadsheet-template",
)


def answer(content: bytes, limits: Limits) -> dict[str, Any]:
    """What the parent reads: the kind of file with its rows and findings, or the fault."""
    try:
        package = open_package(content)
        kind, sheet = _read(content, package, limits)
        rows, findings = finished_rows(sheet, limits)
    except NotReadable as error:
        return {"fault": error.fault, "count": error.count}
    except (MemoryError, RecursionError):
        return {"fault": TableFault.TOO_COMPLEX, "count": 0}
    except Exception:  # noqa: BLE001  # a file can be broken in more ways than can be listed
        return {"fault": TableFault.DAMAGED, "count": 0}
    return {
        "kind": kind,
        "rows": [(row.number, cells_to_json(row.cells)) for row in rows],
        "findings": [(finding.code, finding.count, finding.detail) for finding in findings],
    }


def _read(content: bytes, package: zipfile.ZipFile, limits: Limits) -> tuple[str, Sheet]:
    names = set(package.namelist())
    if _CONTENT_TYPES in names:
        types = package.read(_CONTENT_TYPES)
        if any(kind in types for kind in _EXCEL):
            from apps.batches.reading.xlsx import read_xlsx  # noqa: PLC0415  # openpyxl takes half a second

            return "xlsx", read_xlsx(content, package, limits)
    elif "mimetype" in names and package.read("mimetype").strip() in _OPEN_DOCUMENT:
        return "ods", read_ods(package, limits)
    raise NotReadable(TableFault.NOT_A_TABLE)


def _limit_resources() -> None:
    """Set the limits of this process. macOS accepts a limit of memory without enforcing it, or refuses it.

    There the checks of the package and the limit of time remain.
    """
    if resource is None:
        return
    for limit, value in ((resource.RLIMIT_AS, MAX_MEMORY), (resource.RLIMIT_CPU, MAX_SECONDS)):
        with suppress(ValueError, OSError):
            resource.setrlimit(limit, (value, value))
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold the rows


def main() -> None:
    """Read the file and write the answer."""
    _limit_resources()
    limits = Limits(**json.loads(sys.argv[1]))
    json.dump(answer(sys.stdin.buffer.read(), limits), sys.stdout)


if __name__ == "__main__":
    main()
