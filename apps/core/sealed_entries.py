"""An entry that was sent after the session had ended is not lost: sealed, then given back to the same person.

A form that wants this holds the mark of its reader. When it arrives without a session, its values are
encrypted and wait in the visitor's new session; nothing was done with them. Whoever signs in there gets
them back if the mark is theirs, and only once; for anybody else they are thrown away.
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
_IN_SESSION = "kept_entry"
_SALT = "apps.core.sealed_entries"
_NOT_READ = (SuspiciousOperation, MultiPartParserError, UnreadablePostError)
_NOT_KEPT = frozenset({MARK_FIELD, "csrfmiddlewaretoken"})


def mark(request: HttpRequest) -> str:
    """The mark of the signed-in person, for a hidden field. It cannot be made by anybody else."""
    return signing.dumps(str(request.user.pk), salt=_SALT)


def owner_of(request: HttpRequest) -> str:
    """The id of the person whose mark the posted form carries; empty without a true mark."""
    try:
        return str(signing.loads(request.POST.get(MARK_FIELD, ""), salt=_SALT))
    except signing.BadSignature:
        return ""


def keep(request: HttpRequest) -> bool:
    """Keep the posted values of a marked form for its person; False where there is nothing to keep.

    Call it where the request is refused. Nothing of the values is readable in the session's row.
    """
    owner = owner_of(request)
    if not owner:
        return False
    values = {name: value for name, value in request.POST.items() if name not in _NOT_KEPT}
    entry = {"owner": owner, "path": request.path, "values": values}
    request.session[_IN_SESSION] = encrypt(json.dumps(entry))
    return True


def sent_again(request: HttpRequest) -> list[tuple[str, str]]:
    """The fields of a marked form as they were posted, for a page that sends them once more.

    Nothing for any other request. Asks the database for nothing, and whose entry it is need not be known: it
    goes back to where it has just come from.
    """
    try:
        signing.loads(request.POST.get(MARK_FIELD, ""), salt=_SALT)
    except (signing.BadSignature, *_NOT_READ):
        return []
    return [(name, value) for name, values in request.POST.lists() for value in values]


def take(request: HttpRequest, *, path: str = "") -> dict[str, str] | None:
    """The kept values for this person, or None. They are gone from the session afterwards.

    ``path`` is where the form posts to, if that is not the page's own address.
    """
    sealed = request.session.get(_IN_SESSION)
    if sealed is None:
        return None
    try:
        entry = json.loads(decrypt(sealed))
    except InvalidToken:  # the key was taken away meanwhile
        entry = {}
    of_this_person = entry.get("owner") == str(request.user.pk)
    if of_this_person and entry["path"] != (path or request.path):
        return None
    del request.session[_IN_SESSION]
    return dict(entry["values"]) if of_this_person else None
