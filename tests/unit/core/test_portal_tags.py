from __future__ import annotations

import datetime as dt
import re
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.template import Context, Template
from django.template.loader import render_to_string
from django.urls import path
from django.utils import timezone
from pytest_django import Settings

from apps.core.templatetags import portal
from apps.core.web.views import healthz

urlpatterns = [path("here", healthz, name="here"), path("there", healthz, name="there")]

NOON = dt.datetime(1991, 3, 7, 23, 30, 5, tzinfo=dt.UTC)


class Person:
    def __init__(self, *permissions: str) -> None:
        self.permissions = permissions

    def has_perm(self, permission: str) -> bool:
        return permission in self.permissions


def rendered(source: str, **context: Any) -> str:
    return Template("{% load portal %}" + source).render(Context(context)).strip()


def test_moment_is_shown_in_the_readers_time_zone_with_utc_as_attribute_and_title() -> None:
    with timezone.override(ZoneInfo("Asia/Tokyo")):
        assert portal.moment(NOON) == (
            '<time datetime="1991-03-07T23:30:05Z" title="7 March 1991, 23:30:05 UTC">'
            "8 March 1991, 08:30</time>"
        )


def test_moment_shows_seconds_on_request() -> None:
    with timezone.override(dt.UTC):
        assert ">7 March 1991, 23:30:05</time>" in rendered("{% moment at seconds=True %}", at=NOON)


def test_missing_moment_shows_nothing() -> None:
    assert rendered("{% moment at %}|{{ at|day }}", at=None) == "|"


def test_moment_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="naive"):
        portal.moment(NOON.replace(tzinfo=None))


def test_day_is_spelled_out_and_a_moment_has_the_day_of_the_readers_time_zone() -> None:
    assert portal.day(dt.date(1991, 3, 7)) == "7 March 1991"
    with timezone.override(ZoneInfo("Asia/Tokyo")):
        assert portal.day(NOON) == "8 March 1991"


def test_panel_has_its_heading_its_symbol_and_its_content_escaped_once() -> None:
    page = rendered(
        '{% panel "unknown" title level=1 %}<p>{{ text }}</p>{% endpanel %}', title="A < B", text="C < D"
    )
    assert '<h1 class="panel-title">' in page
    assert "<svg" in page
    assert "<span>A &lt; B</span></h1>" in page
    assert "<p>C &lt; D</p>" in page
    assert "data-focus" not in page


def test_panel_that_takes_the_focus_has_a_name() -> None:
    page = rendered('{% panel "warning" "Wait" focus=True %}{% endpanel %}')
    assert 'aria-labelledby="panel-title" tabindex="-1" data-focus' in page
    assert '<h2 class="panel-title" id="panel-title">' in page


def test_unknown_kind_of_panel_is_refused() -> None:
    with pytest.raises(ValueError, match="no panel of kind purple"):
        rendered('{% panel "purple" "Wait" %}{% endpanel %}')


def test_heads_of_a_table_are_its_columns_and_the_labels_of_its_cells() -> None:
    page = rendered(
        '{% load i18n %}{% table_head time=_("Time") person=nobody rows=rows numbers="rows" %}'
        "|{{ headings.time }}|{{ headings.rows }}",
        nobody="",
        rows="R & S",
    )
    assert re.findall(r"<th ([^>]*)>([^<]*)</th>", page) == [
        ('role="columnheader" scope="col"', "Time"),
        ('role="columnheader" scope="col" class="number"', "R &amp; S"),
    ]
    assert page.endswith("|Time|R &amp; S")


def test_badge_has_the_shape_and_its_label_escaped() -> None:
    page = rendered('{% badge "created" label %}', label="A < B")
    assert page.startswith('<span class="outcome outcome-created"><svg')
    assert page.endswith("A &lt; B</span>")


