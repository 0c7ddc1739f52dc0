"""The permissions of this app, as views name them."""

from __future__ import annotations

from typing import Final

MANAGE_PEOPLE: Final = "accounts.manage_people"
VIEW_STATUS: Final = "accounts.view_status"
