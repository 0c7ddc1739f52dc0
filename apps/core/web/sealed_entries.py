"""Sealed entries: forms posted after the session ended, encrypted until their author signs in again.

A form contains a signed token of the person it was shown to (its author). If it arrives without a session,
nothing is done with its values: they are encrypted and stored in the visitor's new session, beside those of
other tabs. The person who signs in there gets them back once, if the token is theirs. For any other person
they are deleted.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core import signing
from django.core.exceptions import SuspiciousOperation
from django.http import UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.translation import gettext_lazy, ngettext

from apps.core.encryption import NotReadableError, decrypt_from_text, encrypt_as_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpRequest

AUTHOR_FIELD = "entry_of"
DRAFT_OF_ANOTHER = gettext_lazy("Draft not saved: this page was opened by another person")
MAX_SEALED = 5
"""The entries of one person that a session stores."""
_SESSION_KEY = "sealed_entries"
_SALT = "apps.core.web.sealed_entries"
_UNREADABLE_BODY = (SuspiciousOperation, MultiPartParserError, UnreadablePostError)
_NOT_SEALED = frozenset({AUTHOR_FIELD, "csrfmiddlewaretoken"})


def author_token(request: HttpRequest) -> str:
    """The signed token of the signed-in person, for a hidden field named :data:`AUTHOR_FIELD`."""
    return signing.dumps(str(request.user.pk), salt=_SALT)


def author_of(request: HttpRequest) -> str:
    """The id of the person whose token the posted form contains; empty if it has no valid token."""
    try:
        return str(signing.loads(request.POST.get(AUTHOR_FIELD, ""), salt=_SALT))
    except signing.BadSignature:
        return ""


def is_of_another(request: HttpRequest) -> bool:
    """Whether the posted form was shown to another person than the one who is signed in now."""
    author = author_of(request)
    return bool(author) and author != str(request.user.pk)


def seal(request: HttpRequest, *, page: str) -> bool:
    """Encrypt the posted values into the session; False without a valid token, or with :data:`MAX_SEALED`.

    ``page``: the address of the page that contained the form. Call it where the request is refused.
    """
    author = author_of(request)
    if not author:
        return False
    values = {name: value for name, value in request.POST.items() if name not in _NOT_SEALED}
    address = request.get_full_path()
    entry = {"path": request.path, "address": address, "page": page, "values": values}
    stored = {one: _opened(one, author) for one in request.session.get(_SESSION_KEY, ())}
    own = [one for one, opened in stored.items() if opened and opened != entry]
    if len(own) >= MAX_SEALED:
        return False
    of_others = [one for one, opened in stored.items() if not opened][-MAX_SEALED:]
    request.session[_SESSION_KEY] = [*of_others, *own, _sealed(entry, author)]
    return True


def posted_fields(request: HttpRequest) -> list[tuple[str, str]]:
    """Names and values of a form with a valid token, as posted, for a page that posts them again.

    Empty for any other request and for a body that cannot be read. Does not use the database. The author is
    not compared: the values go back to the browser that has just sent them.
    """
    try:
        signing.loads(request.POST.get(AUTHOR_FIELD, ""), salt=_SALT)
    except (signing.BadSignature, *_UNREADABLE_BODY):
        return []
    return [(name, value) for name, values in request.POST.lists() for value in values]


def to_send_again(request: HttpRequest) -> dict[str, Any]:
    """The context of ``errors/send_again.html``, which posts the form again. See :func:`posted_fields`."""
    entry = posted_fields(request)
    return {"entry": entry, "had_file": bool(entry and request.FILES)}  # entry: the body can be read


def unseal(request: HttpRequest, *, path: str = "") -> dict[str, str] | None:
    """Remove the latest sealed entry for a page from the session and return its values; None without one.

    By default the form was posted to the address of the request with its query, which says what it corrects
    or replaces. ``path``: it was posted to this path, and a query says nothing about it. Other entries stay
    in the session, and a message leads to the next one if one was returned, or is for this address with
    another query. Entries of other people are removed.
    """
    address = "" if path else request.get_full_path()
    [values] = unseal_each(request, [path or request.path], address=address)
    return values


def peek(request: HttpRequest, path: str) -> dict[str, str] | None:
    """The values of the latest sealed entry that was posted to this path, which stays in the session."""
    opened = (_opened(one, str(request.user.pk)) for one in request.session.get(_SESSION_KEY, ()))
    posted = [entry["values"] for entry in opened if entry and entry["path"] == path]
    return dict(posted[-1]) if posted else None


def unseal_each(
    request: HttpRequest, paths: Sequence[str], *, address: str = ""
) -> list[dict[str, str] | None]:
    """As :func:`unseal`, for a page with several forms, each posted to one of these paths.

    The message leaves out all that are returned. ``address``: they were posted to it.
    """
    sealed = request.session.get(_SESSION_KEY)
    if not sealed:
        return [None for _path in paths]
    # Unreadable is what belongs to another person, or whose key has been removed since.
    own = {one: entry for one in sealed if (entry := _opened(one, str(request.user.pk)))}
    has_some = any(entry["path"] in paths for entry in own.values())
    returned = []
    for path in paths:
        here = [one for one, entry in own.items() if entry["path"] == path]
        fitting = [one for one in here if address in ("", own[one]["address"])]
        returned.append(dict(own.pop(fitting[-1])["values"]) if fitting else None)
    if own:
        request.session[_SESSION_KEY] = [*own]
    else:
        del request.session[_SESSION_KEY]
    if own and has_some:
        _lead_to_next(request, [*own.values()])
    return returned


def move(request: HttpRequest, *, to: str) -> bool:
    """Let this person's entries for the request's address come back at another one; False without any."""
    person_id, before = str(request.user.pk), list(request.session.get(_SESSION_KEY, ()))
    after = []
    for sealed in before:
        entry = _opened(sealed, person_id)
        is_for_here = entry is not None and entry["address"] == request.get_full_path()
        moved = {**(entry or {}), "address": to, "page": to}
        after.append(_sealed(moved, person_id) if is_for_here else sealed)
    if after == before:
        return False
    request.session[_SESSION_KEY] = after
    return True


def _sealed(entry: dict[str, Any], person_id: str) -> str:
    return encrypt_as_text(json.dumps(entry), _SESSION_KEY, person_id)


def _opened(sealed: str, person_id: str) -> dict[str, Any] | None:
    """A sealed entry of this person; None if it is not theirs or not readable."""
    try:
        entry: dict[str, Any] = json.loads(decrypt_from_text(sealed, _SESSION_KEY, person_id))
    except NotReadableError:
        return None
    return entry


def _lead_to_next(request: HttpRequest, entries: list[dict[str, Any]]) -> None:
    text = ngettext(
        "Another form that you sent after your session had ended is stored.",
        "%(count)s other forms that you sent after your session had ended are stored.",
        len(entries),
    ) % {"count": len(entries)}
    words = ngettext("Open it", "Open the next one", len(entries))
    link = render_to_string("components/text/new_tab_link.html", {"url": entries[-1]["page"], "text": words})
    messages.warning(request, format_html("{} {}", text, link))
