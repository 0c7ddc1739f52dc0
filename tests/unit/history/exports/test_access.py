from dataclasses import replace

from django.contrib.auth.models import Group, Permission

from apps.accounts import services as accounts
from apps.accounts.models import User
from apps.accounts.roles import PERSONAL_DATA_EXPORT, SUPERVISOR
from apps.consumers.viewer import Viewer
from apps.history.exports import access, lifecycle
from apps.history.models import ExportReason
from apps.history.selection import Selection, SubmissionFilter
from tests.support.export_rows import PLAIN, prepared
from tests.support.people import TESTS, acting


def test_export_goes_on_while_its_person_has_what_it_needs(supervisor: User) -> None:
    """Its own rows, those of everybody, and personal data each need another permission."""
    accounts.grant_role(person_id=supervisor.pk, role=PERSONAL_DATA_EXPORT, actor=TESTS)
    own = Selection(SubmissionFilter(), Viewer(str(supervisor.pk)))
    exports = (
        lifecycle.prepare(own, PLAIN, query="", rows=0, person=acting(supervisor)),
        prepared(supervisor),
        prepared(supervisor, replace(PLAIN, personal=True, reason=ExportReason.COMPLAINT.value)),
    )

    def going_on() -> list[bool]:
        return [
            access.has_access(one, acting(supervisor), supervisor.get_session_auth_hash()) for one in exports
        ]

    assert going_on() == [True, True, True]
    accounts.revoke_role(person_id=supervisor.pk, role=PERSONAL_DATA_EXPORT, actor=TESTS)
    assert going_on() == [True, True, False]
    supervisors = Group.objects.get(name=SUPERVISOR)
    for permission, expected in (
        ("view_all_submissions", [True, False, False]),
        ("export_submissions", [False] * 3),
    ):
        supervisors.permissions.remove(Permission.objects.get(codename=permission))
        assert going_on() == expected
