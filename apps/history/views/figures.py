"""The figures page, with the same filters as the list, and its numbers as a file."""

from __future__ import annotations

import datetime as dt
from functools import partial
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from apps.accounts.models import User
from apps.consumers.permissions import VIEW_FIGURES
from apps.core import clock
from apps.core.export.formats import Format
from apps.core.export.responses import dated_name
from apps.core.forms.errors import form_errors
from apps.core.forms.input import single_value
from apps.core.web.filters import with_query
from apps.core.web.permissions import requires
from apps.core.web.redirects import HttpResponseSeeOther
from apps.core.web.requests import actor_of
from apps.history.figures.counting import figures_of
from apps.history.figures.results import Figures
from apps.history.forms.filters import SubmissionFilterForm
from apps.history.presenters import figures as figures_page
from apps.history.presenters.figure_files.csv import csv_file
from apps.history.presenters.figure_files.drawing import svg_file
from apps.history.presenters.figure_files.excel import excel_file
from apps.history.presenters.figure_files.tables import tables
from apps.history.presenters.figures_headline import headline_page, incomplete_text
from apps.history.presenters.figures_people import SORT, people_table
from apps.history.presenters.filters import chips, filtered_url, in_words
from apps.history.recording import record_figures_exported, record_figures_viewed
from apps.history.selection import Selection
from apps.history.views.selected import filter_form, reader_of, selection_of, tidy_address

SVG = "svg"
CONTENT_TYPES = {
    Format.XLSX.value: Format.XLSX.content_type,
    Format.CSV.value: Format.CSV.content_type,
    SVG: "image/svg+xml",
}
"""The formats of a file of figures."""


@requires(VIEW_FIGURES)
@require_GET
def figures(request: HttpRequest) -> HttpResponse:
    """The figures of the filtered submissions. Each figure links to its rows."""
    if tidy := tidy_address(request):
        return redirect(tidy)
    form = filter_form(request)
    if not form.is_valid():
        return render(request, "history/figures.html", {"form": form, "errors": form_errors(form)})
    selection = selection_of(form, request.user)
    found = figures_of(selection, now=clock.now(), period=form.relative_period)
    record_figures_viewed(selection, count=found.total, actor=actor_of(request))
    sort = single_value(request.GET, SORT)
    context = {
        "form": form,
        "chips": chips(request.path, form.query(), form),
        "everybody": selection.viewer.sees_all,
        **_figures_context(request.path, form.query(), selection, found, sort),
    }
    return render(request, "history/figures.html", context)


@requires(VIEW_FIGURES)
@require_GET
def file(request: HttpRequest) -> HttpResponse:
    """The same numbers as a file: Excel or CSV, or the chart over time as SVG."""
    file_format = single_value(request.GET, "format")
    if file_format not in CONTENT_TYPES:
        raise Http404
    form = filter_form(request)
    if not form.is_valid():
        return HttpResponseSeeOther(with_query(reverse("history:figures"), form.query()))
    selection, now = selection_of(form, request.user), clock.now()
    found = figures_of(selection, now=now, period=form.relative_period)
    if file_format == SVG and not found.bars:
        raise Http404
    record_figures_exported(selection, count=found.total, file_format=file_format, actor=actor_of(request))
    facts = _facts(form, selection, maker=reader_of(request), now=now)
    response = HttpResponse(_content(file_format, found, facts), CONTENT_TYPES[file_format])
    name = dated_name("figures", now, file_format)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _content(file_format: str, found: Figures, facts: list[tuple[str, str]]) -> bytes:
    if file_format == SVG:
        time = figures_page.time_plot(found, partial(with_query, "", {}))
        description = " ".join(f"{label}: {text}." for label, text in facts)
        return svg_file(time, description=description, incomplete=incomplete_text(found))
    made = tables(found, [*facts, (_("Incomplete"), incomplete_text(found) or _("nothing"))])
    return excel_file(made) if file_format == Format.XLSX else csv_file(made)


def _facts(
    form: SubmissionFilterForm, selection: Selection, *, maker: User, now: dt.datetime
) -> list[tuple[str, str]]:
    """What a file says about itself, as labels and texts, for people who have only the file."""
    filters = [f"{label}: {text}" if text else label for label, text in in_words(form)]
    everybody = _("everyone's submissions") if selection.viewer.sees_all else _("their own submissions")
    zone = timezone.get_current_timezone_name()
    return [
        (_("Made by"), f"{maker.name} ({maker.username})"),
        (_("Numbers as of"), f"{timezone.localtime(now):%Y-%m-%d %H:%M:%S} ({zone})"),
        (_("Scope"), everybody),
        (_("Filters"), "; ".join(filters) or _("none")),
        (_("Time zone of days"), zone),
    ]


def _figures_context(
    path: str, query: dict[str, Any], selection: Selection, found: Figures, sort: str
) -> dict[str, Any]:
    address = partial(filtered_url, reverse("history:submissions"), query)
    file_url = partial(with_query, reverse("history:figures_file"), query)
    people = people_table(found.people, selection.asked, address, partial(with_query, path, query), sort=sort)
    return {
        "list_url": address(),
        "all_url": with_query(path, {}, period="all"),
        "figures": found,
        "headline": headline_page(found, selection.asked, address),
        "time": figures_page.time_plot(found, address) if found.bars else None,
        "people": people,
        "reasons": figures_page.reason_lines(found.reasons, address),
        "answers": figures_page.answer_lines(found.answers, selection.asked, address),
        "ages": figures_page.age_lines(found.open, selection.asked, address),
        "unknown_url": address(outcome="unknown"),
        "every_unknown_url": with_query(reverse("history:submissions"), {}, period="all", outcome="unknown"),
        "excel_url": file_url(format=Format.XLSX.value),
        "csv_url": file_url(format=Format.CSV.value),
        "svg_url": file_url(format=SVG),
        "made_at": clock.now(),
    }
