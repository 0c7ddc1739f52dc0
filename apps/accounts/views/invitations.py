"""Views for inviting several people, and for the links to set a password that one has issued."""

from __future__ import annotations

import re

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods

from apps.accounts import password_links as tokens
from apps.accounts import services
from apps.accounts.forms import InviteForm
from apps.accounts.invitation_table import MAX_INVITED, InvitedRow, TooManyPeopleError, read_table
from apps.accounts.models import PasswordLink
from apps.accounts.permissions import MANAGE_PEOPLE
from apps.accounts.presenters import REFUSAL_LABELS, LinkRow, link_row
from apps.accounts.selectors import open_links
from apps.core.forms.errors import form_errors
from apps.core.forms.input import single_value
from apps.core.web import sealed_entries
from apps.core.web.permissions import requires
from apps.core.web.requests import actor_of


@require_http_methods(["GET", "POST"])
@requires(MANAGE_PEOPLE)
def invite(request: HttpRequest) -> HttpResponse:
    """Invite several people: check the pasted table, then create all of them, or none."""
    sealed = None if request.method == "POST" else sealed_entries.unseal(request)
    form = InviteForm(request.POST or None, initial=sealed)
    rows: list[InvitedRow] = []
    if form.is_valid():
        table = form.cleaned_data["table"]
        rows = _checked(form, table)
        if single_value(request.POST, "action") == "create":
            if not form.errors:
                people = [row.person for row in rows if row.person is not None]
                try:
                    services.invite_people(people=people, actor=actor_of(request))
                except services.ActRefusedError as refused:  # somebody added one of them since the check
                    rows = _checked(form, table)
                    text = _("Nobody was added: a user name was taken meanwhile. Check again.")
                    if refused.refusal is not services.Refusal.USER_NAME_TAKEN:
                        text = str(REFUSAL_LABELS[refused.refusal])
                    form.add_error("table", text)
                else:
                    return _added(request, len(people))
            if rows and _were_just_added(request, table):
                return _added(request, len(rows))  # the button was pressed twice
    context = {
        "form": form,
        "errors": form_errors(form),
        "rows": rows,
        "is_ready": rows and not form.errors,
        "entry_of": sealed_entries.author_token(request),
        "was_sealed": sealed is not None,
    }
    return render(request, "accounts/invite.html", context)


def _checked(form: InviteForm, table: str) -> list[InvitedRow]:
    """The rows of the table; its problems are added to the form."""
    try:
        rows = read_table(table)
    except TooManyPeopleError as error:
        text = _("The table has %(found)s people; invite at most %(most)s at once")
        form.add_error("table", text % {"found": error.found, "most": MAX_INVITED})
        return []
    _add_errors(form, rows)
    return rows


def _were_just_added(request: HttpRequest, table: str) -> bool:
    people = [row.person for row in read_table(table, with_taken=True)]
    known = [person for person in people if person is not None]
    return len(known) == len(people) and services.just_invited(known, str(request.user.pk))


def _added(request: HttpRequest, count: int) -> HttpResponse:
    text = ngettext("%(count)s person was added", "%(count)s people were added", count)
    messages.success(request, text % {"count": count})
    return redirect("accounts:password_links")


@require_GET
@requires(MANAGE_PEOPLE)
def password_links(request: HttpRequest) -> HttpResponse:
    """The links that the reader has issued and that can still be used. Nobody else can see them here."""
    person = single_value(request.GET, "person")
    person_id = int(person) if re.fullmatch("[0-9]{1,18}", person) else None
    found = open_links(str(request.user.pk), person_id=person_id) if person_id or not person else []
    # Once, before the event: a link that expires meanwhile has no token any more.
    shown = [(link, token) for link in found if (token := tokens.token_of(link))]
    if shown:
        people = [link.person_id for link, _token in shown]
        services.record_links_shown(person_ids=people, actor=actor_of(request))
    context = {
        "links": [_with_url(request, link, token) for link, token in shown],
        "is_filtered": bool(person),
    }
    return render(request, "accounts/password_links.html", context)


def _with_url(request: HttpRequest, link: PasswordLink, token: str) -> LinkRow:
    parts = [tokens.encode_person(link.person), token]
    return link_row(link, url=request.build_absolute_uri(reverse("password_link", args=parts)))


def _add_errors(form: InviteForm, rows: list[InvitedRow]) -> None:
    """Add every problem of every line to the form."""
    if not rows:
        form.add_error("table", _("Paste at least one line with a person"))
    for row in rows:
        for error in row.errors:
            form.add_error("table", _("Line %(line)s: %(error)s") % {"line": row.line, "error": error})
