"""The people who use the portal."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import timedelta
from enum import StrEnum
from functools import cached_property
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.models import Group
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.base_session import AbstractBaseSession
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from apps.accounts.roles import GRANTS, LABELS
from apps.core import clock
from apps.core.prepared_queries import PreparedQuery

# ASCII, so that a comparison without regard to case gives the same result in every database.
user_name_characters = RegexValidator(
    r"^[A-Za-z0-9._@+-]+\Z", _("Use only the letters a to z, digits and . _ - @ + in the user name")
)

_GRANTS_OF: PreparedQuery[tuple[str, str | None, str | None]] = PreparedQuery(
    lambda person: Group.objects.filter(user=person).values_list(
        "name", "permissions__content_type__app_label", "permissions__codename"
    )
)


class People(BaseUserManager["User"]):
    """All people."""

    def get(self, *args: Any, **conditions: Any) -> User:
        """As Django's ``get``. A read by primary key, which every request needs, uses prepared SQL.

        Django's sign-in backend calls this method for the person of a session. A backend of our own would be
        plainer, but sessions contain the path of their backend, so all sessions would end.
        """
        person = conditions.get("pk")
        if args or len(conditions) != 1 or type(person) is not int or type(self) is not People or self._db:
            return super().get(*args, **conditions)
        found = _PERSON.first(person)
        if found is None:
            raise self.model.DoesNotExist
        return found


_PERSON: PreparedQuery[User] = PreparedQuery(lambda person: User.objects.filter(pk=person))


class User(AbstractBaseUser):
    """A person with an account. Their permissions are exactly those of their roles' groups.

    Superusers, the staff flag and per-person permissions do not exist, not even as columns. A person is never
    deleted, only deactivated.
    """

    username = models.CharField(
        _("user name"),
        max_length=150,
        unique=True,
        validators=[user_name_characters],
        error_messages={"unique": _("Another person has this user name")},
    )
    name = models.CharField(_("full name"), max_length=150)
    # For finding a person; nobody signs in with it. As long as an event's text at most.
    email = models.CharField(_("email address"), max_length=200, blank=True, default="")
    time_zone = models.CharField(_("time zone"), max_length=64, blank=True, default="")
    is_active = models.BooleanField(_("active"), default=True)
    date_joined = models.DateTimeField(_("added"), default=clock.now)
    # Part of the hash in every session; incrementing it ends all sessions of the person permanently.
    session_series = models.PositiveIntegerField(default=0)
    # Part of the one-time link's token; incrementing it invalidates all earlier links.
    password_links = models.PositiveIntegerField(default=0)
    # Consecutive failures. From services.BLOCK_AFTER on, only known browsers can sign in.
    failed_sign_ins = models.PositiveIntegerField(default=0)
    sign_in_blocked_at = models.DateTimeField(null=True, blank=True)
    groups = models.ManyToManyField(
        Group, verbose_name=_("roles"), blank=True, related_name="user_set", related_query_name="user"
    )

    objects = People()

    USERNAME_FIELD = "username"

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")
        default_permissions = ()
        permissions = [
            ("manage_people", "Add people, change their roles, deactivate them"),
            ("view_status", "See the state of the portal"),
        ]
        constraints = [
            models.UniqueConstraint(
                Lower("username"),
                name="accounts_user_name_unique",
                violation_error_message=_("Another person has this user name"),
            ),
            models.CheckConstraint(
                condition=~models.Q(username="") & ~models.Q(name=""), name="accounts_user_has_names"
            ),
        ]

    def get_full_name(self) -> str:
        """The name that pages and events show."""
        return self.name

    @cached_property
    def roles(self) -> tuple[str, ...]:
        """The names of the person's groups, in the order of the matrix. Cached per instance."""
        held = {name for name, *_permission in self._grants}
        return tuple(name for name in GRANTS if name in held)

    @property
    def role_labels(self) -> str:
        """The labels of the roles, such as "Staff, Supervisor"."""
        return ", ".join(str(LABELS[name]) for name in self.roles)

    @cached_property
    def _grants(self) -> list[tuple[str, str | None, str | None]]:
        """The person's groups with each of their permissions: every request needs both, in one read."""
        return _GRANTS_OF(self.pk)

    @cached_property
    def _all_permissions(self) -> frozenset[str]:
        return frozenset(
            f"{app_label}.{codename}" for _group, app_label, codename in self._grants if codename
        )

    def get_all_permissions(self, obj: object = None) -> frozenset[str]:
        """The person's permissions; none if deactivated. Cached per instance."""
        return self._all_permissions if self.is_active else frozenset()

    def has_perm(self, perm: str, obj: object = None) -> bool:
        """Whether a group of the person has the permission."""
        return perm in self.get_all_permissions()

    def has_perms(self, perm_list: Iterable[str], obj: object = None) -> bool:
        """Whether the person has all of the permissions."""
        return all(self.has_perm(perm) for perm in perm_list)

    def has_module_perms(self, app_label: str) -> bool:
        """Whether the person has any permission of the app."""
        return any(perm.startswith(f"{app_label}.") for perm in self.get_all_permissions())

    def check_password(self, raw_password: str | None) -> bool:
        """Whether this is the person's password. Its hash is upgraded if it was made by a weaker hasher.

        Unlike Django's, an upgrade never replaces a password that was set meanwhile: that one is checked.
        """
        is_replaced = False

        def upgrade(raw: str) -> None:
            nonlocal is_replaced
            upgraded, same = make_password(raw), User.objects.filter(pk=self.pk, password=self.password)
            if same.update(password=upgraded):
                self.password = upgraded
            else:
                self.refresh_from_db(fields=["password"])
                is_replaced = True

        is_right = check_password(raw_password, self.password, upgrade)
        return is_right and (not is_replaced or check_password(raw_password, self.password))

    def get_session_auth_hash(self) -> str:
        """The hash that a valid session contains. It changes with the session series.

        Without the password, whose hash a stronger hasher replaces: that ends no session. Without
        ``SECRET_KEY``: sessions are signed with it as a whole. With it, Django would give a session a
        new cookie whenever a machine with another key answers, and sign out the requests of the former one.
        """
        value = f"accounts.session:{self.pk}:{self.session_series}"
        return hashlib.sha256(value.encode()).hexdigest()

    def keeps_access(self, permissions: Iterable[str], *, session_hash: str, session: str) -> bool:
        """Whether work that a request started may continue. Read the person from the database first.

        They still need the permissions, which a deactivated person does not have. ``session_hash``: the
        person's when the request began. If it has changed, they have a new password or were signed out
        everywhere; then only work of the session that made the change continues. ``session``: the id of the
        request's session in events.
        """
        if not self.has_perms(permissions):
            return False
        if self.get_session_auth_hash() == session_hash:
            return True
        return bool(session) and Session.objects.filter(person=self, sign_in=session).exists()


