"""Saves at the same time, and a save at the same time as the create."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable

import pytest
from django.db import connection, transaction

from apps.accounts.models import User
from apps.consumers import drafts
from apps.consumers.drafts import DraftMark
from apps.consumers.models import Draft
from tests.support.draft_tabs import saved_values

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]


def _at_once(*calls: Callable[[], object]) -> None:
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], object]) -> None:
        barrier.wait()
        try:
            call()
        except drafts.DraftFinished:
            pass
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[call]) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.sql("new")
@pytest.mark.django_db(transaction=True)
def test_saves_at_the_same_time_leave_the_newest_of_each_page_once(staff: User) -> None:
    for _ in range(5):
        Draft.objects.all().delete()
        public_id, pages = uuid.uuid4(), [uuid.uuid4(), uuid.uuid4()]
        marks = [DraftMark(public_id, page, 0, version) for page in pages for version in (1, 2, 3)]

        def saving(mark: DraftMark) -> Callable[[], object]:
            values = {"last_name": f"{mark.page} {mark.version}"}
            return lambda: drafts.save(mark, values, person_id=staff.pk)

        _at_once(*map(saving, marks))
        assert {one["last_name"] for one in saved_values()} == {f"{page} 3" for page in pages}
        assert len(saved_values()) == 2


@pytest.mark.sql("new")
@pytest.mark.django_db(transaction=True)
def test_save_at_the_same_time_as_the_create_leaves_nothing(staff: User) -> None:
    for _ in range(10):
        mark = DraftMark(uuid.uuid4(), uuid.uuid4(), 0, 1)

        def finish(mark: DraftMark = mark) -> None:
            with transaction.atomic():
                drafts.finish(mark, person_id=staff.pk)

        def save(mark: DraftMark = mark) -> None:
            drafts.save(mark, {"last_name": "Late"}, person_id=staff.pk)

        _at_once(finish, save, save)
        assert saved_values() == []
