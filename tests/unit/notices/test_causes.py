"""Causes: only references, codes and numbers fit into a notice, and each has its words."""

from __future__ import annotations

import itertools
import uuid

import pytest
from django.conf import settings
from pytest_django import Settings

from apps.audit.integrity.diagnosis import Verdict
from apps.notices import causes
from apps.notices.causes import Cause, Found
from apps.notices.delivering import LONGEST_PAUSE, pause_after
from apps.notices.models import About
from apps.notices.system_checks import check_notice_causes
from consumerportal.notice_causes import CAUSES

FACTS: dict[str, list[dict[str, str | int]]] = {
    "unknown_outcome": [{"submission": "a-1", "minutes": 30}, {"count": 10, "minutes": 30}],
    "credentials_refused": [{"status": 401}],
    "worker_silent": [{}],
    "verification_failed": [{"event": 7, "verdict": "changed"}, {"count": 10}],
    "written_past_portal": [{"event": 7, "verdict": "written_past_portal"}, {"count": 10}],
    "export_ended": [{"export": "a-1", "state": "finished", "personal": "yes"}],
    "batch_ended": [{"batch": "a-1", "state": "finished"}, {"batch": "a-1", "state": "several_unknown"}],
    "break_glass_sign_in": [{"event": 7, "access": 5}],
}


@pytest.mark.parametrize(
    "text", ["Aoife Ní Bhriain", "a@example.com", "+353 1 234", "", "x" * 101, "two words"]
)
def test_free_text_does_not_fit_into_a_key_or_path(text: str) -> None:
    for key, path in ((text, "/"), ("a", text), ("a", f"/?name={text}")):
        with pytest.raises(ValueError, match="references, codes and numbers only"):
            Found(key, path)


def test_path_has_at_most_two_filters_with_codes() -> None:
    two = "/submissions/?outcome=unknown&period=all"
    assert Found("a", two).path == two
    for more in ("&sort=oldest", "&who=Murphy", "&"):
        with pytest.raises(ValueError, match="references, codes and numbers only"):
            Found("a", two + more)


@pytest.mark.parametrize("text", ["Murphy", "7", "", "Aoife Ní Bhriain"])
def test_text_is_no_fact(text: str) -> None:
    with pytest.raises(ValueError, match="references, codes and numbers only"):
        Found("a", "/", facts={"name": text})  # type: ignore[dict-item]  # what the types refuse too


def test_facts_are_stored_as_their_values() -> None:
    reference = uuid.uuid4()
    facts: dict[str, causes.Fact] = {"a": 7, "b": reference, "c": About.ENDED, "d": Verdict.CHANGED}
    assert Found("a", "/status/", facts=facts).stored_facts == {
        "a": 7,
        "b": str(reference),
        "c": "ended",
        "d": "changed",
    }


def test_every_cause_has_its_words() -> None:
    assert {*FACTS} == {one.code for one in CAUSES} == {*settings.NOTICE_CAUSES}
    for cause in CAUSES:
        assert causes.find_cause(cause.code) is cause
        for facts in FACTS[cause.code]:
            text = cause.text(facts)
            assert "%(" not in text
            assert str(cause.label)
            assert all(str(value) in text for key, value in facts.items() if key != "verdict")


def test_code_is_registered_once() -> None:
    again = Cause("worker_silent", "Again", "Again", lambda _search: [])
    with pytest.raises(ValueError, match="twice"):
        causes.register([again])


def test_unknown_cause_in_the_settings_prevents_the_start(settings: Settings) -> None:
    assert check_notice_causes() == []
    settings.NOTICE_CAUSES = ["worker_silent", "worker_silnet"]
    [error] = check_notice_causes()
    assert "worker_silnet" in error.msg


def test_pauses_grow_to_a_limit_and_follow_the_receiver() -> None:
    pauses = [pause_after(attempt) for attempt in range(1, 30)]
    assert 9 <= pauses[0] <= 11
    assert all(later > 2 * earlier for earlier, later in itertools.pairwise(pauses[:6]))
    assert max(pauses) <= 1.1 * LONGEST_PAUSE
    assert pause_after(1, retry_after=500.0) == 500.0
