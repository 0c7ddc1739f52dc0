"""Files of this machine that hold secrets or personal data, and who may read them."""

from __future__ import annotations

import logging
import stat
from pathlib import Path

from django.conf import settings
from django.db import connection

logger = logging.getLogger(__name__)

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def readable_by_others() -> list[Path]:
    """The private files and folders whose mode gives their group or everybody any right. None is changed.

    What the portal creates is its user's alone; these come from an operator or from an earlier version.
    """
    candidates = [settings.ENV_FILE, settings.SPOOL_DIR, settings.AUDIT_CHECKPOINT_FILE]
    if connection.vendor == "sqlite":
        name = str(connection.settings_dict["NAME"])
        candidates += [Path(name + suffix) for suffix in ("", "-wal", "-shm", "-journal")]
    return [path for path in candidates if _mode(path) & _OTHERS]


def tell_readable_files() -> None:
    """One warning in the log for each of them."""
    for path in readable_by_others():
        logger.warning("private_file_readable_by_others %s", path)


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode
    except OSError:  # not there, or in a folder that this process cannot look into
        return 0