@pytest.mark.urls("tests.unit.core.test_portal_tags")
def test_post_button_is_a_form_with_the_secret_of_its_page() -> None:
    page = rendered(
        '{% post_button "danger" "here" sending="Going" %}A &amp; {{ b }}{% endpost_button %}',
        b="<b>",
        csrf_token="secret",
    )
    assert '<form method="post" action="/here">' in page
    assert 'name="csrfmiddlewaretoken" value="secret"' in page
    assert 'class="btn btn-danger" data-sending-label="Going">A &amp; &lt;b&gt;</button>' in page


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        ("sending", "Being sent"),
        ("created", "Created"),
        ("rejected", "Rejected"),
        ("not_sent", "Not sent"),
        ("unknown", "Unknown"),
        ("not_created", "Not created"),
    ],
)
def test_outcome_has_its_own_label_and_symbol(outcome: str, words: str) -> None:
    badge = render_to_string("components/text/outcome.html", {"outcome": outcome})
    assert re.search(rf"</svg>\s*{words}</span>", badge)
    others = portal.PANEL_KINDS - {outcome}
    shape = render_to_string("components/text/icon.html", {"name": outcome})
    assert "<path" in shape
    assert all(render_to_string("components/text/icon.html", {"name": other}) != shape for other in others)


def test_error_summary_links_to_the_fields_and_is_absent_without_errors() -> None:
    errors = [
        {"href": "#id_last_name", "message": "Enter the last name"},
        {"href": "", "message": "Too many <"},
    ]
    page = render_to_string("components/page/error_summary.html", {"errors": errors})
    assert 'role="alert"' in page
    assert '<a href="#id_last_name">Enter the last name</a>' in page
    assert "<li>Too many &lt;</li>" in page
    assert render_to_string("components/page/error_summary.html", {"errors": []}).strip() == ""


def test_pager_links_only_to_existing_pages() -> None:
    page = render_to_string("components/lists/pager.html", {"older_url": "?before=7"})
    assert 'href="?before=7"' in page
    assert "Newer" not in page
    assert render_to_string("components/lists/pager.html", {}).strip() == ""


def test_timeline_shows_what_when_and_who() -> None:
    event = SimpleNamespace(moment=NOON, text="Sent", by="Pat Murphy", outcome="sending")
    with timezone.override(dt.UTC):
        page = render_to_string("components/page/timeline.html", {"events": [event]})
    assert "timeline-sending" in page
    assert "Sent" in page
    assert "7 March 1991, 23:30:05</time> <span>by Pat Murphy</span>" in page


@pytest.mark.parametrize(
    ("person", "shown"),
    [(Person("a.see"), True), (Person("a.other"), True), (Person("a.no"), False), (None, False)],
)
def test_navigation_shows_entries_that_any_of_their_permissions_allows(
    settings: Settings, person: Person | None, shown: bool
) -> None:
    settings.ROOT_URLCONF = __name__
    page = rendered('{% nav_link "here" "Here" "a.see" "a.other" %}', user=person)
    assert ('<a href="/here">Here</a>' in page) is shown


def test_navigation_marks_the_current_page(settings: Settings) -> None:
    settings.ROOT_URLCONF = __name__
    request = SimpleNamespace(resolver_match=SimpleNamespace(view_name="here"))
    links = '{% nav_link "here" "Here" "a.see" %}{% nav_link "there" "There" "a.see" %}'
    page = rendered(links, user=Person("a.see"), request=request)
    assert '<a href="/here" aria-current="page">Here</a>' in page
    assert '<a href="/there">There</a>' in page


def test_misspelt_heading_of_a_cell_is_an_error() -> None:
    with pytest.raises(LookupError, match="no heading tmie"):
        rendered('{% table_head time="Time" %}{{ headings.tmie }}')


def test_navigation_omits_missing_addresses(settings: Settings) -> None:
    settings.ROOT_URLCONF = __name__
    assert rendered('{% nav_link "nowhere" "Nowhere" "a.see" %}', user=Person("a.see")) == ""


def test_support_code_is_the_views_own_and_empty_without_a_request() -> None:
    assert rendered("{% support_code %}", support_code="3f9a01bc") == "3f9a01bc"
    assert rendered("{% support_code %}") == ""


def test_reference_of_a_row_is_shortened_copied_whole_and_escaped() -> None:
    shown = portal.short_reference("3ceb0831-8744-4e92-ad93-36c0f9c4b930", "order reference")
    assert 'title="3ceb0831-8744-4e92-ad93-36c0f9c4b930">3ceb0831<' in shown
    assert 'data-copy="3ceb0831-8744-4e92-ad93-36c0f9c4b930"' in shown
    assert "Copy</span>" in shown
    assert "order reference 3ceb0831</span>" in shown
    assert portal.short_reference("short-ref", "order reference") == '<span class="mono">short-ref</span>'
    assert "<b>" not in portal.short_reference("<b>" * 20, "order reference")
