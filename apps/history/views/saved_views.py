"""Saved views, their counts for the start page, and the columns of the list."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.models import User
from apps.accounts.roles import LABELS
from apps.consumers.permissions import VIEW_ALL_SUBMISSIONS, VIEW_OWN_SUBMISSIONS
from apps.consumers.viewer import Viewer
from apps.core.forms.errors import form_errors
from apps.core.web.permissions import requires
from apps.core.web.redirects import HttpResponseSeeOther
from apps.core.web.requests import actor_of
from apps.history import saved
from apps.history.forms.export import moved
from apps.history.forms.filters import SubmissionFilterForm
from apps.history.forms.saved_views import ListColumnsForm, SavedViewForm, column_values
from apps.history.models import SavedView
from apps.history.permissions import SHARE_VIEWS
from apps.history.preferences import choose_columns, offered_columns, shown_columns
from apps.history.presenters.filters import chips, filtered_url
from apps.history.presenters.list import ViewLink, role_label, view_url
from apps.history.presenters.watched import WatchedViews, left_out_text, watched_view
from apps.history.selection import Selection
from apps.history.views.selected import filter_form, opened_view, reader_of

MAX_WATCHED = 10
"""Maximum number of views that the start page counts."""
_PERSON_NOT_FOR_ROLE = _("People with this role see only their own submissions: remove the filter by person")


@requires(VIEW_OWN_SUBMISSIONS, VIEW_ALL_SUBMISSIONS)
@require_GET
def views(request: HttpRequest) -> HttpResponse:
    """The views that the person may open or change."""
    person, path = reader_of(request), reverse("history:submissions")
    changeable = saved.changeable(person)
    known = {view.pk for view in changeable}
    others = [view for view in saved.usable(person) if view.pk not in known]
    rows = [
        {
            "link": ViewLink.of(view, path),
            "view": view,
            "change_url": reverse("history:view", args=[view.public_id]) if view.pk in known else "",
        }
        for view in (*changeable, *others)
    ]
    return render(request, "history/views.html", {"rows": rows, "list_url": path})


@requires(VIEW_OWN_SUBMISSIONS, VIEW_ALL_SUBMISSIONS)
@require_http_methods(["GET", "POST"])
def new_view(request: HttpRequest) -> HttpResponse:
    """Save the filters of the address as a view. A search for personal data cannot be saved."""
    filters, list_url = _filters(request)
    if not filters.is_valid():
        return HttpResponseSeeOther(list_url)  # which shows the errors at the fields
    roles = [(role, LABELS[role]) for role in saved.ROLES_WITH_A_LIST]
    may_share = request.user.has_perm(SHARE_VIEWS)
    form = SavedViewForm(request.POST if request.method == "POST" else None, roles=roles if may_share else ())
    has_search = bool(filters.cleaned_data["search"])
    if not has_search and form.is_valid() and (view := _saved(request, filters, form)):
        return HttpResponseSeeOther(view_url(view, reverse("history:submissions")))
    context = {"filters": filters, "form": form, "has_search": has_search, "list_url": list_url}
    return _form_page(request, context)


@requires(VIEW_OWN_SUBMISSIONS, VIEW_ALL_SUBMISSIONS)
@require_http_methods(["GET", "POST"])
def view(request: HttpRequest, view_id: uuid.UUID) -> HttpResponse:
    """Change a view. If the address names the view, with the filters of the address; else with its own."""
    found = _changeable(request, view_id)
    if "view" in request.GET:
        filters, list_url = _filters(request)
    else:
        filters = SubmissionFilterForm(_query_of(found), viewer=Viewer.of(request.user))
        list_url = view_url(found, reverse("history:submissions"))
    if not filters.is_valid():
        return HttpResponseSeeOther(list_url)
    form = SavedViewForm(request.POST if request.method == "POST" else None, roles=(), view=found)
    has_search = bool(filters.cleaned_data["search"])
    if not has_search and form.is_valid() and _changed(request, found, filters, form):
        return HttpResponseSeeOther(view_url(found, reverse("history:submissions")))
    context = {
        "filters": filters,
        "form": form,
        "has_search": has_search,
        "list_url": list_url,
        "view": found,
    }
    return _form_page(request, context)


@requires(VIEW_OWN_SUBMISSIONS, VIEW_ALL_SUBMISSIONS)
@require_POST
def delete_view(request: HttpRequest, view_id: uuid.UUID) -> HttpResponse:
    """Delete a view and show the others."""
    with _gone_is_not_found():
        saved.delete_view(_changeable(request, view_id), actor=actor_of(request))
    return HttpResponseSeeOther(reverse("history:views"))


@requires(VIEW_OWN_SUBMISSIONS, VIEW_ALL_SUBMISSIONS)
@require_http_methods(["GET", "POST"])
def columns(request: HttpRequest) -> HttpResponse:
    """Choose and order the columns of the list, or those of the view that the address names."""
    viewer, person = Viewer.of(request.user), reader_of(request)
    offered = offered_columns(viewer)
    filters, list_url = _filters(request)
    if not filters.is_valid():
        return HttpResponseSeeOther(list_url)
    named = filters.cleaned_data["view"]
    found = _changeable(request, named) if named else None
    if request.method == "GET":
        shown = shown_columns(viewer, found.columns if found else ())
        form = ListColumnsForm(offered=offered, values=column_values(shown, offered))
    elif (rearranged := moved(request.POST, [offered])) is not None:
        form = ListColumnsForm(offered=offered, values=rearranged)
    else:
        form = ListColumnsForm(request.POST, offered=offered)
    if form.is_valid():
        if found is None:
            choose_columns(person.pk, form.chosen())
        else:
            with _gone_is_not_found():
                saved.change_columns(found, form.chosen(), actor=actor_of(request))
        return HttpResponseSeeOther(list_url)
    context = {
        "form": form,
        "errors": form_errors(form),
        "list_url": list_url,
        "view": found,
        "audience": role_label(found.role) if found else "",
    }
    return render(request, "history/columns.html", context)


def watched(person: User) -> WatchedViews:
    """The person's views with a number to warn above, each with its present count, for the start page.

    Only the first :data:`MAX_WATCHED`.
    """
    viewer, path = Viewer.of(person), reverse("history:submissions")
    to_count = [view for view in saved.usable(person) if view.warn_above is not None]
    found = []
    for one in to_count[:MAX_WATCHED]:
        form = SubmissionFilterForm(_query_of(one), viewer=viewer)
        count = None
        if form.is_valid():
            count = Selection(form.asked(), viewer).count(SavedView.MOST_WARNED)
        found.append(watched_view(one, path, count))
    return WatchedViews(found, left_out_text(len(to_count) - len(found)))


def _filters(request: HttpRequest) -> tuple[SubmissionFilterForm, str]:
    """The filters of the address, and the list with them."""
    filters = filter_form(request)
    return filters, filtered_url(reverse("history:submissions"), filters.query())


def _query_of(view: SavedView) -> QueryDict:
    """The parameters of the list's address with this view."""
    query = QueryDict(mutable=True)
    for name, values in view.query.items():
        query.setlist(name, list(values))
    query["view"] = str(view.public_id)
    return query


