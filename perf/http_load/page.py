"""The section of ``perf/README.md`` about a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_COLUMNS = ("calls", "p50_ms", "p95_ms", "p99_ms", "max_ms")
_CALLS = {
    "submit": "`POST /v1/photos`",
    "status": "`GET /v1/photos/{task_id}`",
    "events": "`GET /v1/photos/{task_id}/events`, to the head of the answer",
    "image": "`GET /v1/photos/{task_id}/image`",
    "delete": "`DELETE /v1/photos/{task_id}`",
    "models": "`GET /v1/models`",
    "healthz": "`GET /healthz`",
    "page": "`GET /`",
}

_PAGE = """\
`python -m perf.http_load`: locust's users come one after the other for {ramp:g} s until there are {users}, and then all
of them stay for {seconds:g} s. Milliseconds, while all are connected:

| call | answered | p50 | p95 | p99 | longest | refused | failed |
|---|---|---|---|---|---|---|---|
{calls}

| photos | fetched | p50, seconds | p95 | longest |
|---|---|---|---|---|
{kinds}

- **The goal**, a p95 of at most {goal:g} ms, is {met}: {p95:g} ms at {rate:g} answers a second.
  {slow} Of the machine {machine:g} cores were in use.
- **Photos**: {handed_in} were taken, {fetched} fetched, {deleted} deleted by their users, {failed} failed,
  **{lost} lost**{because}. {per_minute:g} a minute were fetched while all users were connected. {refused} calls of the
  whole run were refused for a full queue, which is no failure.
- **Failed calls** of the whole run: {failures}. Restarts of Triton: {restarts}.
- **Users** wait half a second to one and a half after each call. {share:g} % of what they do is to hand in a photo and
  see it through: {deleted_share} % of the photos are deleted; the others are waited for, {listened} % with their events
  and the rest by polling once a second. Between photos users look at {looks}.
- **Photos**, ×2: {mix}.
  Their seconds are those from hand-in to image, with the queue and up to a second between polls.
- Locust itself took {cores:g} cores, and woke up {late:g} ms late at p95, {latest:g} at worst. Store: {store}.
"""


def markdown(result: Mapping[str, Any]) -> str:
    """Two tables and a list, without a heading."""
    figures, whole, photos = result["all_connected"], result["whole_run"], result["photos"]
    rows = [(text, figures["by_call"][name]) for name, text in _CALLS.items() if name in figures["by_call"]]
    totals = {"refusals": figures["refusals"]["calls"], "failures": figures["failures"]}
    rows.append(("all, refusals included", {**figures["answers"], **totals}))
    return _PAGE.format(
        ramp=result["ramp_seconds"],
        users=result["users"],
        seconds=figures["seconds"],
        calls="\n".join(_row(text, of) for text, of in rows),
        kinds="\n".join(_photo_row(kind, took) for kind, took in photos["from_hand_in_to_image"].items()),
        goal=result["goal"]["p95_ms"],
        met="met" if result["goal"]["met"] else "missed",
        slow=_slow(result["goal"]["kinds_of_call_above"]),
        p95=figures["answers"]["p95_ms"],
        rate=figures["answers_per_second"],
        **{name: photos[name] for name in ("handed_in", "fetched", "deleted", "failed", "lost")},
        because=f" ({_counts(photos['lost_because'])})" if photos["lost"] else "",
        per_minute=photos["fetched_per_minute_all_connected"],
        refused=whole["refusals"]["calls"],
        failures=_counts(whole["failed"]) or "none",
        restarts=result["restarts_of_triton"],
        share=100 * result["share_of_photos"],
        mix=_shares({kind.replace("x", "×"): share for kind, share in result["mix_percent"].items()}),
        looks=_shares(result["between_photos_percent"]),
        deleted_share=result["deleted_percent"],
        listened=result["listened_to_percent"],
        machine=result["machine_cores"],
        cores=result["locust_cores"],
        late=result["locust_late"]["p95_ms"],
        latest=result["locust_late"]["max_ms"],
        store=result["store"],
    )


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{what}: {count}" for what, count in counts.items())


def _slow(above: Mapping[str, float]) -> str:
    if not above:
        return "Every kind of call meets it by itself."
    calls = ", ".join(f"{_CALLS[name]} ({p95:g} ms)" for name, p95 in above.items())
    return f"**Missed** by these by themselves: {calls}."


def _shares(percent: Mapping[str, int]) -> str:
    return ", ".join(f"{what} ({share} %)" for what, share in percent.items())


def _row(name: str, of: Mapping[str, Any]) -> str:
    cells = [*(of.get(column, "–") for column in _COLUMNS), of["refusals"], of["failures"]]
    return f"| {name} | {' | '.join(f'{cell}' for cell in cells)} |"


def _photo_row(kind: str, took: Mapping[str, float]) -> str:
    seconds = [f"{took[column] / 1000:.1f}" for column in ("p50_ms", "p95_ms", "max_ms")]
    return f"| {kind.replace('x', '×')} | {took['calls']} | {' | '.join(seconds)} |"
