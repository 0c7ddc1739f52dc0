from django.urls import path

from apps.batches.views import acts, batch, columns, files, lists, row, upload

app_name = "batches"
urlpatterns = [
    path("batches/", lists.batches, name="batches"),
    path("batches/new/", upload.new, name="new"),
    path("batches/template/", files.template, name="template"),
    path("batches/<uuid:batch_id>/", batch.batch, name="batch"),
    path("batches/<uuid:batch_id>/progress/", batch.progress, name="progress"),
    path("batches/<uuid:batch_id>/columns/", columns.columns, name="columns"),
    path("batches/<uuid:batch_id>/result/", files.result, name="result"),
    path("batches/<uuid:batch_id>/rows/<int:number>/", row.row, name="row"),
    path("batches/<uuid:batch_id>/rows/<int:number>/release/", row.release, name="release"),
    path("batches/<uuid:batch_id>/check/", acts.check, name="check"),
    path("batches/<uuid:batch_id>/accept/", acts.accept, name="accept"),
    path("batches/<uuid:batch_id>/leave-out/", acts.leave_out, name="leave_out"),
    path("batches/<uuid:batch_id>/take-back/", acts.take_back, name="take_back"),
    path("batches/<uuid:batch_id>/confirm/", acts.confirm, name="confirm"),
    path("batches/<uuid:batch_id>/pause/", acts.pause, name="pause"),
    path("batches/<uuid:batch_id>/resume/", acts.resume, name="resume"),
    path("batches/<uuid:batch_id>/stop/", acts.stop, name="stop"),
    path("batches/<uuid:batch_id>/send-again/", acts.send_again, name="send_again"),
    path("batches/<uuid:batch_id>/rows-again/", acts.make_new_list, name="make_new_list"),
]
