"""What is sent and what becomes of it: faces, quality, batches, formats, bytes, rate limits."""

from __future__ import annotations

from deploy.grafana.panels import GATEWAY, Panel, Query, graph, mean, quantile, rate

_TAKEN = rate("enhancement_requests_total", f'{GATEWAY}, status="429"')
_NO_FACE = f'{GATEWAY}, le=~"0|0.0"'  # Prometheus 3 writes the second
_QUALITIES = (
    ("face_quality_score", "Face quality", "How well a face can be recognised, 0 to 1: the mean over a photo's faces."),
    ("sharpness_score", "Sharpness", "Detail along the longer side, 0 to 1."),
    ("enhancement_ratio", "Enhancement", "Detail along a line, after through before: 1 is nothing gained."),
    ("identity_preservation", "Likeness", "Of the restored face to the one in the photo. Below 0.363: somebody else."),
)

_FACES: list[Panel] = [
    graph(
        "Faces by outcome",
        "Faces found, by what became of them: restored, blended with what they were, left out because they had become "
        "somebody else, untouched.",
        "cps",
        Query(rate("faces_total", GATEWAY, "outcome"), "{{outcome}}"),
        stacked=True,
    ),
    graph(
        "Faces in a photo",
        "Mean number of faces found in a photo.",
        "none",
        Query(mean("faces_per_photo_sum", "faces_per_photo_count", GATEWAY), "faces"),
    ),
    graph(
        "Photos without a face",
        "Share of the enhanced photos in which none was found. A jump to 100 % is a detector that has failed.",
        "percentunit",
        Query(
            f"{rate('faces_per_photo_bucket', _NO_FACE)} / ({rate('faces_per_photo_count', GATEWAY)} > 0)",
            "without a face",
        ),
        most=1,
    ),
]

_QUALITY: list[Panel] = [
    graph(
        title,
        text,
        "none",
        *(
            Query(quantile(share, "quality_score", f'{GATEWAY}, metric="{metric}"'), f"{share:.0%}")
            for share in (0.1, 0.5, 0.9)
        ),
        span=6,
    )
    for metric, title, text in _QUALITIES
]

_UPLOADS: list[Panel] = [
    graph(
        "Uploads by format",
        "Files taken; an archive is one.",
        "cps",
        Query(rate("uploads_total", GATEWAY, "format"), "{{format}}"),
        stacked=True,
    ),
    graph(
        "Uploads by call",
        "synchronous is POST /v1/enhance, photo is POST /v1/photos.",
        "cps",
        Query(rate("uploads_total", GATEWAY, "kind"), "{{kind}}"),
        stacked=True,
    ),
    graph(
        "Bytes",
        "Files taken, and results handed out.",
        "Bps",
        Query(rate("uploaded_bytes_total", GATEWAY), "in"),
        Query(rate("delivered_bytes_total", GATEWAY), "out"),
    ),
]

_TASKS: list[Panel] = [
    graph(
        "Tasks that ended",
        "Photos and batches: cleaned were deleted or cut off while at work.",
        "cps",
        Query(rate("tasks_total", GATEWAY, "kind, status"), "{{kind}} {{status}}"),
    ),
    graph(
        "Files of batches",
        "skipped are no photos.",
        "cps",
        Query(rate("batch_photos_total", GATEWAY, "outcome"), "{{outcome}}"),
        stacked=True,
        runbook="LimnerBatchPhotosFailing",
    ),
    graph(
        "Rate limits",
        "Uploads that met the limit of their client.",
        "reqps",
        Query(rate("uploads_refused_total", f'{GATEWAY}, reason="quota-exceeded"'), "tasks"),
        Query(_TAKEN, "POST /v1/enhance"),
        stacked=True,
        runbook="LimnerManyRateLimited",
    ),
]

ROWS = {"Faces": _FACES, "Quality of results": _QUALITY, "Uploads": _UPLOADS, "Tasks, batches, limits": _TASKS}
