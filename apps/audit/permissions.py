"""The permissions of this app, as views name them."""

from __future__ import annotations

from typing import Final

VIEW_LOG: Final = "audit.view_log"
VERIFY_LOG: Final = "audit.verify_log"
