"""The names of this app's permissions."""

from __future__ import annotations

from typing import Final

SEND_BATCHES: Final = "batches.send_batches"
CONTROL_ALL_BATCHES: Final = "batches.control_all_batches"
