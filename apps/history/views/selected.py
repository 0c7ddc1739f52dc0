"""The filter form and the selection of a request, shared by all pages of the history."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest

from apps.accounts.models import User
from apps.consumers.viewer import Viewer
from apps.history.forms.filters import SubmissionFilterForm
from apps.history.selection import Selection


def filter_form(request: HttpRequest) -> SubmissionFilterForm:
    """The filters of the address, as its reader may use them."""
    return SubmissionFilterForm(request.GET, viewer=Viewer.of(request.user))


def selection_of(form: SubmissionFilterForm, user: User | AnonymousUser) -> Selection:
    """The submissions that a valid form asks for, within what its reader may see."""
    return Selection(form.asked(), Viewer.of(user))
