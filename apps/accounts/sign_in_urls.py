"""URLs for sign-in, sign-out and a person's own account. Only these two of django-allauth's pages are in use.

allauth reverses ``account_login`` and ``account_logout`` by name. It reverses its other pages (registration,
e-mail, forgotten passwords) only in features that this portal does not offer.
"""

from django.urls import path

from apps.accounts.views import sign_in as sign_in_views

urlpatterns = [
    path("login/", sign_in_views.sign_in, name="account_login"),
    path("logout/", sign_in_views.sign_out, name="account_logout"),
    path("set-password/<str:uid>/<str:token>/", sign_in_views.password_link, name="password_link"),
    path("session/", sign_in_views.extend_session, name="extend_session"),
    path("password/", sign_in_views.own_password, name="own_password"),
    path("sign-out-elsewhere/", sign_in_views.sign_out_elsewhere, name="sign_out_elsewhere"),
    path("profile/", sign_in_views.own_profile, name="own_profile"),
]
