"""Streams that end when their reader loses access."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from typing import TypeVar

from django.contrib.auth import get_user_model
from django.http import HttpRequest

from apps.core.connections import release_database_connections
from apps.core.web.requests import actor_of

Part = TypeVar("Part", bytes, str)


class AccessEnded(Exception):
    """The reader of a stream has no access any more. Raised to the server, which breaks the connection."""


def while_access_lasts(
    request: HttpRequest, parts: Generator[Part, None, None], *permissions: str
) -> Iterator[Part]:
    """The parts, until the signed-in reader of the request loses their access: then :class:`AccessEnded`.

    The reader needs all the permissions. Their access is read again before each part is made, and once more
    after the last one, which can break a complete file. The check holds no database connection afterwards.
    """
    reader = request.user
    assert reader.is_authenticated  # noqa: S101  # narrows the type
    session_hash, session = reader.get_session_auth_hash(), actor_of(request).session

    def has_access() -> bool:
        person = get_user_model().objects.filter(pk=reader.pk).first()
        lasts = person is not None and person.keeps_access(
            permissions, session_hash=session_hash, session=session
        )
        release_database_connections()
        return lasts

    def lasting() -> Iterator[Part]:
        with closing(parts):
            while has_access():
                try:
                    part = next(parts)
                except StopIteration:
                    return
                yield part
            raise AccessEnded

    return lasting()
