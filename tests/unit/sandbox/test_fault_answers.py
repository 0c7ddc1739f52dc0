"""The bytes that each fault puts on the wire."""

import gzip
import json
import socket
import time
from email.utils import parsedate_to_datetime

import pytest

from sandbox.data.seed import SAMPLE_ORDER
from sandbox.faults import catalogue
from sandbox.faults.armed import Armed
from sandbox.faults.catalogue import REQUEST_FAULTS
from sandbox.server.sandbox_server import SandboxServer
from tests.support.sandbox_caller import Caller, Reply, basic, consumers_path, create_text

JSON, HTML = "application/json", "text/html"
STATUS_AND_TYPE = {
    "500": (500, JSON),
    "500_html": (500, HTML),
    "500_long": (500, JSON),
    "502_html": (502, HTML),
    "503_html": (503, HTML),
    "504_html": (504, HTML),
    "408_html": (408, HTML),
    "409": (409, JSON),
    "301": (301, HTML),
    "302": (302, HTML),
    "303": (303, HTML),
    "307": (307, HTML),
    "308": (308, HTML),
    "202": (202, JSON),
    "204": (204, None),
    "no_ref": (200, JSON),
    "null_ref": (200, JSON),
    "truncated_json": (200, JSON),
    "empty_body": (200, JSON),
    "no_object": (200, JSON),
    "200_html": (200, HTML),
    "duplicate_keys": (200, JSON),
    "nan": (200, JSON),
    "bad_utf8": (200, JSON),
    "broken_gzip": (200, JSON),
    "400_quoting": (400, JSON),
    "400_long": (400, JSON),
    "401": (401, JSON),
    "400_html": (400, HTML),
    "401_html": (401, HTML),
    "403_html": (403, HTML),
    "403_gateway": (403, JSON),
    "404_html": (404, HTML),
    "429_html": (429, HTML),
    "403": (403, JSON),
    "400_secrets": (400, JSON),
    "another_consumer": (200, JSON),
    "order_ref": (200, JSON),
    "known_ref": (200, JSON),
    "doubled": (200, JSON),
    "secrets": (200, JSON),
    "404": (404, JSON),
    "405": (405, JSON),
    "413_html": (413, HTML),
    "415": (415, JSON),
    "422": (422, JSON),
    "429": (429, JSON),
    "429_date": (429, JSON),
    "429_plain": (429, JSON),
    "late_work": (200, JSON),
    "slow": (200, JSON),
    "100_first": (200, JSON),
    "gzip": (200, JSON),
    "chunked": (200, JSON),
    "wrong_type": (200, "text/plain"),
    "null_links": (200, JSON),
    "alien_hrefs": (200, JSON),
    "javascript_hrefs": (200, JSON),
}
WITHOUT_AN_ANSWER = {"no_answer", "reset", "hang_up", "bad_record", "reset_half_way", "end_half_way"} | {
    "drip_head",
    "drip_body",
    "102_first",  # http.client takes them for the final answer
    "103_first",
    "103_alone",
    "400_cut_head",
    "doubled_no_answer",
    "broken_chunked",
}


def stem(name: str) -> str:
    return name.removesuffix("_before").removesuffix("_after")


def struck(caller: Caller, server: SandboxServer, name: str, **fields: object) -> Reply:
    """The answer to a create that has a fault."""
    server.sandbox.faults.arm(Armed(name, seconds=0.05))
    return caller.create(SAMPLE_ORDER, **fields)


def raw(server: SandboxServer, name: str, *, seconds: float | None = None) -> tuple[bytes, bool]:
    """All bytes of the answer to a create that has a fault, and whether a reset ended them."""
    server.sandbox.faults.arm(Armed(name, seconds=seconds))
    address = Caller(server.base_url)
    received = b""
    with socket.create_connection((address.host, address.port), timeout=5) as connection:
        connection.sendall(create_text(SAMPLE_ORDER))
        try:
            while piece := connection.recv(65_536):
                received += piece
        except ConnectionResetError:
            return received, True
    return received, False


def test_every_fault_is_covered() -> None:
    assert {stem(name) for name in REQUEST_FAULTS} == STATUS_AND_TYPE.keys() | WITHOUT_AN_ANSWER


@pytest.mark.parametrize("name", [name for name in REQUEST_FAULTS if stem(name) in STATUS_AND_TYPE])
def test_fault_with_an_answer_sends_it_and_the_work_is_done_or_not(
    caller: Caller, server: SandboxServer, name: str
) -> None:
    answer = struck(caller, server, name)

    assert (answer.status, answer.headers.get("Content-Type")) == STATUS_AND_TYPE[stem(name)]
    fault = REQUEST_FAULTS[name]
    assert len(server.sandbox.consumers(SAMPLE_ORDER)) == fault.done * fault.makes
    (counted,) = server.sandbox.requests()
    assert (counted.fault, counted.done, counted.status) == (name, REQUEST_FAULTS[name].done, answer.status)
    if answer.headers.get("Content-Type") == HTML:
        assert answer.body.startswith(b"<html>")


