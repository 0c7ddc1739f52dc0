"""Drafts: unsent entries, encrypted, each for its author only.

A draft is its author's own unsent text, and nobody else can read it. Saving, discarding and expiry are not
recorded. Listing or opening it is, if it shows details of a submission or of a consumer of Sitecore CDP
(``views/drafts.py``).

Of the saves of one page, the newest is kept, in whatever order they arrive. A page does not overwrite what
another page wrote. A finished draft stays finished.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from apps.consumers.models import Draft
from apps.core import clock

FIELD: Final = "draft"
"""The name of the form's hidden field with the :class:`DraftMark`."""
EARLIER: Final = "draft_from"
"""The name of the value with the id of the submission that the entry corrects."""
MAX_CHARACTERS: Final = 200_000
"""The length of a draft's names and values together; a full form has a tenth of it."""
_MAX_DIGITS: Final = 9  # of a version; the column takes ten


class DraftNotSaved(Exception):
    """Nothing was stored."""


class NotTheirs(DraftNotSaved):
    """The draft belongs to another person."""


class DraftFinished(DraftNotSaved):
    """The draft was sent or discarded."""


class TooManyDrafts(DraftNotSaved):
    """The person has as many drafts as ``DRAFTS_PER_PERSON`` allows."""


class DraftTooLong(DraftNotSaved):
    """The values are longer than ``MAX_CHARACTERS``."""


@dataclass(frozen=True, slots=True)
class DraftMark:
    """Which draft a page writes, as the text of a hidden field.

    ``base``: the version of the draft that filled the page; 0 for a new one. ``version``: of the page's
    latest save, whether or not it arrived.
    """

    public_id: uuid.UUID
    page: uuid.UUID
    base: int = 0
    version: int = 0

    @classmethod
    def new(cls) -> DraftMark:
        """The mark of a form without a draft."""
        return cls(uuid.uuid4(), uuid.uuid4())

    @classmethod
    def of(cls, draft: Draft) -> DraftMark:
        """The mark of a new page that shows this draft."""
        return cls(draft.public_id, uuid.uuid4(), draft.version, draft.version)

    @classmethod
    def read(cls, text: str) -> DraftMark | None:
        """The mark of a posted field; None if it is missing or not one."""
        try:
            public_id, page, base, version = text.split("/")
            numbers = [int(one) for one in (base, version) if one.isdecimal() and len(one) <= _MAX_DIGITS]
            return cls(uuid.UUID(public_id), uuid.UUID(page), *numbers) if len(numbers) == 2 else None
        except ValueError:
            return None

    def __str__(self) -> str:
        return f"{self.public_id}/{self.page}/{self.base}/{self.version}"

    def with_new_draft(self) -> DraftMark:
        """The same page, with a draft that does not exist yet."""
        return replace(self, public_id=uuid.uuid4(), base=0)

    def separate(self) -> DraftMark:
        """The draft of this page's own, because another page has changed the first one.

        The id is derived from both, so a repeated save whose answer was lost creates no third draft.
        """
        return replace(self, public_id=uuid.uuid5(self.public_id, self.page.hex), base=0)

    def may_write(self, draft: Draft) -> bool:
        """Whether the page wrote the draft last, or was filled from its present version."""
        return draft.page == self.page or draft.version == self.base


def are_on() -> bool:
    """Whether the portal keeps drafts."""
    return bool(settings.DRAFT_DAYS)


def drafts_of(person_id: int) -> QuerySet[Draft]:
    """The drafts of a person that are not finished, erased or expired, newest first."""
    unsent = Draft.objects.filter(person_id=person_id, is_finished=False, saved_at__gte=_expired_before())
    return unsent.exclude(encrypted_values=b"").order_by("-saved_at", "-id")


def find(public_id: uuid.UUID, person_id: int) -> Draft | None:
    """The person's draft with this id, also a finished one; None if there is none, or it has expired."""
    own = Draft.objects.filter(Q(is_finished=True) | Q(saved_at__gte=_expired_before()))
    return own.filter(public_id=public_id, person_id=person_id).first()


