"""Django's admin as a peer of the portal's pages: without permissions, and read-only."""

from __future__ import annotations

from typing import Any

from django.contrib import admin


class OpenSite(admin.AdminSite):
    """Accounts of the portal have no ``is_staff``, so every user is admitted."""

    def has_permission(self, request: Any) -> bool:
        return True


class ReadOnly:
    """Read-only permissions for a model's admin."""

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
