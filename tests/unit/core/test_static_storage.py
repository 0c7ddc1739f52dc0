"""Whether the static files of every page exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.management import call_command
from django.test import Client
from pytest_django import Settings

from apps.core.web.static_storage import PAGE_FILES, page_files_are_there
from tests.support.source import ROOT


def test_checked_files_are_those_of_every_page() -> None:
    base = (ROOT / "templates/base.html").read_text()
    assert {*PAGE_FILES} == {*re.findall(r'{% static "([^"]+)" %}', base)}


@pytest.fixture
def production(settings: Settings, tmp_path: Path) -> Path:
    """The storage of production with nothing collected yet; returns its folder."""
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "apps.core.web.static_storage.PortalStaticFilesStorage"},
    }
    settings.STATIC_ROOT = tmp_path
    return tmp_path


def test_missing_static_files_make_the_portal_not_ready(
    production: Path, client: Client, transactional_db: None, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ValueError, match="manifest"):
        Client().get("/accounts/login/")
    answer = client.get("/readyz")
    assert (answer.status_code, answer.content) == (503, b"not ready")
    assert "static files" in caplog.text


def test_collected_files_are_present_until_one_is_removed(production: Path) -> None:
    call_command("collectstatic", interactive=False, verbosity=0)
    staticfiles_storage._setup()  # type: ignore[attr-defined]  # as a process that starts now
    assert page_files_are_there()
    [portal] = production.glob("css/portal.*.css")
    portal.unlink()
    assert not page_files_are_there()
