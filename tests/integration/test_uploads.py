"""Only signed-in people can upload files, and only at views that accept files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile, UploadedFile
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import include, path
from pytest_django import Settings

from apps.core.web.uploads import accepts_files

pytestmark = pytest.mark.django_db

LIMIT = 3_000_000
BIG = b"x" * 2_700_000  # more than Django keeps in memory


@accepts_files(up_to=LIMIT)
def _taking(request: HttpRequest) -> HttpResponse:
    file = request.FILES["file"]
    assert isinstance(file, UploadedFile)
    return HttpResponse(str(file.size))


urlpatterns = [path("taking/", _taking), path("", include("consumerportal.urls"))]
handler400 = "apps.core.web.views.bad_request"


@pytest.fixture(autouse=True)
def stored(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The bytes of each file that a handler stored, in the order of their parts."""
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path)
    written: list[int] = []
    receive = TemporaryFileUploadHandler.receive_data_chunk

    def counted(self: TemporaryFileUploadHandler, raw_data: bytes, start: int) -> Any:
        written.append(len(raw_data))
        return receive(self, raw_data, start)

    monkeypatch.setattr(TemporaryFileUploadHandler, "receive_data_chunk", counted)
    return written


def _file(content: bytes = BIG) -> SimpleUploadedFile:
    return SimpleUploadedFile("a.bin", content)


def _visitor(*, checks: bool) -> Client:
    """An anonymous client with the CSRF cookie: without it the body is not read."""
    visitor = Client(enforce_csrf_checks=checks)
    visitor.get("/accounts/login/")
    return visitor


@pytest.mark.sql("repeated")
@pytest.mark.parametrize("address", ["/accounts/login/", "/consumers/new/", "/no/such/page/"])
@pytest.mark.parametrize("checks", [True, False])
def test_anonymous_upload_is_never_stored(address: str, checks: bool, stored: list[int]) -> None:
    visitor = _visitor(checks=checks)
    answer = visitor.post(address, {"login": "pat", "password": "x", "file": _file()})
    assert stored == []
    if address == "/accounts/login/":
        assert answer.status_code == 400
        assert "This page does not accept files" in answer.content.decode()


@pytest.mark.sql("repeated")
def test_upload_to_a_page_without_files_is_refused_with_a_message(
    as_staff: Client, stored: list[int]
) -> None:
    answer = as_staff.post("/consumers/new/", {"last_name": "Lee", "file": _file(b"small")})
    assert (answer.status_code, stored) == (400, [])
    assert "This page does not accept files" in answer.content.decode()


@pytest.mark.sql("repeated")
def test_multipart_form_without_a_file_is_read(as_staff: Client) -> None:
    answer = as_staff.post("/accounts/profile/", {"time_zone": "Europe/Dublin"})  # the client sends multipart
    assert answer.status_code == 302


@pytest.mark.sql("repeated")
@pytest.mark.urls("tests.integration.test_uploads")
def test_upload_view_gets_files_only_from_signed_in_people(as_staff: Client, stored: list[int]) -> None:
    assert as_staff.post("/taking/", {"file": _file()}).content == str(len(BIG)).encode()
    assert sum(stored) == len(BIG)
    stored.clear()
    # The file is dropped, and the rest of the form is answered as without one.
    assert _visitor(checks=True).post("/taking/", {"file": _file()}).status_code == 403
    assert "login" in _visitor(checks=False).post("/taking/", {"file": _file()})["Location"]
    assert stored == []


@pytest.mark.sql("repeated")
@pytest.mark.urls("tests.integration.test_uploads")
def test_upload_limit_is_enforced_before_the_rest_is_stored(
    as_staff: Client, stored: list[int], tmp_path: Path
) -> None:
    answer = as_staff.post("/taking/", {"one": _file(), "two": _file()})  # together, not each
    assert answer.status_code == 413
    assert sum(stored) <= LIMIT
    assert list(tmp_path.glob("*.upload*")) == []


@pytest.mark.sql("repeated")
@pytest.mark.urls("tests.integration.test_uploads")
def test_upload_that_must_exceed_the_limit_is_not_read(as_staff: Client, stored: list[int]) -> None:
    answer = as_staff.post("/taking/", {"one": _file(BIG * 3)})
    assert (answer.status_code, stored) == (413, [])
