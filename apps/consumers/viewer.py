"""The person who views submissions, with the permissions that decide what they see."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Protocol, Self

from apps.consumers.permissions import RESOLVE_SUBMISSION, VIEW_ALL_SUBMISSIONS, VIEW_VENDOR_RECORDS


class _User(Protocol):
    """A user of a request, signed in or anonymous."""

    @property
    def pk(self) -> object: ...
    def has_perm(self, perm: str, /) -> bool: ...


@dataclass(frozen=True, slots=True)
class Viewer:
    """A person who views submissions: their own, or all submissions if ``sees_all``.

    Views create it once per request with :meth:`of` and pass it to selectors and presenters.
    """

    person_id: str
    sees_all: bool = False
    may_resolve: bool = False
    may_view_vendor_records: bool = False

    @classmethod
    def of(cls, user: _User) -> Self:
        """The viewer with the user's permissions."""
        return cls(
            person_id=str(user.pk),
            sees_all=user.has_perm(VIEW_ALL_SUBMISSIONS),
            may_resolve=user.has_perm(RESOLVE_SUBMISSION),
            may_view_vendor_records=user.has_perm(VIEW_VENDOR_RECORDS),
        )

    @property
    def scope(self) -> str:
        """The code of the scope in audit events: ``everybody`` or ``own``."""
        return "everybody" if self.sees_all else "own"

    def restricted_to_own(self) -> Self:
        """The same person, limited to their own submissions."""
        return replace(self, sees_all=False)

    def may_open(self, actor_id: int) -> bool:
        """Whether the person may open the submissions of the person with this id."""
        return self.sees_all or str(actor_id) == self.person_id


UNRESTRICTED: Final = Viewer(person_id="", sees_all=True)
"""Sees all submissions and is not a person: for queries whose rows are already limited, and for tests."""
