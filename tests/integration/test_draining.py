"""A web process that is stopping is not ready; its replacement is."""

from __future__ import annotations

import runpy
from types import SimpleNamespace

import pytest
from django.test import Client

from apps.core.web import readiness
from tests.support.source import ROOT


@pytest.mark.django_db(transaction=True)
def test_stopping_process_is_not_ready_and_its_replacement_is(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "_checks", {**readiness._checks})
    monkeypatch.setattr("apps.history.exports.delivery.end_when", lambda *_, **__: None)
    monkeypatch.setattr("consumerportal.web_heartbeats.start", lambda *_: None)
    monkeypatch.setattr("consumerportal.notice_threads.start_in_web", lambda *_: None)
    hooks = runpy.run_path(str(ROOT / "gunicorn.conf.py"))

    def forked() -> SimpleNamespace:
        """A gunicorn worker, as far as the hooks use one; SIGTERM sets ``alive`` to false."""
        worker = SimpleNamespace(alive=True, method_queue=SimpleNamespace(close=None))
        hooks["post_worker_init"](worker)
        return worker

    worker = forked()
    assert client.get("/readyz").status_code == 200
    worker.alive = False
    assert client.get("/readyz").status_code == 503
    assert readiness.failures() == ["draining"]
    forked()  # a reload does this in a new process
    assert client.get("/readyz").status_code == 200