def _changeable(request: HttpRequest, view_id: uuid.UUID) -> SavedView:
    """The view. Raises ``Http404`` for another person's as for an unknown one."""
    found = saved.find_changeable(view_id, reader_of(request))
    if found is None:
        raise Http404
    return found


@contextmanager
def _gone_is_not_found() -> Iterator[None]:
    """Raises ``Http404`` for a view that was deleted meanwhile, as for an unknown one."""
    try:
        yield
    except saved.ViewGone:
        raise Http404 from None


def _choice(
    request: HttpRequest, filters: SubmissionFilterForm, form: SavedViewForm, columns: Sequence[str]
) -> saved.ViewChoice:
    return saved.ViewChoice(
        name=form.cleaned_data["name"],
        query=filters.stored_query(),
        columns=shown_columns(Viewer.of(request.user), columns),
        is_default=form.cleaned_data["is_default"],
        warn_above=form.cleaned_data["warn_above"],
    )


def _saved(request: HttpRequest, filters: SubmissionFilterForm, form: SavedViewForm) -> SavedView | None:
    """The new view; None if it was refused, with the error in the form.

    It has the columns of the list from which it is saved: those of the opened view, if there is one.
    """
    role = form.cleaned_data.get("audience", "")
    opened = opened_view(filters, reader_of(request))
    choice = _choice(request, filters, form, opened.columns if opened else ())
    try:
        return saved.save_view(choice, role=role, actor=actor_of(request))
    except saved.TooMany:
        form.add_error(None, _("There are 20 views already. Delete one of them first"))
    except saved.Refused as refusal:
        _add_error(form, refusal)
    return None


def _changed(
    request: HttpRequest, found: SavedView, filters: SubmissionFilterForm, form: SavedViewForm
) -> bool:
    """Whether the view was changed. If not, the error is in the form."""
    try:
        with _gone_is_not_found():
            saved.change_view(found, _choice(request, filters, form, found.columns), actor=actor_of(request))
    except saved.Refused as refusal:
        _add_error(form, refusal)
        return False
    return True


def _add_error(form: SavedViewForm, refusal: saved.Refused) -> None:
    """Say at the field why the view was not stored."""
    if isinstance(refusal, saved.NameTaken):
        form.add_error("name", _("There is a view of this name. Enter another name"))
    elif isinstance(refusal, saved.PersonNotForRole):
        # A view that is changed keeps its role, which the form then does not have.
        form.add_error("audience" if "audience" in form.fields else None, _PERSON_NOT_FOR_ROLE)
    else:
        form.add_error(None, _("Another view was saved at the same moment. Save this one again"))


def _form_page(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    filters, view = context["filters"], context.get("view")
    context |= {
        "errors": form_errors(context["form"]),
        "chips": chips(request.path, filters.query(), filters),
        "audience": role_label(view.role) if view else "",
    }
    return render(request, "history/view.html", context)
