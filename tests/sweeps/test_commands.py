"""A command of the portal that cannot do its work says why, and ends without a traceback."""

from __future__ import annotations

import io
import sys
from typing import Any, NoReturn

import pytest
from django.core.management import CommandError, call_command, get_commands
from django.db import InterfaceError, OperationalError, connection

from consumerportal.management.commands import prepare_practice

pytestmark = [pytest.mark.django_db, pytest.mark.once]

# With arguments that lead to the database.
ENDS_WITH_AN_ERROR = [
    ["audit_acknowledge", "1", "--report=INC-1"],
    ["audit_checkpoint"],
    ["audit_export", "--after=0"],
    ["audit_proof", "proof.zip"],
    ["audit_retain", "--up-to=1"],
    ["changepassword", "x"],
    ["complete_access_index"],
    ["create_administrator", "--user-name=x", "--name=X"],
    ["create_practice_people"],
    ["prepare_practice"],
    ["rotate_keys"],
]
ENDS_WITH_A_CODE = {"audit_verify": 3, "check_totals": 3, "status": 2}
"""Those whose exit code 1 is a result."""
OTHERS = {
    "audit_begin": "needs a signed file first; tests/unit/audit/test_commands.py",
    "createsuperuser": "always refuses",
    "send_test_notice": "reads no table",
    "worker": "waits for the database; tests/integration/test_worker.py",
}


@pytest.fixture(params=[OperationalError, InterfaceError])
def _lost(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The database answers no statement."""

    def fail(*_given: object) -> NoReturn:
        raise request.param("password=hunter2")

    monkeypatch.setattr(prepare_practice, "set_aside_if_outdated", lambda: None)
    with connection.execute_wrapper(fail):
        yield


def test_every_command_is_listed_here() -> None:
    own = {name for name, app in get_commands().items() if app.startswith(("apps.", "consumerportal"))}
    assert own == {*(command[0] for command in ENDS_WITH_AN_ERROR), *ENDS_WITH_A_CODE, *OTHERS}


@pytest.mark.usefixtures("_lost")
@pytest.mark.parametrize("command", ENDS_WITH_AN_ERROR, ids=lambda command: command[0])
def test_lost_database_is_an_error_without_its_details(
    command: list[str], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CommandError, match=r"The database failed or does not answer \(\w+\)$"):
        call_command(*command, stdout=io.StringIO())


@pytest.mark.usefixtures("_lost")
@pytest.mark.parametrize(("command", "code"), ENDS_WITH_A_CODE.items())
def test_lost_database_is_no_result(command: str, code: int) -> None:
    out, err = io.StringIO(), io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command(command, stdout=out, stderr=err)
    assert ended.value.code == code
    said = out.getvalue() + err.getvalue()
    assert ("Error)" in said, "hunter2" in said) == (True, False)


@pytest.mark.parametrize("options", [[], ["--user-name=x", "--name=X", "--ask-password"]])
@pytest.mark.filterwarnings("ignore::getpass.GetPassWarning")
def test_question_without_an_answer_is_an_error(options: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    monkeypatch.setattr("getpass.getpass", input)
    with pytest.raises(CommandError, match="The input ended before all questions were answered"):
        call_command("create_administrator", *options, stdout=io.StringIO())
