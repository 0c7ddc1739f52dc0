"""A command of the portal that cannot do its work says why, and ends without a traceback."""

from __future__ import annotations

import io
from typing import Any, NoReturn

import pytest
from django.core.management import call_command
from django.db import InterfaceError, OperationalError, connection

pytestmark = [pytest.mark.django_db, pytest.mark.once]

ENDS_WITH_A_CODE = {"audit_verify": 3, "check_totals": 3, "status": 2}
"""Those whose exit code 1 is a result."""


@pytest.fixture(params=[OperationalError, InterfaceError])
def _lost(request: pytest.FixtureRequest) -> Any:
    """The database answers no statement."""

    def fail(*_given: object) -> NoReturn:
        raise request.param("password=hunter2")

    with connection.execute_wrapper(fail):
        yield


@pytest.mark.usefixtures("_lost")
@pytest.mark.parametrize(("command", "code"), ENDS_WITH_A_CODE.items())
def test_lost_database_is_no_result(command: str, code: int) -> None:
    out, err = io.StringIO(), io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command(command, stdout=out, stderr=err)
    assert ended.value.code == code
    said = out.getvalue() + err.getvalue()
    assert ("Error)" in said, "hunter2" in said) == (True, False)
