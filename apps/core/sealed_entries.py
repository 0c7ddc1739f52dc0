"""Sealed entries: a form that was posted after the session ended is not lost.

A form that uses this contains the mark of its reader. If it arrives without a session, its values are
encrypted and stored in the visitor's new session; nothing else is done with them. When the same person signs
in there, the form is filled with them, once. If somebody else signs in, they are deleted.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from cryptography.fernet import InvalidToken
from django.core import signing
from django.core.exceptions import SuspiciousOperation
from django.http import UnreadablePostError
from django.http.multipartparser import MultiPartParserError

from apps.core.encryption import decrypt, encrypt

if TYPE_CHECKING:
    from django.http import HttpRequest

MARK_FIELD = "entry_of"
_IN_SESSION = "sealed_entry"
_SALT = "apps.core.sealed_entries"
_NOT_READ = (SuspiciousOperation, MultiPartParserError, UnreadablePostError)
_NOT_SEALED = frozenset({MARK_FIELD, "csrfmiddlewaretoken"})


def mark(request: HttpRequest) -> str:
    """The signed mark of the signed-in person, for a hidden field."""
    return signing.dumps(str(request.user.pk), salt=_SALT)


def owner_of(request: HttpRequest) -> str:
    """The id of the person whose mark the posted form contains; empty without a valid mark."""
    try:
        return str(signing.loads(request.POST.get(MARK_FIELD, ""), salt=_SALT))
    except signing.BadSignature:
        return ""


def seal(request: HttpRequest) -> bool:
    """Encrypt the posted values of a marked form into the session; False if the form has no valid mark.

    Call it where the request is refused.
    """
    owner = owner_of(request)
    if not owner:
        return False
    values = {name: value for name, value in request.POST.items() if name not in _NOT_SEALED}
    entry = {"owner": owner, "path": request.path, "values": values}
    request.session[_IN_SESSION] = encrypt(json.dumps(entry))
    return True


def sent_again(request: HttpRequest) -> list[tuple[str, str]]:
    """The fields of a marked form as they were posted, for a page that sends them again; else an empty list.

    Reads nothing from the database. The owner need not be known: the values return to their sender.
    """
    try:
        signing.loads(request.POST.get(MARK_FIELD, ""), salt=_SALT)
    except (signing.BadSignature, *_NOT_READ):
        return []
    return [(name, value) for name, values in request.POST.lists() for value in values]


def unseal(request: HttpRequest, *, path: str = "") -> dict[str, str] | None:
    """Remove the sealed values from the session and return them, or None if they are another person's.

    ``path``: the address that the form posts to, if it is not the page's own.
    """
    sealed = request.session.get(_IN_SESSION)
    if sealed is None:
        return None
    try:
        entry = json.loads(decrypt(sealed))
    except InvalidToken:  # the key was removed meanwhile
        entry = {}
    of_this_person = entry.get("owner") == str(request.user.pk)
    if of_this_person and entry["path"] != (path or request.path):
        return None
    del request.session[_IN_SESSION]
    return dict(entry["values"]) if of_this_person else None
