"""The figures page, with the same filters as the list."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET

from apps.consumers.permissions import VIEW_FIGURES
from apps.core import clock
from apps.core.forms.errors import form_errors
from apps.core.web.filters import with_query
from apps.core.web.permissions import requires
from apps.core.web.requests import actor_of
from apps.history.figures import Figures, figures_of
from apps.history.presenters import figures as figures_page
from apps.history.presenters.filters import chips
from apps.history.recording import record_figures_viewed
from apps.history.selection import Selection
from apps.history.views.selected import filter_form, selection_of, tidy_address


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
    found = figures_of(selection, now=clock.now())
    record_figures_viewed(selection, count=found.total, actor=actor_of(request))
    context = {
        "form": form,
        "chips": chips(request.path, form.query(), form),
        "everybody": selection.viewer.sees_all,
        **_figures_context(request.path, form.query(), selection, found),
    }
    return render(request, "history/figures.html", context)


def _figures_context(
    path: str, query: dict[str, Any], selection: Selection, found: Figures
) -> dict[str, Any]:
    address = partial(with_query, reverse("history:submissions"), query)
    return {
        "list_url": address(),
        "all_url": with_query(path, {}, period="all"),
        "figures": found,
        "time": figures_page.time_plot(found, address) if found.bars else None,
        "people": figures_page.person_lines(found.people, address),
        "reasons": figures_page.reason_lines(found.reasons, address),
        "answers": figures_page.answer_lines(found.answers, selection.asked, address),
        "answers_words": figures_page.answers_sentence(found.answers),
        "ages": figures_page.age_lines(found.open),
        "unknown_url": address(outcome="unknown"),
        "every_unknown_url": with_query(reverse("history:submissions"), {}, period="all", outcome="unknown"),
    }
