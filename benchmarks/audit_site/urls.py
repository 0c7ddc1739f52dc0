"""The admin's list of the audit log with the columns of the portal's page, for whoever asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.urls import path

from apps.audit.models import AuditEvent

if TYPE_CHECKING:
    Plain = admin.ModelAdmin[AuditEvent]
else:
    Plain = admin.ModelAdmin


class Site(admin.AdminSite):
    """Accounts of the portal have no ``is_staff``: everybody comes in."""

    def has_permission(self, request: Any) -> bool:
        return True


class AuditEventAdmin(Plain):
    """As anybody would write it, but without the sidebar of filters, whose choices read the whole table."""

    list_display = ("at", "actor_name", "action", "order_ref", "consumer_ref", "client_address", "failure")
    ordering = ("-seq",)
    list_per_page = 50

    def lookup_allowed(self, lookup: str, value: Any, request: Any = None) -> bool:
        return True

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


site = Site()
site.register(AuditEvent, AuditEventAdmin)
urlpatterns = [path("admin/", site.urls)]
