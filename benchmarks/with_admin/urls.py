"""The admin's list of submissions with the portal's columns, and the figures as an admin page, without
permissions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Avg, Count
from django.db.models.functions import TruncWeek
from django.http import HttpRequest
from django.template.response import TemplateResponse
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


class Counted(Submission):
    """The submissions as figures."""

    class Meta:
        proxy = True
        app_label = "consumers"
        default_permissions = ()


class FiguresAdmin(ReadOnly, Plain):
    """The usual recipe for figures: a list whose page has aggregates of the filtered rows.

    An average takes the place of medians and percentiles, which the ORM does not have on SQLite.
    """

    list_filter = ("outcome", "actor", "submitted_at")
    list_per_page = 1
    list_max_show_all = 1
    show_full_result_count = False

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        page = super().changelist_view(request, extra_context)
        if isinstance(page, TemplateResponse) and page.context_data is not None:
            rows = page.context_data["cl"].queryset.order_by()
            weeks = rows.annotate(week=TruncWeek("submitted_at")).values("week", "outcome")
            figures = {
                "weeks": list(weeks.annotate(number=Count("pk"))),
                "people": list(
                    rows.values("actor_name").annotate(number=Count("pk"), time=Avg("duration_ms"))
                ),
                "reasons": list(rows.values("outcome", "error_code").annotate(number=Count("pk"))),
            }
            page.context_data["title"] = str(figures)
        return page


site = OpenSite()
site.register(Submission, SubmissionAdmin)
site.register(Counted, FiguresAdmin)
urlpatterns = [path("admin/", site.urls)]
