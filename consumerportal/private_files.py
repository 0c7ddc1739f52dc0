"""Files of this machine with secrets or personal data, and a check of their modes."""

from __future__ import annotations

import logging
import stat
from pathlib import Path

from django.conf import settings
from django.db import connection

logger = logging.getLogger(__name__)

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def readable_by_others() -> list[Path]:
    """The private files and folders whose mode gives rights to the group or to others.

    The portal creates its files with mode 0600, so these were created by an operator or an earlier version.
    """
    candidates = [settings.ENV_FILE, settings.SPOOL_DIR, settings.AUDIT_CHECKPOINT_FILE]
    if connection.vendor == "sqlite":
        name = str(connection.settings_dict["NAME"])
        candidates += [Path(name + suffix) for suffix in ("", "-wal", "-shm", "-journal")]
    return [path for path in candidates if _mode(path) & _OTHERS]


def log_readable_files() -> None:
    """Log one warning for each file from :func:`readable_by_others`."""
    for path in readable_by_others():
        logger.warning("private_file_readable_by_others %s", path)


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode
    except OSError:  # missing, or in a folder that this process cannot read
        return 0