def save(mark: DraftMark, values: Mapping[str, str], *, person_id: int) -> DraftMark:
    """Store the values of a page and return the mark of the draft that has them.

    It is another draft than that of ``mark`` if another page has changed that one. A save that arrives after
    a later one of the same page changes nothing. Raises a :class:`DraftNotSaved`, ``MissingKeyError``, and
    ``IntegrityError`` if there is no such account.
    """
    if sum(len(name) + len(value) for name, value in values.items()) > MAX_CHARACTERS:
        raise DraftTooLong
    while not _store(mark, values, person_id):
        mark = mark.separate()
    return mark


def _store(mark: DraftMark, values: Mapping[str, str], person_id: int) -> bool:
    """Store the values in the mark's draft; False if another page has changed it."""
    draft = Draft(
        public_id=mark.public_id,
        person_id=person_id,
        page=mark.page,
        version=mark.version,
        saved_at=clock.now(),
    )
    draft.set_values(values)
    columns = ("page", "version", "saved_at", "encrypted_values")
    # One statement compares and writes, so that of two saves at the same time none overwrites the newer one.
    written = Draft.objects.filter(
        Q(page=mark.page, version__lt=mark.version) | (~Q(page=mark.page) & Q(version=mark.base)),
        public_id=mark.public_id,
        person_id=person_id,
        is_finished=False,
    ).update(**{name: getattr(draft, name) for name in columns})
    if written:
        return True
    stored = Draft.objects.filter(public_id=mark.public_id).first()
    if stored is None:
        if drafts_of(person_id).count() >= settings.DRAFTS_PER_PERSON:
            raise TooManyDrafts
        try:
            with transaction.atomic():
                draft.save(force_insert=True)
        except IntegrityError:
            if not Draft.objects.filter(public_id=mark.public_id).exists():
                raise  # the account was deleted
            return _store(mark, values, person_id)  # another save, or the create, has stored it meanwhile
        return True
    if stored.person_id != person_id:
        raise NotTheirs
    if stored.is_finished:
        raise DraftFinished
    if stored.page == mark.page and stored.version >= mark.version:
        return True  # a later save of the page has been stored
    # Stored between the two statements: then the values may still be written.
    return mark.may_write(stored) and _store(mark, values, person_id)


def finish(mark: DraftMark, *, person_id: int) -> None:
    """Finish the draft of a page: its entry is sent. Call it in the transaction that stores the submission.

    Another page's draft stays, if this page was about to write a separate one.
    """
    locked = Draft.objects.select_for_update(no_key=True)
    while (stored := locked.filter(public_id=mark.public_id).first()) and not mark.may_write(stored):
        mark = mark.separate()
    if stored is not None and stored.person_id != person_id:
        return
    finished = Draft(
        public_id=mark.public_id,
        person_id=person_id,
        page=mark.page,
        version=mark.version,
        saved_at=clock.now(),
        is_finished=True,
    )
    # Also without a row: a save that is under way finds it finished.
    Draft.objects.bulk_create(
        [finished],
        update_conflicts=True,
        unique_fields=["public_id"],
        update_fields=["saved_at", "is_finished", "encrypted_values"],
    )


def discard(public_id: uuid.UUID, *, person_id: int) -> bool:
    """Finish a draft because its author discards it; False if the person has no such unfinished draft."""
    finished = {"is_finished": True, "encrypted_values": b"", "saved_at": clock.now()}
    own = Draft.objects.filter(public_id=public_id, person_id=person_id)
    with transaction.atomic():  # so that a commit whose confirmation is lost is noted (core.connections)
        return bool(own.filter(is_finished=False).update(**finished))


def delete_expired() -> int:
    """Delete drafts ``DRAFT_DAYS`` after their last save, and finished ones. Returns their number.

    A finished one stays as long as a page of its session may still save.
    """
    longest_session = datetime.timedelta(seconds=settings.SESSION_ABSOLUTE_SECONDS)
    expired = Draft.objects.filter(
        Q(is_finished=False) | Q(saved_at__lt=clock.now() - longest_session), saved_at__lt=_expired_before()
    )
    deleted, _by_model = expired.delete()
    return deleted


def _expired_before() -> datetime.datetime:
    return clock.now() - datetime.timedelta(days=settings.DRAFT_DAYS)
