"""The names of this app's permissions."""

from __future__ import annotations

from typing import Final

VIEW_LOG: Final = "audit.view_log"
VERIFY_LOG: Final = "audit.verify_log"
REPORT_ACCESS: Final = "audit.report_access"
