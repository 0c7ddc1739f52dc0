"""Every test has registered keys, and rows are written again at once."""

from __future__ import annotations

import datetime as dt

import pytest
from pytest_django import Settings

from consumerportal import key_rewriting, keys
from consumerportal.keys import accept_keys
from tests.support.key_rotation import ACTOR, BOUND, KINDS, with_next_key


@pytest.fixture(autouse=True)
def _registered() -> None:
    accept_keys(ACTOR)


@pytest.fixture(autouse=True)
def _rewriting_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "REWRITE_AFTER", dt.timedelta())
    monkeypatch.setattr(key_rewriting, "PAUSE_SECONDS", 0)
    monkeypatch.setattr(key_rewriting, "ROUND_SECONDS", BOUND)  # one round, however busy the machine is


@pytest.fixture(params=KINDS)
def rotated(request: pytest.FixtureRequest, settings: Settings) -> tuple[str, str]:
    """Two keys of a kind are registered; the labels of the former, which is in use, and of the next one."""
    return with_next_key(settings, str(request.param))