@pytest.mark.parametrize("name", ["drip_head_after", "drip_body_after", "chunked", "100_first"])
def test_unusual_correct_answer_contains_the_complete_consumer(
    caller: Caller, server: SandboxServer, name: str
) -> None:
    server.sandbox.faults.arm(Armed(name, seconds=0.001))

    assert caller.create(SAMPLE_ORDER).json["ref"] == server.sandbox.consumers(SAMPLE_ORDER)[0].ref


@pytest.mark.parametrize("status", [102, 103])
def test_interim_answer_precedes_the_right_one(caller: Caller, server: SandboxServer, status: int) -> None:
    server.sandbox.faults.arm(Armed(f"{status}_first"))
    address = Caller(server.base_url)
    with socket.create_connection((address.host, address.port), timeout=5) as connection:
        connection.sendall(create_text(SAMPLE_ORDER).replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        received = b"".join(iter(lambda: connection.recv(65_536), b""))
    interim, final, body = received.split(b"\r\n\r\n")
    assert interim.startswith(b"HTTP/1.1 %d " % status)
    assert final.startswith(b"HTTP/1.1 200 ")
    assert json.loads(body)["ref"] == server.sandbox.consumers(SAMPLE_ORDER)[0].ref


def test_refusal_can_end_within_its_headers(server: SandboxServer) -> None:
    received, was_reset = raw(server, "400_cut_head_after")
    assert received.startswith(b"HTTP/1.1 400 ")
    assert b"\r\n\r\n" not in received
    assert not was_reset


def test_credentials_are_quoted_plain_and_encoded(caller: Caller, server: SandboxServer) -> None:
    message = struck(caller, server, "400_secrets").json["message"]
    for quoted in ("practice-client-key", "practice-api-token", basic(), "%70%72%61", "cHJhY3Rp"):
        assert quoted in message
    body = struck(caller, server, "secrets").body.decode()
    assert "practice-client-key" in body
    assert "practice-api-token" in body


def test_answer_about_another_person_uses_the_order(caller: Caller, server: SandboxServer) -> None:
    first = caller.create(SAMPLE_ORDER, lastName="First").json
    assert struck(caller, server, "known_ref").json["ref"] == first["ref"]
    assert struck(caller, server, "another_consumer_after").json == first
    assert struck(caller, server, "order_ref_after").json["ref"] == SAMPLE_ORDER
    newest = server.sandbox.consumers(SAMPLE_ORDER)[-1].ref
    path = f"/v2.1/orderConsumers/{newest}"
    for fault, name in (("known_ref", "Tully"), ("another_consumer_after", "First")):
        server.sandbox.faults.arm(Armed(fault, operation="retrieve_order_consumer"))
        answered = caller.get(path).json
        assert (answered["ref"], answered["lastName"]) == (first["ref"], name)
    assert caller.get(path).json["ref"] == newest


def test_success_without_ref_has_everything_else(caller: Caller, server: SandboxServer) -> None:
    body = struck(caller, server, "no_ref").json

    assert "ref" not in body
    assert body["firstName"] == "Maeve"
    assert struck(caller, server, "null_ref_after").json["ref"] is None


@pytest.mark.parametrize("name", ["truncated_json", "empty_body_after", "200_html_before"])
def test_success_that_is_not_json_does_not_parse(caller: Caller, server: SandboxServer, name: str) -> None:
    with pytest.raises(json.JSONDecodeError):
        _ = struck(caller, server, name).json


def test_each_strange_json_is_strange_at_the_intended_place(caller: Caller, server: SandboxServer) -> None:
    twice = json.loads(struck(caller, server, "duplicate_keys_after").body, object_pairs_hook=list)
    assert [key for key, _value in twice].count("ref") == 2
    assert b": NaN," in struck(caller, server, "nan_after").body
    assert struck(caller, server, "no_object_after").json == ["ref"]
    with pytest.raises(UnicodeDecodeError):
        struck(caller, server, "bad_utf8_after").body.decode()


def test_texts_of_401_404_and_422_match_the_real_ones(caller: Caller, server: SandboxServer) -> None:
    assert struck(caller, server, "401").json["status"] == "UNAUTHORIZED"
    assert SAMPLE_ORDER in struck(caller, server, "404").json["developerMessage"]
    assert struck(caller, server, "422").json["message"] == "country: not a valid value."


def test_429_has_seconds_a_date_or_nothing(caller: Caller, server: SandboxServer) -> None:
    assert struck(caller, server, "429").headers["Retry-After"] == "30"
    wait = parsedate_to_datetime(struck(caller, server, "429_date").headers["Retry-After"]).timestamp()
    assert 25 < wait - time.time() < 31
    assert "Retry-After" not in struck(caller, server, "429_plain").headers


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_targets_the_same_path_on_another_host(
    caller: Caller, server: SandboxServer, status: int
) -> None:
    location = struck(caller, server, f"{status}_before").headers["Location"]

    assert location == f"https://elsewhere.example{consumers_path(SAMPLE_ORDER)}"


@pytest.mark.parametrize("name", ["400_long", "500_long_before"])
def test_long_message_has_a_megabyte(caller: Caller, server: SandboxServer, name: str) -> None:
    assert len(struck(caller, server, name).json["message"]) == 1024 * 1024


def test_quoting_message_contains_every_sent_value(caller: Caller, server: SandboxServer) -> None:
    sent: dict[str, object] = {
        "passportNumber": "PZ<b>4",
        "emails": ["one@example.com", "two@example.com"],
        "identifiers": [{"provider": "ProfileSystem", "id": "B7-1"}],
    }
    answer = struck(caller, server, "400_quoting", **sent).json

    for message in (answer["message"], answer["developerMessage"]):
        assert all(value in message for value in ("Maeve", "Tully", "PZ<b>4", "two@example.com"))
        assert "identifiers[0].id=B7-1" in message


def test_links_can_be_null_or_on_another_host(caller: Caller, server: SandboxServer) -> None:
    none = struck(caller, server, "null_links").json
    alien = struck(caller, server, "alien_hrefs").json
    script = struck(caller, server, "javascript_hrefs").json

    assert (none["order"], none["guest"]) == (None, None)
    links = [alien["href"], alien["guest"]["href"], alien["orderItems"]["orderItems"][0]["href"]]
    assert all(link.startswith("https://elsewhere.example/v2.1/") for link in links)
    assert alien["ref"] == alien["href"].rpartition("/")[2]
    assert script["guest"]["href"].startswith("javascript:alert(1)//")


def test_compressed_answer_can_be_unpacked_and_a_broken_one_cannot(
    caller: Caller, server: SandboxServer
) -> None:
    right, broken = struck(caller, server, "gzip"), struck(caller, server, "broken_gzip_after")

    assert right.headers["Content-Encoding"] == broken.headers["Content-Encoding"] == "gzip"
    assert json.loads(gzip.decompress(right.body))["ref"]
    with pytest.raises((OSError, EOFError)):
        gzip.decompress(broken.body)


@pytest.mark.parametrize("name", ["end_half_way_after", "reset_half_way_after"])
def test_truncated_answer_announces_more_than_it_sends(server: SandboxServer, name: str) -> None:
    received, was_reset = raw(server, name)

    head, _, body = received.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    assert 0 < len(body) < length
    assert was_reset is (name == "reset_half_way_after")


def test_end_instead_of_an_answer_is_no_reset(server: SandboxServer) -> None:
    assert raw(server, "hang_up_after") == (b"", False)
    assert raw(server, "reset_after") == (b"", True)


def test_broken_chunks_start_correctly_and_have_no_end(server: SandboxServer) -> None:
    received, _ = raw(server, "broken_chunked_after")

    assert b"Transfer-Encoding: chunked" in received
    assert b"\r\n64\r\n{" in received  # the first has 100 bytes
    assert b"\r\nno length\r\n" in received
    assert not received.endswith(b"0\r\n\r\n")


def test_103_is_sent_without_a_final_answer(server: SandboxServer) -> None:
    received, was_reset = raw(server, "103_alone_after")

    assert received.startswith(b"HTTP/1.1 103 Early Hints\r\n")
    assert received.count(b"HTTP/1.1") == 1
    assert not was_reset


@pytest.mark.parametrize("name", ["drip_head_after", "drip_body_after"])
def test_drip_outlasts_every_limit_byte_by_byte(
    server: SandboxServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    pieces: list[bytes] = []
    real = socket.socket.sendall
    port = Caller(server.base_url).port

    def watched(self: socket.socket, data: bytes) -> None:
        if self.getsockname()[1] == port:
            pieces.append(bytes(data))
        real(self, data)

    monkeypatch.setattr(socket.socket, "sendall", watched)
    received, _ = raw(server, name, seconds=0.001)

    single = [piece for piece in pieces if len(piece) == 1]
    head, _, body = received.partition(b"\r\n\r\n")
    assert len(single) == (len(head) + 4 if name == "drip_head_after" else len(body))
    assert len(single) * catalogue.DRIP_SECONDS > 35
    assert b"".join(pieces) == received
