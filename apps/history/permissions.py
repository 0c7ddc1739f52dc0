"""The names of this app's permissions."""

from __future__ import annotations

from typing import Final

SHARE_VIEWS: Final = "history.share_views"
VIEW_PAST_EXPORTS: Final = "history.view_past_exports"
