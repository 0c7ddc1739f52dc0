"""Forms for sign-in, people and passwords. Each form returns one value for a service."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from allauth.account.forms import LoginForm
from django import forms
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.validators import EmailValidator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import User, user_name_characters
from apps.accounts.roles import GRANTS, LABELS
from apps.accounts.selectors import NO_ROLE, PeopleFilter, PersonState
from apps.accounts.services import NewPerson, PersonDetails
from apps.audit.labels import names_no_person
from apps.core.forms.input import LineField, LinesField, NameField, PortalForm, UncutField
from apps.core.forms.long_select import LongSelect

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as StrPromise

STATE_LABELS = {
    PersonState.ACTIVE.value: _("Active"),
    PersonState.DEACTIVATED.value: _("Deactivated"),
    PersonState.NEVER_SIGNED_IN.value: _("Never signed in"),
    PersonState.NO_PASSWORD.value: _("No password yet"),
    PersonState.BLOCKED.value: _("Sign-in blocked"),
    PersonState.SIGNED_IN.value: _("Signed in now"),
}
MAX_PASSWORD = 1000
"""Maximum length of a password in characters: longer than any passphrase, short enough to hash quickly."""


def _password_field(label: StrPromise, required: StrPromise, autocomplete: str) -> UncutField:
    return UncutField(
        label=label,
        strip=False,
        max_length=MAX_PASSWORD,
        error_messages={"required": required},
        widget=forms.PasswordInput(attrs={"autocomplete": autocomplete}),
    )


class SignInForm(PortalForm, LoginForm):  # type: ignore[misc]  # allauth ships no types
    """User name and password. An error reveals only that the pair is wrong, nothing about the account."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"] = LineField(
            label=_("User name"),
            max_length=150,
            error_messages={"required": _("Enter your user name")},
            widget=forms.TextInput(attrs={"autocomplete": "username"}),
        )
        self.fields["password"] = _password_field(_("Password"), _("Enter your password"), "current-password")
        self.order_fields(["login", "password"])


@cache  # reads a few hundred files
def _zone_names() -> list[str]:
    return sorted(
        name
        for name in zoneinfo.available_timezones()
        if "/" in name and not name.startswith(("Etc/", "SystemV/", "posix/", "right/"))
    )


def _time_zones() -> Iterator[tuple[str, str]]:
    yield "", gettext("The portal's own (%(zone)s)") % {"zone": settings.TIME_ZONE}
    for name in _zone_names():
        yield name, name.replace("_", " ")


class TimeZoneForm(PortalForm):
    """A person's time zone, which they can change themselves."""

    time_zone = forms.ChoiceField(
        label=_("Time zone"),
        choices=_time_zones,
        required=False,
        widget=LongSelect,
        error_messages={"invalid_choice": _("Choose a time zone from the list")},
    )

    def to_time_zone(self) -> str:
        """The chosen zone. Call after ``is_valid()``."""
        return str(self.cleaned_data["time_zone"])


_NO_EMAIL = _("Enter an email address, such as name@example.com")


def email_field() -> LineField:
    """A field for a person's email address."""
    return LineField(
        label=_("Email address"),
        max_length=200,
        required=False,
        validators=[EmailValidator(_NO_EMAIL)],
        error_messages={"max_length": _("The email address has at most 200 characters")},
        help_text=_("For finding the person. Nobody signs in with it."),
        widget=forms.TextInput(attrs={"inputmode": "email"}),
    )


class DetailsForm(TimeZoneForm):
    """Name, email address and time zone of a person."""

    name = NameField(
        label=_("Full name"), max_length=150, error_messages={"required": _("Enter the full name")}
    )
    email = email_field()
    field_order = ["name", "email", "time_zone"]

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if names_no_person(name):
            raise forms.ValidationError(
                _("Enter another full name. In the audit log, this one stands for the portal or a visitor.")
            )
        return name

    def to_details(self) -> PersonDetails:
        """The details as entered. Call after ``is_valid()``."""
        return PersonDetails(
            name=self.cleaned_data["name"],
            time_zone=self.to_time_zone(),
            email=self.cleaned_data["email"],
        )


CHANGED_MEANWHILE = _(
    "%(label)s: changed to “%(value)s” since you opened the page. Nothing was saved."
    " Save again to replace it with your entry."
)
REMOVED_MEANWHILE = _(
    "%(label)s: removed since you opened the page. Nothing was saved. Save again to keep your entry."
)


