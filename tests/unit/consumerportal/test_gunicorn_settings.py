"""What gunicorn's settings prepare before the workers are forked."""

from __future__ import annotations

import gc
import resource
import runpy

import pytest

from apps.core.web import readiness
from consumerportal import announcement
from tests.support.processes import ROOT


def test_full_collections_leave_out_what_was_imported_before_the_fork(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(announcement, "record_start", lambda: None)
    monkeypatch.setattr(readiness, "prepare", lambda: None)
    monkeypatch.setattr(resource, "setrlimit", lambda *_: None)
    runpy.run_path(str(ROOT / "gunicorn.conf.py"))["when_ready"](None)
    left, frozen = len(gc.get_objects()), gc.get_freeze_count()
    gc.unfreeze()
    assert left < frozen / 100
