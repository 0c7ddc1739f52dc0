"""Why a person creates a consumer although a similar one is on the order."""

from __future__ import annotations

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class SimilarReason(TextChoices):
    """The reasons that the form offers; codes, so that events may carry them."""

    FAMILY = "family_member", _("Different person (family member)")
    NAMESAKE = "same_name", _("Different person (same or similar name)")
    REMOVED = "removed_elsewhere", _("Same person (the other one was removed or cancelled)")
    OTHER = "other", _("Another reason")