class ChangedDetailsForm(DetailsForm):
    """The details of a person as they were shown and as they were typed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._stored: dict[str, str] = {}

    @property
    def shown(self) -> dict[str, str]:
        """What is shown, by the names of hidden controls."""
        return {
            f"shown-{name}": self._stored.get(name, self._seen(name) or self.initial.get(name, ""))
            for name in self.fields
        }

    def changed_here(self) -> dict[str, str | None]:
        """The fields that were changed, each with the value that was shown; None if the form did not send it.

        Somebody else may have changed the others meanwhile.
        """
        return {
            name: self._seen(name)
            for name, field in self.fields.items()
            if field.has_changed(self._seen(name) or "", self[name].data)
        }

    def refuse(self, stored: dict[str, str]) -> None:
        """Say that fields have other values by now. The form shows them, so it can be sent again."""
        self._stored = stored
        for name, value in stored.items():
            shown = dict(_time_zones()).get(value, value) if name == "time_zone" else value
            text = CHANGED_MEANWHILE if shown else REMOVED_MEANWHILE
            self.add_error(name, text % {"label": self.fields[name].label, "value": shown})

    def _seen(self, name: str) -> str | None:
        value: str | None = self.data.get(f"shown-{name}")
        return value


class NewPersonForm(DetailsForm):
    """A new person: user name, details and roles."""

    username = LineField(
        label=_("User name"),
        max_length=150,
        validators=[user_name_characters],
        help_text=_("What the person types to sign in. It cannot be changed later."),
        error_messages={"required": _("Enter the user name")},
    )
    roles = forms.MultipleChoiceField(
        label=_("Roles"),
        choices=[(name, LABELS[name]) for name in GRANTS],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"invalid_choice": _("Choose roles from the list")},
    )
    field_order = ["username", "name", "email", "time_zone", "roles"]

    def clean_username(self) -> str:
        username: str = self.cleaned_data["username"]
        if User.objects.filter(username__iexact=username).exists():
            raise forms.ValidationError(_("Another person has this user name"))
        return username

    def to_new_person(self) -> NewPerson:
        """The person as entered. Call after ``is_valid()``."""
        return NewPerson(
            username=self.cleaned_data["username"],
            details=self.to_details(),
            roles=tuple(name for name in GRANTS if name in self.cleaned_data["roles"]),
        )


class PeopleFilterForm(PortalForm):
    """The filters of the list of people."""

    q = LineField(
        label=_("Name, user name or email address"),
        max_length=200,
        required=False,
        error_messages={"max_length": _("Search for at most 200 characters")},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    role = forms.ChoiceField(
        label=_("Role"),
        required=False,
        choices=[("", _("Any")), *((name, LABELS[name]) for name in GRANTS), (NO_ROLE, _("No role"))],
        error_messages={"invalid_choice": _("Choose a role from the list")},
    )
    state = forms.ChoiceField(
        label=_("State"),
        required=False,
        choices=[("", _("Any")), *STATE_LABELS.items()],
        error_messages={"invalid_choice": _("Choose a state from the list")},
    )

    def to_filter(self) -> PeopleFilter:
        """The filter. Call after ``is_valid()``."""
        data = self.cleaned_data
        return PeopleFilter(data["q"], data["role"], PersonState(data["state"]) if data["state"] else None)


class InviteForm(PortalForm):
    """People as a table, one in a line."""

    table = LinesField(
        label=_("Table of people"),
        max_length=20_000,
        help_text=_(
            "One person in a line: full name, user name, email address, role. Copy from a spreadsheet."
        ),
        error_messages={
            "required": _("Paste the table"),
            "max_length": _("The table has at most 20,000 characters"),
        },
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false", "class": "mono"}),
    )


class NewPasswordForm(PortalForm):
    """A new password for ``person``, typed twice."""

    new_password = _password_field(_("New password"), _("Enter the new password"), "new-password")
    new_password_again = _password_field(
        _("New password again"), _("Enter the new password again"), "new-password"
    )
    new_password.help_text = _("At least 15 characters. A few words in a row are easy to remember.")

    def __init__(self, person: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.person = person

    def clean_new_password(self) -> str:
        password: str = self.cleaned_data["new_password"]
        validate_password(password, self.person)
        return password

    def clean_new_password_again(self) -> str:
        again: str = self.cleaned_data["new_password_again"]
        if again != self.data.get(self.add_prefix("new_password")):
            raise forms.ValidationError(_("Enter the same password in both fields"))
        return again

    def to_password(self) -> str:
        """The password as entered. Call after ``is_valid()``."""
        return str(self.cleaned_data["new_password"])


class OwnPasswordForm(NewPasswordForm):
    """A new password for the signed-in person, who also enters the current one."""

    current_password = _password_field(
        _("Current password"), _("Enter your current password"), "current-password"
    )
    field_order = ["current_password", "new_password", "new_password_again"]

    def clean_current_password(self) -> str:
        password: str = self.cleaned_data["current_password"]
        if not self.person.check_password(password):
            raise forms.ValidationError(_("The current password is incorrect"))
        return password
