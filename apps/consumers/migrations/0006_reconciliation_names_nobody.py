from django.db import migrations


def name_nobody(apps, schema_editor):
    """Take the person who asked for a check, or the worker, out of what reconciliation resolved.

    Who asked for the check stays in the audit log.
    """
    submission = apps.get_model("consumers", "Submission")
    found = submission.objects.using(schema_editor.connection.alias).filter(settled_how="by_look_up")
    found.update(settled_by=None, settled_by_name="")


class Migration(migrations.Migration):
    dependencies = [("consumers", "0005_resolutions_corrected_and_verified")]
    operations = [migrations.RunPython(name_nobody, migrations.RunPython.noop)]