class EndReason(StrEnum):
    """Why a session ended."""

    BUTTON = "button"  # the person signed out
    IDLE = "idle"
    ABSOLUTE = "absolute"


class Session(AbstractBaseSession):
    """A session and its person, so that a person's sessions are found without decoding every row.

    The columns repeat values of the session's data, and are written together with it
    (``sign_in.session_store``). They are empty before the sign-in. ``sign_in``: the id in the events.
    """

    person = models.ForeignKey(User, on_delete=models.CASCADE, null=True, related_name="+")
    sign_in = models.UUIDField(null=True)
    signed_in_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)  # at most a minute old
    # Of the last stored use, so that the use of a stolen cookie from elsewhere is seen.
    user_agent = models.CharField(max_length=200, blank=True)
    client_address = models.CharField(max_length=200, blank=True)

    class Meta(AbstractBaseSession.Meta):
        abstract = False
        default_permissions = ()

    @classmethod
    def open(cls) -> models.QuerySet[Session]:
        """The sessions of people that have not ended, by either limit of time."""
        now = clock.now()
        oldest = now - timedelta(seconds=settings.SESSION_ABSOLUTE_SECONDS)
        not_over = models.Q(signed_in_at__gt=oldest) | models.Q(signed_in_at__isnull=True)
        return cls.objects.filter(not_over, person__isnull=False, expire_date__gt=now)

    @property
    def first_limit(self) -> EndReason:
        """The limit of time that ends the session first, unless it is used again."""
        longest = timedelta(seconds=settings.SESSION_ABSOLUTE_SECONDS)
        if self.signed_in_at is not None and self.signed_in_at + longest <= self.expire_date:
            return EndReason.ABSOLUTE
        return EndReason.IDLE

    @classmethod
    def get_session_store_class(cls) -> type[SessionBase]:
        """The store that writes the rows."""
        return import_module(settings.SESSION_ENGINE).SessionStore  # type: ignore[no-any-return]  # of a module by name


class PasswordLink(models.Model):
    """A one-time link to set a password, without its secret: who issued it for whom, and when it was used.

    To show a link to its issuer again, ``password_links`` computes the secret from ``issued_at``, the
    person's row and ``SECRET_KEY``. ``fingerprint``: of the secret; if the computed one has another, the
    person's row has changed, and the link can no longer be used.

    With a link, an administrator could act as another person. So the person and the other administrators see
    it when they sign in.
    """

    person = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    # Both as text, like in events: a command may have issued it.
    issued_by = models.CharField(max_length=200, blank=True)
    issued_by_name = models.CharField(max_length=200)
    issued_at = models.DateTimeField(default=clock.now)
    # The person had no password, so the link cannot take over an account in use.
    invitation = models.BooleanField()
    used_at = models.DateTimeField(null=True)
    fingerprint = models.CharField(max_length=64)

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["issued_at"], name="password_link_issued_at")]

    def __str__(self) -> str:
        return f"{self.person_id} by {self.issued_by_name}"
