"""The list of submissions, filtered by its address: of all people for supervisors, else the reader's own."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from apps.audit import person_limits
from apps.consumers import recording, searches, selectors
from apps.consumers.models import Outcome, Submission
from apps.consumers.permissions import CREATE_ORDER_CONSUMER, VIEW_ALL_SUBMISSIONS, VIEW_OWN_SUBMISSIONS
from apps.consumers.presenters.lists import lines
from apps.consumers.reconciliation import taking
from apps.consumers.viewer import Viewer
from apps.core.forms.errors import form_errors
from apps.core.web import keyset, sealed_entries
from apps.core.web.filters import page_url, with_query
from apps.core.web.permissions import requires
from apps.core.web.redirects import HttpResponseSeeOther
from apps.core.web.requests import actor_of
from apps.history.forms.filters import SearchForm, SubmissionFilterForm
from apps.history.presenters.filters import chips
from apps.history.selection import MAX_COUNTED, Selection, SubmissionFilter
from apps.history.views.selected import filter_form, selection_of

PAGE_SIZE = 50
PINNED = 5
ONLY_UNKNOWN = SubmissionFilter(outcome=Outcome.UNKNOWN)


@requires(VIEW_OWN_SUBMISSIONS, VIEW_ALL_SUBMISSIONS)
@require_http_methods(["GET", "POST"])
def submissions(request: HttpRequest) -> HttpResponse:
    """The list, newest first. Searches for personal data are sent by POST, to keep them out of addresses."""
    status = HTTPStatus.OK
    if request.method == "POST":
        search = SearchForm(request.POST)
        if search.is_valid():
            if person_limits.allows(person_limits.Act.SEARCH, actor_of(request)):
                recorded = searches.record_search(search.values(), actor=actor_of(request))
                return HttpResponseSeeOther(_searched_url(request, searches.seal(recorded)))
            search.add_error(None, person_limits.refusal(person_limits.Act.SEARCH))
            status = HTTPStatus.TOO_MANY_REQUESTS
    else:
        search = SearchForm(sealed=sealed_entries.unseal(request))
    position = keyset.read_position(request.GET, selectors.NEWEST_BY)
    form, viewer = filter_form(request), Viewer.of(request.user)
    context: dict[str, Any] = {
        "form": form,
        "search": search,
        "search_url": _searched_url(request),
        "search_errors": form_errors(search),
        "entry_of": sealed_entries.author_token(request),
        "everybody": viewer.sees_all,
        "own": not viewer.sees_all,
    }
    errors = [*(form_errors(form) if not form.is_valid() else []), *context["search_errors"]]
    if errors:
        return render(request, "history/submissions.html", {**context, "errors": errors}, status=status)
    return render(request, "history/submissions.html", {**context, **_list_context(request, form, position)})


def _list_context(
    request: HttpRequest, form: SubmissionFilterForm, position: keyset.Position | None
) -> dict[str, Any]:
    """The rows and links of a page of the list, for a valid form. Records the event first."""
    selection, path, values = selection_of(form, request.user), request.path, form.query()
    page = selection.page(size=PAGE_SIZE, position=position)
    pinned = _pinned(selection) if position is None else {}
    recording.record_listed(
        count=len(page.rows) + sum(len(rows) for rows, _count in pinned.values()),
        viewer=selection.viewer,
        filters=selection.asked.kinds(),
        search=str(selection.asked.search.public_id) if selection.asked.search else "",
        actor=actor_of(request),
    )
    return {
        "lines": lines(page.rows),
        "count": selection.count() if page.rows else None,
        "most_counted": MAX_COUNTED,
        "chips": chips(path, values, form),
        "new_url": reverse("consumers:new") if request.user.has_perm(CREATE_ORDER_CONSUMER) else "",
        "has_none": not page.rows and not selection.visible().exists(),
        "narrowed": not form.has_default_period or replace(selection.asked, since=None) != SubmissionFilter(),
        "is_behind_all": position is not None and not page.rows,
        "first_url": with_query(path, values),
        "newer_url": page_url(path, values, page.newer),
        "older_url": page_url(path, values, page.older),
        "all_url": with_query(path, {}, period="all"),
        "every_unknown_url": with_query(path, {}, outcome=Outcome.UNKNOWN, period="all"),
        "export_url": with_query(reverse("history:export"), values),
        "figures_url": with_query(reverse("history:figures"), values),
        **{name: {"lines": lines(rows), "count": count} for name, (rows, count) in pinned.items()},
        "overdue_count": selectors.unknown_submissions(selection.viewer)
        .filter(submitted_at__lt=taking.overdue_before())
        .count()
        if "unknown" in pinned
        else 0,
    }


def _pinned(selection: Selection) -> dict[str, tuple[list[Submission], int]]:
    """The first submissions of each kind that need a decision, and their number; filters do not apply."""
    selectors_by_kind = {
        "contradicted": selectors.contradicted_submissions,
        "doubtful": selectors.doubtful_submissions,
        "unknown": selectors.unknown_submissions,
    }
    if selection.asked == ONLY_UNKNOWN:
        del selectors_by_kind["unknown"]  # the list itself shows them
    pinned = {}
    for name, select in selectors_by_kind.items():
        all_of_kind = select(selection.viewer).order_by("submitted_at", "id")
        rows = list(all_of_kind[: PINNED + 1])
        # Counting is cheap: they are few, and a partial index contains them.
        pinned[name] = (rows[:PINNED], all_of_kind.count() if len(rows) > PINNED else len(rows))
    return pinned


def _searched_url(request: HttpRequest, token: str = "") -> str:
    """The address of the list's first page with the current filters and, if given, another search.

    The filters are not validated here; the list shows their errors.
    """
    query = request.GET.copy()
    for name in query.keys() - SubmissionFilterForm.base_fields.keys():
        del query[name]
    if token:
        query["search"] = token
    return f"{request.path}?{query.urlencode()}" if query else request.path
