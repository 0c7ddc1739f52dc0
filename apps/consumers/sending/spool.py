"""The spool: files on this machine with outcomes that the database did not store.

One file per outcome. It is written under another name, synced to disk and renamed, so that a file is complete
or missing. It holds the submission's id, the outcome, references, links and codes; no personal data.
"""

from __future__ import annotations

import json
import logging
import os
import stat
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from django.conf import settings

from apps.consumers.models import Outcome
from apps.consumers.sending.result import Result
from apps.core import clock

logger = logging.getLogger(__name__)

ABANDONED_AFTER = 3600.0  # seconds after which no process is still writing an unfinished file
_logged: set[tuple[Path, str]] = set()
# The spool contains no personal data, and the outcome is stored separately.
_COLUMNS = {field.name for field in fields(Result)} - {
    "outcome",
    "encrypted_answer",
    "encrypted_vendor_message",
}


@dataclass(frozen=True, slots=True)
class SpooledOutcome:
    """An outcome in the spool."""

    path: Path
    submission: uuid.UUID
    result: Result


def write(submission: uuid.UUID, result: Result) -> bool:
    """Write an outcome to the spool. Return False if that fails; raise nothing."""
    columns = {name: value for name, value in result.columns().items() if name in _COLUMNS}
    line = json.dumps({"submission": str(submission), "outcome": result.outcome.value, "columns": columns})
    path = settings.SPOOL_DIR / f"{uuid.uuid4()}.json"
    unfinished = path.with_suffix(".unfinished")
    try:
        settings.SPOOL_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(unfinished, "x", encoding="ascii", opener=_for_this_user) as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(path)
        _make_durable(settings.SPOOL_DIR)
    except OSError as error:
        logger.error("spool_not_written %s", type(error).__name__)
        return False
    return True


def waiting() -> Iterator[SpooledOutcome]:
    """The outcomes in the spool, in no order. An unreadable file is logged and left in place.

    Raises ``OSError`` as :func:`paths`.
    """
    for path in paths():
        try:
            data = json.loads(path.read_text(encoding="ascii"))
            submission = uuid.UUID(data["submission"])
            result = _result(data, waited=clock.seconds_since_written(path))
        except FileNotFoundError:  # another process stored it
            continue
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            log_problem("spool_file_unreadable", path, type(error).__name__)
            continue
        yield SpooledOutcome(path, submission, result)


def log_problem(problem: str, path: Path, detail: object) -> None:
    """Log why a file stays, once per process: each round of the worker reads it again."""
    if (path, problem) not in _logged:
        _logged.add((path, problem))
        logger.error("%s %s %s", problem, path.name, detail)


def _result(data: dict[str, Any], *, waited: float = 0.0) -> Result:
    """The outcome in a file. Raises ``ValueError`` for columns of another version.

    ``waited``: seconds since the answer, which are deducted from the wait that the vendor asked for.
    """
    columns = data["columns"]
    known = all(name in _COLUMNS and isinstance(value, str | int | None) for name, value in columns.items())
    if not known:
        raise ValueError("not the columns of an outcome")
    result = Result(Outcome(data["outcome"]), **columns)
    if result.retry_after is None:
        return result
    return replace(result, retry_after=max(round(result.retry_after - max(waited, 0.0)), 0))


def recover_unfinished() -> None:
    """Recover files whose writer was killed before the rename: keep complete ones, delete the others.

    The submission of an incomplete file becomes unknown and is reconciled. Raises ``OSError`` as
    :func:`paths`.
    """
    for path in _files_ending(".unfinished"):
        try:
            if clock.seconds_since_written(path) < ABANDONED_AFTER:
                continue
            data = json.loads(path.read_text(encoding="ascii"))
            uuid.UUID(data["submission"]), _result(data)
            path.rename(path.with_suffix(".json"))
        except (ValueError, KeyError, TypeError, AttributeError):
            log_problem("spool_file_unfinished", path, "incomplete")
            with suppress(OSError):
                path.unlink()
        except OSError:  # another worker recovered it, or the next round will
            continue


def paths() -> list[Path]:
    """The complete files in the spool; none if there is no folder.

    Raises ``OSError`` if the folder cannot be read, such as on a lost network volume.
    """
    return _files_ending(".json")


def _files_ending(suffix: str) -> list[Path]:
    try:
        with os.scandir(settings.SPOOL_DIR) as entries:  # Path.glob hides some errors
            return sorted(Path(entry.path) for entry in entries if entry.name.endswith(suffix))
    except (FileNotFoundError, NotADirectoryError):
        return []


def count() -> int | None:
    """The number of complete files in the spool; None if the folder cannot be read. Raises nothing."""
    try:
        return len(paths())
    except OSError:
        return None


def folder_id() -> str:
    """The id of the spool's folder, stored in a file in it; empty if it cannot be read or created.

    A container's host name changes at each restart; the folder stays the same.
    """
    id_file = settings.SPOOL_DIR / "place"
    try:
        settings.SPOOL_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not id_file.exists():
            with open(id_file, "x", encoding="ascii", opener=_for_this_user) as file:
                file.write(uuid.uuid4().hex)
        return id_file.read_text(encoding="ascii")[:40]
    except (OSError, ValueError):  # another worker may be creating it; the next heartbeat reads it again
        return ""


def can_be_written() -> bool:
    """Whether this process could write to the spool. Raises nothing."""
    for folder in (settings.SPOOL_DIR, *settings.SPOOL_DIR.parents):
        try:
            mode = folder.stat().st_mode
        except FileNotFoundError:  # it would be created
            continue
        except OSError:  # a folder above it cannot be opened, or a network volume is lost
            return False
        return stat.S_ISDIR(mode) and os.access(folder, os.W_OK | os.X_OK)
    return False


def remove(spooled: SpooledOutcome) -> None:
    """Delete the file of an outcome that has been stored."""
    try:
        spooled.path.unlink()
    except FileNotFoundError:
        return
    except OSError as error:  # harmless: storing it again changes nothing
        logger.error("spool_file_not_removed %s %s", spooled.path.name, type(error).__name__)


def _for_this_user(path: str, flags: int) -> int:
    return os.open(path, flags, mode=0o600)


def _make_durable(folder: Path) -> None:
    """Sync the folder: only then a new file's name survives a power cut (fsync(2))."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
