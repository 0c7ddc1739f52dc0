"""The filter form and the selection of a request, shared by all pages of the history."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from django.http import Http404, HttpRequest, QueryDict

from apps.accounts.models import User
from apps.consumers.viewer import Viewer
from apps.history import saved
from apps.history.forms.filters import SubmissionFilterForm
from apps.history.models import SavedView
from apps.history.presenters.filters import filtered_url
from apps.history.selection import Selection


def filter_form(request: HttpRequest) -> SubmissionFilterForm:
    """The filters of the address, as its reader may use them."""
    return SubmissionFilterForm(request.GET, viewer=Viewer.of(request.user))


def reader_of(request: HttpRequest) -> User:
    """The signed-in person of a request that needs a permission."""
    assert isinstance(request.user, User)  # noqa: S101  # narrows the type
    return request.user


def selection_of(form: SubmissionFilterForm, user: User | AnonymousUser) -> Selection:
    """The submissions that a valid form asks for, within what its reader may see."""
    return Selection(form.asked(), Viewer.of(user), form.chosen_sort)


def opened_view(form: SubmissionFilterForm, person: User) -> SavedView | None:
    """The saved view that a valid form names. Raises ``Http404`` if the person has no such view."""
    named = form.cleaned_data["view"]
    if named is None:
        return None
    view = saved.find_usable(named, person) or saved.find_changeable(named, person)
    if view is None:
        raise Http404
    return view


def tidy_address(request: HttpRequest) -> str:
    """The address without empty filters, which a form sends without script; empty if there are none.

    A form with empty filters only asks for the default period, not for the page as it opens.
    """
    values = dict(request.GET.lists())
    kept = {
        name: [text for text in texts if text or name not in SubmissionFilterForm.base_fields]
        for name, texts in values.items()
    }
    if kept == values:
        return ""
    query = QueryDict(mutable=True)
    for name, texts in kept.items():
        query.setlist(name, texts)
    return filtered_url(request.path, dict(query.lists()))
