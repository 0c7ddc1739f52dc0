"""Django's admin as a peer of the portal's pages: for whoever asks, and only to read."""

from __future__ import annotations

from typing import Any

from django.contrib import admin


class OpenSite(admin.AdminSite):
    """Accounts of the portal have no ``is_staff``: everybody comes in."""

    def has_permission(self, request: Any) -> bool:
        return True


class ReadOnly:
    """Permissions of a model's admin that change nothing."""

    def has_view_permission(self, request: Any, obj: Any = None) -> bool:
        return True

    def has_module_permission(self, request: Any) -> bool:
        return True

    def has_add_permission(self, request: Any) -> bool:
        return False

    def has_change_permission(self, request: Any, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: Any, obj: Any = None) -> bool:
        return False
