"""The spool: outcomes that the database did not take wait here, in files of this machine.

One file holds one outcome. It is written under another name, made durable and then renamed, so that a file is
whole or not there. It holds the submission's id, the outcome, references, links and codes: nothing personal.
"""

from __future__ import annotations

import json
import logging
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from apps.consumers.models import Outcome
from apps.consumers.results import Result
from apps.core import clock

logger = logging.getLogger(__name__)

SURELY_OVER = 3600.0  # seconds: no process still writes its few hundred bytes
_told: set[Path] = set()
_KEPT = (
    "consumer_ref",
    "consumer_href",
    "order_href",
    "guest_href",
    "guest_ref",
    "http_status",
    "duration_ms",
    "doubt_code",
    "error_code",
    "error_field",
)


@dataclass(frozen=True, slots=True)
class Kept:
    """One outcome that waits."""

    path: Path
    submission: uuid.UUID
    result: Result


def keep(submission: uuid.UUID, result: Result) -> bool:
    """Write an outcome down; False where not even that was possible. Raises nothing: somebody waits."""
    columns = {name: value for name, value in result.columns.items() if name in _KEPT}
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


def waiting() -> Iterator[Kept]:
    """What waits, in no order. A file that nobody can read as an outcome is logged and left alone."""
    for path in paths():
        try:
            data = json.loads(path.read_text(encoding="ascii"))
            submission, result = uuid.UUID(data["submission"]), _result(data)
        except FileNotFoundError:  # another process has stored it
            continue
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            if path not in _told:  # once, not every second
                _told.add(path)
                logger.error("spool_file_unreadable %s %s", path.name, type(error).__name__)
            continue
        yield Kept(path, submission, result)


def _result(data: dict[str, Any]) -> Result:
    """The outcome that a file holds. Raises ``ValueError`` for columns of another version."""
    columns = data["columns"]
    known = all(name in _KEPT and isinstance(value, str | int | None) for name, value in columns.items())
    if not known:
        raise ValueError("not the columns of an outcome")
    return Result(Outcome(data["outcome"]), dict(columns))


def finish_old() -> None:
    """Take up files whose writer was killed before it could rename them: whole ones wait, others go.

    One that is not whole tells nothing; its submission becomes unknown, and looks find out. Raises nothing.
    """
    for path in settings.SPOOL_DIR.glob("*.unfinished"):
        try:
            if clock.seconds_since_written(path) < SURELY_OVER:
                continue
            data = json.loads(path.read_text(encoding="ascii"))
            uuid.UUID(data["submission"]), _result(data)
            path.rename(path.with_suffix(".json"))
        except (ValueError, KeyError, TypeError, AttributeError):
            logger.error("spool_file_unfinished %s", path.name)
            path.unlink(missing_ok=True)
        except OSError:  # another worker was quicker, or the next round will say
            continue


def paths() -> list[Path]:
    """The files that wait, whole ones only."""
    return sorted(settings.SPOOL_DIR.glob("*.json"))


def place() -> str:
    """The name of this folder, which it keeps in a file; empty where that cannot be read or made.

    In a container the host has another name after each restart, while the folder is the same.
    """
    name = settings.SPOOL_DIR / "place"
    try:
        settings.SPOOL_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not name.exists():
            with open(name, "x", encoding="ascii", opener=_for_this_user) as file:
                file.write(uuid.uuid4().hex)
        return name.read_text(encoding="ascii")[:40]
    except (OSError, ValueError):  # or another worker makes it this moment: the next sign has it
        return ""


def can_be_written() -> bool:
    """Whether this process could write an outcome down."""
    folder = next(path for path in (settings.SPOOL_DIR, *settings.SPOOL_DIR.parents) if path.exists())
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)


def remove(kept: Kept) -> None:
    """Its outcome is stored."""
    try:
        kept.path.unlink()
    except FileNotFoundError:
        return
    except OSError as error:  # it is stored; that it stays behind does no harm
        logger.error("spool_file_not_removed %s %s", kept.path.name, type(error).__name__)


def _for_this_user(path: str, flags: int) -> int:
    return os.open(path, flags, mode=0o600)


def _make_durable(folder: Path) -> None:
    """The name of a new file survives a power cut once its folder is written (fsync(2))."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
