from django.conf import settings
from django.db import migrations, models
from django.db.models.functions import Lower

PLAIN = ("actor_id", "order_ref", "consumer_ref", "guest_ref")


def drop_plain_indexes(apps, schema_editor):
    """Drop the indexes of these columns alone: all that they answer, another index answers.

    Altering the fields would have SQLite write the whole table anew, once for each.
    """
    connection, table = schema_editor.connection, "consumers_submission"
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, table)
    for name, facts in found.items():
        of_one = facts["index"] and not facts["unique"] and facts["columns"] in [[column] for column in PLAIN]
        if of_one and not facts["foreign_key"]:
            schema_editor.execute(f"DROP INDEX {schema_editor.quote_name(name)}")


class Migration(migrations.Migration):
    dependencies = [
        ("consumers", "0002_looks"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.RemoveIndex("submission", "submission_newest_first"),
        migrations.RemoveIndex("submission", "submission_of_a_person"),
        migrations.RemoveIndex("submission", "submission_open"),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(drop_plain_indexes, migrations.RunPython.noop)],
            state_operations=[
                migrations.AlterField(
                    "submission",
                    "actor",
                    models.ForeignKey(
                        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False
                    ),
                ),
                migrations.AlterField("submission", "order_ref", models.CharField(max_length=200)),
                migrations.AlterField(
                    "submission", "consumer_ref", models.CharField(blank=True, max_length=200)
                ),
                migrations.AlterField(
                    "submission", "guest_ref", models.CharField(blank=True, max_length=200)
                ),
            ],
        ),
        migrations.AddIndex(
            "submission",
            models.Index(
                fields=["submitted_at", "id", "actor", "outcome", "error_code", "duration_ms"],
                name="submission_newest_first",
            ),
        ),
        migrations.AddIndex(
            "submission",
            models.Index(
                fields=["actor", "submitted_at", "id", "outcome", "error_code"],
                name="submission_of_a_person",
            ),
        ),
        migrations.AddIndex(
            "submission",
            models.Index(fields=["outcome", "submitted_at", "id"], name="submission_by_outcome"),
        ),
        migrations.AddIndex(
            "submission",
            models.Index(
                fields=["error_code", "submitted_at", "id"],
                name="submission_by_reason",
                condition=~models.Q(error_code=""),
            ),
        ),
        migrations.AddIndex(
            "submission",
            models.Index(
                Lower("guest_ref"), name="submission_of_guest", condition=~models.Q(guest_ref="")
            ),
        ),
    ]
