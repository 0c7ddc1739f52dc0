"""References are indexed for every row: PostgreSQL knows how rare one is only from an index of all of them."""

from django.db import migrations, models
from django.db.models.functions import Lower


class Migration(migrations.Migration):
    dependencies = [("consumers", "0003_list")]

    operations = [
        migrations.RemoveIndex("submission", "submission_by_reference"),
        migrations.RemoveIndex("submission", "submission_of_guest"),
        migrations.AddIndex("submission", models.Index(Lower("consumer_ref"), name="submission_by_reference")),
        migrations.AddIndex("submission", models.Index(Lower("guest_ref"), name="submission_of_guest")),
    ]
