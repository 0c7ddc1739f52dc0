"""The form's page with its drafts, as its script uses it."""

from __future__ import annotations

import uuid
from typing import Any

from django.test import Client

from apps.consumers.drafts import DraftMark
from apps.consumers.models import Draft, Submission
from tests.support.entries import on_page

NEW = "/consumers/new/"


class Tab:
    """A page of the form with its script: it counts its saves and follows the answers."""

    def __init__(self, client: Client, query: str = "") -> None:
        self.client = client
        self.page = client.get(f"{NEW}{query}")
        self.form = on_page(self.page)
        self.follow(self.form["draft"])

    def follow(self, mark: str) -> None:
        """Take over a mark from the server."""
        read = DraftMark.read(mark)
        assert read is not None
        self.mark = read

    def save(
        self, changes: dict[str, str] | None = None, *, lost: bool = False, version: int = 0, **more: str
    ) -> Any:
        """Save as the script does. ``lost``: the answer does not arrive. ``version``: a save that is late."""
        self.form |= {**(changes or {}), **more}
        number = version or self.mark.version + 1
        mark = DraftMark(self.mark.public_id, self.mark.page, self.mark.base, number)
        body = {name: value for name, value in self.form.items() if name != "token"}
        answer = self.client.post(f"/consumers/drafts/{mark.public_id}/", {**body, "draft": str(mark)})
        self.mark = mark if number > self.mark.version else self.mark
        if not lost and answer.status_code in (200, 410):
            self.follow(answer.json()["draft"])
        return answer

    def post(self, **changes: str) -> Any:
        """Press Create consumer."""
        return self.client.post(NEW, {**self.form, "draft": str(self.mark), **changes})


def saved_values() -> list[dict[str, str]]:
    """The values of all drafts, the oldest first."""
    return [draft.values or {} for draft in Draft.objects.filter(is_finished=False).order_by("id")]


def open_draft(client: Client, draft: uuid.UUID) -> Tab:
    """The form with this draft."""
    return Tab(client, f"?draft={draft}")


def open_for(client: Client, draft: uuid.UUID, corrected: Submission) -> Tab:
    """The form that corrects this submission, with this draft."""
    return Tab(client, f"?from={corrected.public_id}&draft={draft}")
