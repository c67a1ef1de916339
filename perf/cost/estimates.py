"""The parts of the capacity page that nobody measured: servers for a day's photos, and what a GPU changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from perf.cost.capacity import CostModel, photos_per_hour, replicas
from perf.cost.gpu import GPUS, SHARE, Operations, core_seconds_left
from perf.cost.tables import mib, number, percent, table
from perf.cost.work import FACES, NETWORK

Rows = Sequence[Mapping[str, Any]]

PHOTOS_A_DAY = (1_000, 10_000, 100_000, 1_000_000)
AT_ONCE = (1, 4, 10)

PEAK, LOAD = 3.0, 0.7
"""The busiest hour has three times the mean, and cores may be busy for 70 % of it: assumptions."""


def replica_section(model: CostModel, rows: Rows, cores: int) -> str:
    """Triton replicas for a number of photos a day."""
    costs = {row["name"]: row["core_seconds"]["median"] for row in rows}
    lines = [
        (name, *(number(replicas(photos, cost, cores, PEAK, LOAD)) for photos in PHOTOS_A_DAY))
        for name, cost in costs.items()
    ]
    mixed = [(1.0, row["work"]) for row in rows]
    if mixed:
        cost = model.mean_core_seconds(mixed, beyond=True).value
        counts = (number(replicas(photos, cost, cores, PEAK, LOAD)) for photos in PHOTOS_A_DAY)
        lines.append((f"as many of each (model: {number(cost)} core-seconds)", *counts))
    return (
        f"\n## Triton replicas for a day's photos: estimated\n\n"
        f"Replicas of {cores} cores each = photos a day ÷ 86,400 × {PEAK:g} × core-seconds ÷ ({cores} × {LOAD:g}), "
        f"rounded up: the busiest hour is assumed to have {PEAK:g} times the mean, and cores to be busy for "
        f"{percent(LOAD)} of it, so that queues stay short. Core-seconds are the measured ones above.\n\n"
        + table(("photo", *(f"{photos:,} a day" for photos in PHOTOS_A_DAY)), lines)
    )


def memory_section(model: CostModel, rows: Rows, further: float) -> str:
    """Memory of a server with several of the typical photos at work; ``further`` as in ``memory_at_once``."""

    def held(row: Mapping[str, Any], at_once: int, share: float) -> str:
        prediction = model.memory_at_once([row["work"]] * at_once, share, beyond=True)
        return mib(prediction.value) + (" \\*" if prediction.beyond else "")

    columns = [(f"{at_once} at once", at_once, further) for at_once in AT_ONCE]
    if further < 1:
        columns.append((f"{AT_ONCE[-1]} at once, worst case", AT_ONCE[-1], 1.0))
    lines = [(row["name"], *(held(row, at_once, share) for _, at_once, share in columns)) for row in rows]
    head = ("photo", *(title for title, _, _ in columns))
    return (
        "\n## Memory of a server: estimated\n\n"
        "MiB = what the server holds anyway + what a photo needs by the model above + for each further one "
        f"{percent(further)} of that, the most that was measured with users at once"
        f"{'; in the worst case all of it' if further < 1 else ''}. A star: beyond what the model was fitted to.\n\n"
        + table(head, lines)
        + "\nThe gateway, which is not in it, hands in at most `LIMNER_MAX_TASKS` photos at once (10 by default).\n"
    )


def gpu_section(model: CostModel, rows: Rows, flops: Mapping[str, int]) -> str:
    """What the networks of the typical photos would take on GPUs, with the sum."""
    works = [(row["name"], Operations.of(flops, row["models"].values()), row["work"]) for row in rows]
    head = ("photo", "TFLOP of the networks", *(f"{gpu.name}: seconds" for gpu in GPUS), "core-seconds left on the CPU")
    lines = [
        (
            name,
            _sum(operations, work),
            *(number(gpu.seconds(operations.flop(work))) for gpu in GPUS),
            number(core_seconds_left(model, work)),
        )
        for name, operations, work in works
    ]
    head_by_hour = ("photo", *(f"{gpu.name}: photos per hour" for gpu in GPUS), "photos per hour and core of the CPU")
    by_hour = [
        (
            name,
            *(_per_hour(gpu.seconds(operations.flop(work))) for gpu in GPUS),
            number(photos_per_hour(core_seconds_left(model, work))),
        )
        for name, operations, work in works
    ]
    return (
        "\n## What a GPU changes: estimated, nothing measured\n\n"
        "No GPU was at hand. These are sums: the networks' operations, counted in their graphs (a multiplication and "
        f"an addition are two), divided by {percent(SHARE)} of the published peak of dense FP16. That share is an "
        "assumption; copies to and from the GPU, and waiting for full batches, are not in it.\n\n"
        + "".join(f"- {line}\n" for line in _rates(flops))
        + "\n"
        + table(head, lines)
        + "\nThe rest (decoding, putting faces back, encoding, quality metrics; here the detector, too) stays on the "
        "CPU and soon is what limits: a server does the lesser of the GPU's photos per hour and those of its cores.\n\n"
        + table(head_by_hour, by_hour)
        + "\nWhich photos `background=auto` gives to a network does not depend on the hardware. One that it leaves to "
        "Lanczos would cost a GPU the sum above for its megapixels, were a network asked for by name.\n"
    )


def _rates(flops: Mapping[str, int]) -> Iterator[str]:
    for network, count in flops.items():
        yield f"{network}: {count / 1e12:.3f} TFLOP for a {'tile of 128×128' if 'esrgan' in network else 'face'}."
    for gpu in GPUS:
        yield f"{gpu.name}: {gpu.tflops:g} TFLOPS at most ({gpu.source})."


def _sum(operations: Operations, work: Mapping[str, float]) -> str:
    return (
        f"{work[NETWORK]:.3g} Mpx × {operations.megapixel / 1e12:.3g} + {work[FACES]:g} × "
        f"{operations.face / 1e12:.3g} = {operations.flop(work) / 1e12:.3g}"
    )


def _per_hour(seconds: float) -> str:
    return number(photos_per_hour(seconds)) if seconds else "no limit"
