"""PUT and PATCH of a consumer, behind their switch."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sandbox.data.seed import SAMPLE_ORDER
from sandbox.options import Switches
from sandbox.server.sandbox_server import SandboxServer
from tests.support.sandbox_caller import Caller
from tests.unit.sandbox.conftest import Clock


@pytest.fixture
def ref(caller: Caller, server: SandboxServer) -> str:
    """A consumer that may be changed."""
    server.sandbox.switches = Switches(updates=True, flavour="legacy")
    return str(caller.create(SAMPLE_ORDER, title="Ms", country="IE").json["ref"])


def update(caller: Caller, method: str, ref: str, values: object) -> object:
    answer = caller.send(method, f"/v2.1/orderConsumers/{ref}", json.dumps(values))
    assert answer.status == 200, answer.body
    assert answer.json == caller.get(f"/v2.1/orderConsumers/{ref}").json
    return answer.json


def test_patch_sets_sent_fields_and_removes_null_ones(
    caller: Caller, server: SandboxServer, clock: Clock, ref: str
) -> None:
    clock.advance(60)
    body = update(caller, "PATCH", ref.upper(), {"lastName": "Byrne", "title": None})

    assert isinstance(body, dict)
    assert (body["firstName"], body["lastName"], body["country"]) == ("Maeve", "Byrne", "IE")
    assert "title" not in body
    assert (body["createdAt"], body["modifiedAt"]) == ("2026-11-23T12:00:00Z", "2026-11-23T12:01:00Z")
    (stored,) = server.sandbox.consumers(SAMPLE_ORDER)
    assert stored.modified_at == clock.now
    assert server.sandbox.requests()[1].done


def test_put_replaces_all_writable_fields(caller: Caller, server: SandboxServer, ref: str) -> None:
    (before,) = server.sandbox.consumers(SAMPLE_ORDER)
    body = update(caller, "PUT", ref, {"firstName": "Orla", "lastName": "Byrne"})

    assert isinstance(body, dict)
    assert "country" not in body
    (after,) = server.sandbox.consumers(SAMPLE_ORDER)
    assert (after.ref, after.guest_ref, after.created_at) == (before.ref, before.guest_ref, before.created_at)


def test_guest_name_is_not_changed(caller: Caller, server: SandboxServer, ref: str) -> None:
    update(caller, "PATCH", ref, {"firstName": "Orla"})

    guest = server.sandbox.consumers(SAMPLE_ORDER)[0].guest_ref
    assert caller.get(f"/v2.1/guests/{guest}").json["firstName"] == "Maeve"


@pytest.mark.parametrize(
    ("method", "body"),
    [
        ("PUT", '{"firstName": "Orla"}'),
        ("PATCH", '{"lastName": " "}'),
        ("PATCH", '{"gender": "Male"}'),
        ("PATCH", "[]"),
    ],
)
def test_change_invalid_for_a_create_is_a_400_and_changes_nothing(
    caller: Caller, server: SandboxServer, ref: str, method: str, body: str
) -> None:
    (before,) = server.sandbox.consumers(SAMPLE_ORDER)

    assert caller.send(method, f"/v2.1/orderConsumers/{ref}", body).status == 400
    assert server.sandbox.consumers(SAMPLE_ORDER) == [before]


def test_change_needs_json_and_an_existing_consumer(caller: Caller, ref: str) -> None:
    path = f"/v2.1/orderConsumers/{ref}"

    assert caller.send("PATCH", path, "{}", content_type="text/plain").status == 415
    assert caller.send("PATCH", "/v2.1/orderConsumers/unknown", "{}").status == 404
    assert caller.send("PATCH", path, "{}", authorization="").status == 401


def test_consumer_cannot_be_deleted_even_with_the_switch(caller: Caller, ref: str) -> None:
    answer = caller.send("DELETE", f"/v2.1/orderConsumers/{ref}")

    assert (answer.status, answer.headers["Allow"]) == (405, "GET, PUT, PATCH")


def test_older_data_file_is_upgraded(seeded: Path, folder: Path) -> None:
    data = Path(shutil.copy(seeded, folder / "old.sqlite3"))
    with closing(sqlite3.connect(data)) as connection:
        connection.execute("ALTER TABLE consumers DROP COLUMN modified_at")
    with SandboxServer(data=data) as server:
        server.sandbox.switches = Switches(updates=True)
        stored = server.sandbox.consumers()[0]
        update(Caller(server.base_url), "PATCH", stored.ref, {"title": "Dr"})

        assert stored.modified_at is None
        assert server.sandbox.consumers()[0].modified_at is not None


def test_fault_can_be_armed_for_a_change(caller: Caller, server: SandboxServer, ref: str) -> None:
    path = f"/v2.1/orderConsumers/{ref}"
    for fault, name in (("500_before", "Maeve"), ("500_after", "Orla")):
        caller.post("/_sandbox/faults", {"fault": fault, "operation": "update_order_consumer"})
        assert caller.send("PATCH", path, '{"firstName": "Orla"}').status == 500
        assert caller.get(path).json["firstName"] == name
