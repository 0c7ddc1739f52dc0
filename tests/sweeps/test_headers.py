"""The headers and cookies of sign-in, error pages and production; every page: ``test_addresses``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project
from django.test import Client
from pytest_django import Settings

from tests.support import prepared
from tests.support.headers import header_faults
from tests.support.people import PASSWORD
from tests.support.source import ROOT
from tests.sweeps.test_production_start import COMPLETE

pytestmark = pytest.mark.once


def test_sign_in_cookies_are_http_only_and_same_site(supervisor: object) -> None:
    client = Client(enforce_csrf_checks=True)
    page = client.get("/accounts/login/")
    assert header_faults(page) == []
    secret = client.cookies[project.CSRF_COOKIE_NAME].value
    form = {"login": "sue", "password": PASSWORD, "csrfmiddlewaretoken": secret}
    signed_in = client.post("/accounts/login/", form)
    assert signed_in.status_code == 302
    assert {project.SESSION_COOKIE_NAME, project.CSRF_COOKIE_NAME} <= signed_in.cookies.keys()
    assert header_faults(signed_in) == []
    assert not signed_in.cookies[project.SESSION_COOKIE_NAME]["max-age"]  # a session cookie


def test_error_pages_have_the_same_headers(
    as_staff: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fault(*_: Any, **__: Any) -> None:
        raise RuntimeError

    as_staff.raise_request_exception = False
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 3
    answers = [
        as_staff.get("/there-is-no-such-page"),
        as_staff.get("/people/"),
        as_staff.put("/submissions/"),
        as_staff.get("/", headers={"Host": "elsewhere.example.com"}),
        as_staff.post("/consumers/new/", {f"field{number}": "x" for number in range(9)}),
        Client(enforce_csrf_checks=True).post("/accounts/login/", {}),
    ]
    monkeypatch.setattr("apps.consumers.recording.record_listed", fault)
    answers.append(as_staff.get("/submissions/"))
    assert [answer.status_code for answer in answers] == [404, 403, 405, 400, 413, 403, 500]
    assert [(answer.status_code, header_faults(answer)) for answer in answers if header_faults(answer)] == []


@pytest.mark.django_db
def test_static_files_have_the_headers_of_pages_except_those_for_caches(
    settings: Settings, tmp_path: Path
) -> None:
    settings.STATIC_ROOT = tmp_path
    (tmp_path / "page.css").write_text("body { margin: 0 }")
    answer = Client().get("/static/page.css")
    answer.close()  # the file
    assert (answer.status_code, answer["Content-Type"]) == (200, 'text/css; charset="utf-8"')
    assert [fault for fault in header_faults(answer) if not fault.startswith("Cache-Control")] == []


# --- Production -----------------------------------------------------------------------------------
VISIT = """
import json, sys
import django
django.setup()
from django.conf import settings
settings.STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
from django.test import Client
from apps.accounts.practice import PRACTICE_PEOPLE
sam = {"login": "sam", "password": PRACTICE_PEOPLE[0].password}
client = Client(headers={"Host": "portal.example.com"}, raise_request_exception=False)
answers = {
    "plain": client.get("/accounts/login/"),
    "health": client.get("/healthz"),
    "page": client.get("/accounts/login/", secure=True),
    "signed_in": client.post("/accounts/login/", sam, secure=True),
    "start": client.get("/", secure=True),
    "missing": client.get("/missing", secure=True),
    "components": client.get("/components/", secure=True),
}
print(json.dumps({
    name: {
        "status": answer.status_code,
        "headers": dict(answer.headers),
        "cookies": {cookie: morsel.OutputString() for cookie, morsel in answer.cookies.items()},
    }
    for name, answer in answers.items()
}))
"""
HSTS = "max-age=31536000; includeSubDomains; preload"


@pytest.mark.skipif((ROOT / ".env").exists(), reason="A .env file of this machine speaks, too")
def test_production_answers_only_over_https_with_host_only_cookies(tmp_path: Path) -> None:
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    run = subprocess.run(
        [sys.executable, "-c", VISIT],
        env={
            **inherited,
            **COMPLETE,
            "DATABASE_URL": prepared.copy_file(tmp_path),
            "DJANGO_SETTINGS_MODULE": "consumerportal.settings",
            "LOG_LEVEL": "CRITICAL",
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    answers = json.loads(run.stdout.splitlines()[-1])
    assert answers["plain"]["status"] == 301
    assert answers["plain"]["headers"]["Location"] == "https://portal.example.com/accounts/login/"
    assert answers["plain"]["cookies"] == {}
    assert answers["health"]["status"] == 200  # requested by processes on this host, without TLS
    secure = {name: answer for name, answer in answers.items() if name not in ("plain", "health")}
    assert {name: answer["status"] for name, answer in secure.items()} == {
        "page": 200, "signed_in": 302, "start": 200, "missing": 404, "components": 404,
    }  # fmt: skip
    cookies: dict[str, str] = {}
    for name, answer in secure.items():
        assert answer["headers"]["Strict-Transport-Security"] == HSTS, name
        assert "unsafe" not in answer["headers"]["Content-Security-Policy"], name
        assert "no-store" in answer["headers"]["Cache-Control"], name
        cookies |= answer["cookies"]
    assert cookies.keys() == {"__Host-portal_session", "__Host-portal_csrf", "__Host-portal_device"}
    for cookie in cookies.values():
        parts = {part.strip() for part in cookie.split(";")}
        assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= parts
        assert "Domain" not in cookie  # RFC 6265bis: __Host- forbids the attribute
