"""The admin's list of submissions with the portal's columns, without permissions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin
from django.urls import path

from apps.consumers.models import Submission
from benchmarks.open_admin import OpenSite, ReadOnly

if TYPE_CHECKING:
    Plain = admin.ModelAdmin[Submission]
else:
    Plain = admin.ModelAdmin


class SubmissionAdmin(ReadOnly, Plain):
    """The usual definition."""

    list_display = ("submitted_at", "actor_name", "order_ref", "outcome", "duration_ms")
    list_filter = ("outcome",)
    search_fields = ("order_ref", "consumer_ref", "guest_ref")
    ordering = ("-submitted_at", "-id")
    list_per_page = 50


site = OpenSite()
site.register(Submission, SubmissionAdmin)
urlpatterns = [path("admin/", site.urls)]
