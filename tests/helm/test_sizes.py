"""Memory of the examples: what docs/operation.md says may be inside at once fits."""

from __future__ import annotations

import re

import pytest
import yaml

from limner.settings import PROJECT_ROOT
from tests.helm.chart import CHART, EXAMPLES, Manifest, environment, example, named, pod_of, render

UNITS = {"Mi": 1 << 20, "Gi": 1 << 30}
UNPACKING = 1 << 30
"""The process that unpacks an archive may take so much, in bytes: docs/operation.md."""
GATEWAY_ITSELF = 256 << 20
TRITON_ITSELF = 1816 << 20
"""What a server holds anyway, in bytes: docs/capacity.md."""


def bytes_of(quantity: str) -> int:
    number, unit = re.fullmatch(r"(\d+)(Mi|Gi)", quantity).groups()  # type: ignore[union-attr]
    return int(number) * UNITS[unit]


def memory(container: Manifest) -> int:
    return bytes_of(container["resources"]["limits"]["memory"])


@pytest.mark.parametrize("name", [*EXAMPLES, "defaults"])
def test_uploads_batches_and_results_fit_into_the_gateway(name: str) -> None:
    values = {"auth": {"allowAnonymous": True}} if name == "defaults" else example(name)
    rendered = render(values)
    (gateway,) = pod_of(rendered, "gateway").containers
    variables = environment(gateway)

    def number(variable: str) -> int:
        return int(variables[f"LIMNER_{variable}"])

    uploads = (number("MAX_TASKS") + number("MAX_QUEUE")) * number("MAX_UPLOAD_BYTES")
    photos = number("BATCH_CONCURRENCY") * number("MAX_UPLOAD_BYTES")
    batches = number("MAX_BATCHES") * (number("MAX_ARCHIVE_BYTES") + UNPACKING + photos)
    shared = values.get("redis", {}).get("enabled", False)
    held = 0 if shared else number("MAX_HELD_BYTES")
    assert GATEWAY_ITSELF + uploads + batches + held <= memory(gateway)


@pytest.mark.parametrize("name", EXAMPLES)
def test_triton_has_room_for_itself_and_its_shared_memory(name: str) -> None:
    triton = pod_of(render(example(name)), "triton")
    volumes = {volume["name"]: volume for volume in triton.spec["volumes"]}
    shared = bytes_of(volumes["shm"]["emptyDir"]["sizeLimit"])
    assert shared >= 1 << 30
    assert TRITON_ITSELF + shared <= memory(triton.containers[-1])


def test_figures_are_those_of_the_page() -> None:
    page = (PROJECT_ROOT / "docs/capacity.md").read_text("utf-8")
    (held,) = re.findall(r"^\| any photo \|[^|]*\|[^|]*\| ([0-9,]+) \|", page, re.MULTILINE)
    assert int(held.replace(",", "")) << 20 == TRITON_ITSELF


def test_redis_has_room_beside_its_data() -> None:
    for size in (64, 2048, 16_384):
        rendered = render(example("production", redis__maxMemoryMiB=size))
        (redis,) = pod_of(rendered, "redis").containers
        configuration = named(rendered, "ConfigMap", "photos-limner-redis")["data"]["redis.conf"]
        assert f"\nmaxmemory {size}mb" in configuration
        assert memory(redis) >= 1.25 * (size << 20)


def test_exporter_has_what_it_needs() -> None:
    """docs: some 3 GB, and 2 GiB below /tmp."""
    values = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    assert bytes_of(values["exporter"]["resources"]["memory"]) >= 3 << 30
    exporter = pod_of(render(example("production")), "exporter")
    (tmp,) = [volume for volume in exporter.spec["volumes"] if volume["name"] == "exporter-tmp"]
    assert bytes_of(tmp["emptyDir"]["sizeLimit"]) >= 2 << 30
