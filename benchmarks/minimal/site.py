"""One Django view with crispy-forms and ``requests.post``: no sign-in, no record, no outcome, no
warnings.

With ``DATABASE_URL`` it also has the naive record: with ``ATOMIC_REQUESTS``, a row is written in the request
that calls the vendor, so transaction and connection are held until the vendor answers.

Served by gunicorn like the portal, it shows the basic cost of a form of this size. The fields are those of
the portal's form, with Django's own widgets and crispy's own templates.
"""

from __future__ import annotations

import os
from typing import Any

import requests
from crispy_forms.helper import FormHelper
from crispy_forms.layout import Column, Fieldset, Layout, Row
from django import forms
from django.conf import settings
from environ import Env

if not settings.configured:
    settings.configure(
        # The portal's number of connections.
        DATABASES={
            "default": {
                **Env().db_url(),
                "ATOMIC_REQUESTS": True,
                "OPTIONS": {"pool": {"max_size": int(os.environ["DATABASE_POOL_SIZE"]), "timeout": 10}},
            }
        }
        if "DATABASE_URL" in os.environ
        else {},
        SECRET_KEY="a benchmark keeps no secret",
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF="benchmarks.minimal.site",
        INSTALLED_APPS=["crispy_forms", "crispy_bootstrap5"],
        MIDDLEWARE=[
            "django.middleware.security.SecurityMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
            }
        ],
        CRISPY_ALLOWED_TEMPLATE_PACKS="bootstrap5",
        CRISPY_TEMPLATE_PACK="bootstrap5",
        USE_TZ=True,
    )

from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.forms.formsets import formset_factory
from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.urls import path
from django_countries import countries

application = get_wsgi_application()

CREATE = os.environ.get("CDP_BASE_URL", "") + "/v2.1/orders/{}/consumers"
CREDENTIALS = ("practice-client-key", "practice-api-token")
PAGE = """<!doctype html><html lang="en"><head><title>New order consumer</title></head><body>
{% load crispy_forms_tags %}<form method="post">{% csrf_token %}{% crispy form %}
{% for rows in lists %}{{ rows.management_form }}{% for row in rows %}{{ row|crispy }}{% endfor %}{% endfor %}
<button type="submit">Create consumer</button></form></body></html>"""
page = engines["django"].from_string(PAGE)


class ConsumerForm(forms.Form):
    """The fields without rows."""

    order_ref = forms.CharField(max_length=36, help_text="36 characters")
    title = forms.ChoiceField(
        required=False, choices=[(text, text) for text in ("", "Mr", "Mrs", "Ms", "Dr")]
    )
    first_name = forms.CharField(max_length=100)
    last_name = forms.CharField(max_length=100)
    gender = forms.ChoiceField(
        required=False,
        widget=forms.RadioSelect,
        choices=[("", "Not given"), ("male", "Male"), ("female", "Female"), ("unknown", "Unknown")],
    )
    date_of_birth = forms.DateField(required=False, input_formats=["%d %m %Y"])
    nationality = forms.CharField(required=False, max_length=100)
    passport_number = forms.CharField(required=False, max_length=50)
    country = forms.ChoiceField(required=False, choices=[("", "Not given"), *countries])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.helper = FormHelper()
        self.helper.form_tag = False
        self.helper.disable_csrf = True
        self.helper.layout = Layout(
            Fieldset("Order", "order_ref"),
            Fieldset(
                "Person", "title", Row(Column("first_name"), Column("last_name")), "gender", "date_of_birth"
            ),
            Fieldset("Document", Row(Column("nationality"), Column("passport_number")), "country"),
        )


class EmailRow(forms.Form):
    """An e-mail address."""

    value = forms.EmailField()


class PhoneRow(forms.Form):
    """A phone number."""

    value = forms.CharField(max_length=50)


class IdentifierRow(forms.Form):
    """An identifier."""

    provider = forms.CharField(max_length=200)
    id = forms.CharField(max_length=500)


LISTS: dict[str, Any] = {
    "emails": formset_factory(EmailRow, extra=1),
    "phone_numbers": formset_factory(PhoneRow, extra=1),
    "identifiers": formset_factory(IdentifierRow, extra=1),
}


def new(request: HttpRequest) -> HttpResponse:
    """Show the form, or read it and call the vendor."""
    data = request.POST if request.method == "POST" else None
    form = ConsumerForm(data)
    lists = {prefix: rows(data, prefix=prefix) for prefix, rows in LISTS.items()}
    if data is None or not all([form.is_valid(), *(rows.is_valid() for rows in lists.values())]):
        return HttpResponse(page.render({"form": form, "lists": lists.values()}, request))
    answer = requests.post(
        CREATE.format(form.cleaned_data["order_ref"]), json=_body(form, lists), auth=CREDENTIALS, timeout=120
    )
    return HttpResponse(answer.json()["ref"], status=201 if answer.ok else 502)


def recorded(request: HttpRequest) -> HttpResponse:
    """The same with a row: inserted before the call, updated after it, in one transaction."""
    if request.method != "POST":
        return new(request)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO submission (order_ref, last_name) VALUES (%s, %s) RETURNING id",
            [request.POST.get("order_ref"), request.POST.get("last_name")],
        )
        [row] = cursor.fetchone()
        answer = new(request)
        if answer.status_code == 201:
            ref = answer.content.decode()
            cursor.execute("UPDATE submission SET consumer_ref = %s WHERE id = %s", [ref, row])
    return answer


def _body(form: ConsumerForm, lists: dict[str, Any]) -> dict[str, Any]:
    read = form.cleaned_data
    values = {prefix: [row.cleaned_data for row in rows] for prefix, rows in lists.items()}
    born = read["date_of_birth"]
    return {
        "title": read["title"],
        "firstName": read["first_name"],
        "lastName": read["last_name"],
        "gender": read["gender"],
        "dateOfBirth": f"{born.isoformat()}T00:00:00Z" if born else None,
        "emails": [row["value"] for row in values["emails"]],
        "phoneNumbers": [row["value"] for row in values["phone_numbers"]],
        "nationality": read["nationality"],
        "passportNumber": read["passport_number"],
        "country": read["country"],
        "identifiers": values["identifiers"],
    }


urlpatterns = [path("", new), path("recorded/", recorded)]
