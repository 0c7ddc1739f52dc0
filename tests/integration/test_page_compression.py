"""Pages are compressed, files are not."""

from __future__ import annotations

import gzip

from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.test import Client, RequestFactory

from apps.core.web.middleware import PageCompressionMiddleware

ACCEPTED = {"accept-encoding": "gzip, deflate, br"}
PAGE = b"<p>A page that is long enough.</p>" * 50


def _answer(response: HttpResponseBase) -> HttpResponseBase:
    def get_response(_request: HttpRequest) -> HttpResponseBase:
        return response

    answer = PageCompressionMiddleware(get_response)(RequestFactory().get("/", headers=ACCEPTED))
    assert isinstance(answer, HttpResponseBase)
    return answer


def test_form_is_sent_in_less_than_a_third_of_its_bytes(as_staff: Client) -> None:
    plain = as_staff.get("/consumers/new/")
    packed = as_staff.get("/consumers/new/", headers=ACCEPTED)
    assert packed["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in packed["Vary"]
    assert len(packed.content) < len(plain.content) / 3
    page = gzip.decompress(packed.content)
    assert b"Create consumer" in page
    assert abs(len(page) - len(plain.content)) < 20  # another token, the same page


def test_length_of_the_same_page_varies() -> None:
    lengths = {len(_answer(HttpResponse(PAGE)).content) for _ in range(20)}  # type: ignore[attr-defined]
    assert len(lengths) > 1


def test_file_is_sent_as_it_is() -> None:
    for response in (
        HttpResponse(PAGE, content_type="text/csv; charset=utf-8"),
        FileResponse(iter([PAGE]), content_type="text/html"),
    ):
        assert not _answer(response).has_header("Content-Encoding")
