"""The list of submissions, filtered by its address: of all people for supervisors, else the reader's own."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from apps.accounts.models import User
from apps.audit import person_limits
from apps.consumers import recording, searches, selectors
from apps.consumers.models import Outcome
from apps.consumers.permissions import CREATE_ORDER_CONSUMER, VIEW_ALL_SUBMISSIONS, VIEW_OWN_SUBMISSIONS
from apps.consumers.presenters.lists import AttentionLine, attention_lines, lines
from apps.consumers.reconciliation import taking
from apps.consumers.viewer import Viewer
from apps.core import keyset
from apps.core.forms.errors import form_errors
from apps.core.web import sealed_entries
from apps.core.web.filters import page_url, read_position, with_query
from apps.core.web.permissions import requires
from apps.core.web.redirects import HttpResponseSeeOther
from apps.core.web.requests import actor_of
from apps.history import saved
from apps.history.forms.filters import SearchForm, SubmissionFilterForm
from apps.history.models import SavedView
from apps.history.preferences import shown_columns
from apps.history.presenters.filters import chips, filtered_url
from apps.history.presenters.list import ViewLink, sortable_columns, view_url
from apps.history.selection import MAX_COUNTED, Attention, Period, Sort, SubmissionFilter
from apps.history.views.selected import filter_form, opened_view, reader_of, selection_of, tidy_address

PAGE_SIZE = 50


@requires(VIEW_OWN_SUBMISSIONS, VIEW_ALL_SUBMISSIONS)
@require_http_methods(["GET", "POST"])
def submissions(request: HttpRequest) -> HttpResponse:
    """The list, newest first unless sorted otherwise. Without parameters it opens the reader's default view.

    Searches for personal data are sent by POST, to keep them out of addresses.
    """
    if request.method == "POST":
        return _search(request)
    person = reader_of(request)
    views = saved.usable(person)
    if leads_to := tidy_address(request) or _default_address(request, views, person):
        return redirect(leads_to)
    return _page(request, SearchForm(sealed=sealed_entries.unseal(request)), views)


def _search(request: HttpRequest) -> HttpResponse:
    """Record the search, and redirect to the list with it. If it is not accepted, the page shows why."""
    search, status = SearchForm(request.POST), HTTPStatus.OK
    if search.is_valid():
        if person_limits.allows(person_limits.Act.SEARCH, actor_of(request)):
            recorded = searches.record_search(search.values(), actor=actor_of(request))
            return HttpResponseSeeOther(_searched_url(request, searches.seal(recorded)))
        search.add_error(None, person_limits.refusal(person_limits.Act.SEARCH))
        status = HTTPStatus.TOO_MANY_REQUESTS
    return _page(request, search, saved.usable(reader_of(request)), status=status)


def _page(
    request: HttpRequest, search: SearchForm, views: list[SavedView], *, status: HTTPStatus = HTTPStatus.OK
) -> HttpResponse:
    """The page, without the list if the filters or the search have errors. ``views``: those of the reader."""
    form, viewer, person = filter_form(request), Viewer.of(request.user), reader_of(request)
    is_valid = form.is_valid()
    sort = form.chosen_sort if is_valid else Sort.NEWEST
    position = read_position(request.GET, sort.by)
    view = opened_view(form, person) if is_valid else None
    context: dict[str, Any] = {
        "form": form,
        "search": search,
        "search_url": _searched_url(request),
        "search_errors": form_errors(search),
        "entry_of": sealed_entries.author_token(request),
        "everybody": viewer.sees_all,
        "attention": _attention(form, viewer) if is_valid else (),
        "views": [
            ViewLink.of(one, request.path, is_open=view is not None and one.pk == view.pk) for one in views
        ],
        "view": view,
        "all_url": with_query(request.path, {}, period=Period.ALL.value),
    }
    errors = [*(form_errors(form) if not is_valid else []), *context["search_errors"]]
    context |= {"errors": errors} if errors else _list_context(request, form, position, view)
    return render(request, "history/submissions.html", context, status=status)


def _default_address(request: HttpRequest, views: list[SavedView], person: User) -> str:
    """The address of the reader's default view for the list's address without parameters; else empty."""
    if request.GET:
        return ""
    default = saved.default_view(views, person.roles)
    return view_url(default, request.path) if default else ""


def _list_context(
    request: HttpRequest, form: SubmissionFilterForm, position: keyset.Position | None, view: SavedView | None
) -> dict[str, Any]:
    """The rows and links of a page of the list, for a valid form. Records the event first."""
    selection, path, values = selection_of(form, request.user), request.path, form.query()
    page = selection.page(size=PAGE_SIZE, position=position)
    recording.record_listed(
        page.rows,
        viewer=selection.viewer,
        filters=selection.asked.recorded(found=bool(page.rows)),
        search=str(selection.asked.search.public_id) if selection.asked.search else "",
        actor=actor_of(request),
    )
    onwards, back = (page.newer, page.older) if selection.sort.is_ascending else (page.older, page.newer)
    shown = shown_columns(selection.viewer, view.columns if view else ())
    changed = view is not None and form.stored_query() != view.query
    change_url = _change_url(request, view, values)
    return {
        "lines": lines(page.rows),
        "columns": sortable_columns(shown, selection.sort, path, values),
        "count": selection.count() if page.rows else None,
        "most_counted": MAX_COUNTED,
        "chips": chips(path, values, form),
        "sort": selection.sort,
        "new_url": reverse("consumers:new") if request.user.has_perm(CREATE_ORDER_CONSUMER) else "",
        "has_none": not page.rows and not selection.visible().exists(),
        "narrowed": not _is_last_days(form) or replace(selection.asked, since=None) != SubmissionFilter(),
        "is_behind_all": position is not None and not page.rows,
        "first_url": filtered_url(path, values),
        "back_url": page_url(path, values, back),
        "onwards_url": page_url(path, values, onwards),
        "export_url": with_query(reverse("history:export"), values, view=""),
        "figures_url": with_query(reverse("history:figures"), values, view=""),
        # An opened view has columns of its own.
        "columns_url": with_query(reverse("history:columns"), values) if view is None or change_url else "",
        "save_url": with_query(reverse("history:new_view"), values),
        "change_url": change_url,
        "view_changed": changed,
    }


def _is_last_days(form: SubmissionFilterForm) -> bool:
    """Whether the period is the last :data:`PERIOD_DAYS` days, by its name or as none was chosen."""
    return form.relative_period is Period.LAST_DAYS and form.cleaned_data["since"] is None


def _change_url(request: HttpRequest, view: SavedView | None, values: dict[str, Any]) -> str:
    """The address that stores the present filters in the opened view; empty if the reader may not."""
    if view is None or saved.find_changeable(view.public_id, reader_of(request)) is None:
        return ""
    return with_query(reverse("history:view", args=[view.public_id]), values)


def _attention(form: SubmissionFilterForm, viewer: Viewer) -> tuple[AttentionLine, ...]:
    """What needs a decision, with its number; filters do not apply."""
    exactly = {SubmissionFilter(outcomes=(Outcome.UNKNOWN,)): "unknown"}
    exactly |= {SubmissionFilter(attention=kind.value): kind.value for kind in Attention}
    shown = exactly.get(form.asked())  # the list itself shows exactly these
    found = selectors.pending(viewer, overdue_before=taking.overdue_before())
    return attention_lines((one for one in found if one.kind != shown), may_resolve=viewer.may_resolve)


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
