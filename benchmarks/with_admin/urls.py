"""The admin's list of submissions with the portal's columns, for whoever asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.urls import path

from apps.consumers.models import Submission

if TYPE_CHECKING:
    Plain = admin.ModelAdmin[Submission]
else:
    Plain = admin.ModelAdmin


class Site(admin.AdminSite):
    """Accounts of the portal have no ``is_staff``: everybody comes in."""

    def has_permission(self, request: Any) -> bool:
        return True


class SubmissionAdmin(Plain):
    """As anybody would write it down."""

    list_display = ("submitted_at", "actor_name", "order_ref", "outcome", "duration_ms")
    list_filter = ("outcome",)
    search_fields = ("order_ref", "consumer_ref", "guest_ref")
    ordering = ("-submitted_at", "-id")
    list_per_page = 50

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
site.register(Submission, SubmissionAdmin)
urlpatterns = [path("admin/", site.urls)]
