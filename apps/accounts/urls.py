from django.urls import path

from apps.accounts.views import invitations as invitation_views
from apps.accounts.views import people as views

app_name = "accounts"
urlpatterns = [
    path("", views.people_list, name="people"),
    path("new/", views.add_person, name="add_person"),
    path("invite/", invitation_views.invite, name="invite"),
    path("links/", invitation_views.password_links, name="password_links"),
    path("<int:person_id>/", views.person, name="person"),
    path("<int:person_id>/sign-out/", views.sign_out_everywhere, name="sign_out_everywhere"),
    path("<int:person_id>/grant/<slug:role>/", views.grant_role, name="grant_role"),
    path("<int:person_id>/revoke/<slug:role>/", views.revoke_role, name="revoke_role"),
    path("<int:person_id>/deactivate/", views.deactivate, name="deactivate"),
    path("<int:person_id>/reactivate/", views.reactivate, name="reactivate"),
    path("<int:person_id>/unlock/", views.unlock_sign_in, name="unlock_sign_in"),
    path("<int:person_id>/password-link/", views.issue_password_link, name="issue_password_link"),
]
