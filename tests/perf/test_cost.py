"""What photos cost: the fit, what follows from it, and a real run in little."""

from __future__ import annotations

import io
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from limner.catalog import CATALOG_FILE, Catalog
from perf.cost.__main__ import measured
from perf.cost.capacity import STAGES, CostModel, photos_per_hour, replicas
from perf.cost.model import OutOfRange, fit
from perf.cost.plan import LONG, SHORT
from perf.cost.repository import random_weights, settings_with
from perf.cost.work import FACES, NETWORK, OUTPUT, PHOTO, QUANTITIES, expected_work, grid_of
from perf.photos import group_photo, places_of
from serving.supervisor import Supervisor
from tests.perf.cost_samples import PRICES, STAGE_MS, cost, result, works


def test_fit_finds_the_prices_in_noise() -> None:
    noise = np.random.default_rng(1).normal(1, 0.02, 40)
    costs = [cost(work) * factor for work, factor in zip(works(), noise, strict=True)]
    found = fit(works(), costs, QUANTITIES)
    assert found.prices == pytest.approx(PRICES, rel=0.15)
    assert found.prices[NETWORK] == pytest.approx(PRICES[NETWORK], rel=0.01)
    assert 0.01 < found.error < 0.03
    assert found.worst == max(map(abs, found.residuals)) > found.error


def test_no_price_is_negative() -> None:
    costs = [cost(work, PRICES | {OUTPUT: -0.02}) for work in works()]
    found = fit(works(), costs, QUANTITIES)
    assert found.prices[OUTPUT] == 0
    assert found.worst > 0.001


def test_fit_refuses_what_it_cannot_tell() -> None:
    with pytest.raises(ValueError, match="apart"):
        fit([{"a": n, "b": 2 * n} for n in range(9)], [1.0 + n for n in range(9)], ("a", "b"))
    with pytest.raises(ValueError, match="5 prices need"):
        fit(works(4), [1.0] * 4, QUANTITIES)
    with pytest.raises(ValueError, match="positive"):
        fit(works(), [0.0] * 40, QUANTITIES)


def test_beyond_what_was_measured_is_refused_or_said() -> None:
    found = fit(works(), [cost(work) for work in works()], QUANTITIES)
    inside = works()[3]
    assert found.predict(inside).value == pytest.approx(cost(inside))
    assert found.predict(inside).beyond == ()
    crowd = inside | {FACES: 20.0}
    with pytest.raises(OutOfRange, match="faces is 20"):
        found.predict(crowd)
    beyond = found.predict(crowd, beyond=True)
    assert beyond.beyond == (FACES,)
    assert beyond.value == pytest.approx(cost(crowd))
    # What never varied has no price, and nothing is known of other values.
    faceless = fit([work | {FACES: 0.0} for work in works()], [1.0 + work[PHOTO] for work in works()], QUANTITIES)
    with pytest.raises(OutOfRange, match="faces is 20"):
        faceless.predict(crowd)


def test_photos_per_hour_memory_and_replicas() -> None:
    model = CostModel.of(result()["series"])
    small, large = works()[0], works()[1]
    mean = model.mean_core_seconds([(3, small), (1, large)])
    assert mean.value == pytest.approx(0.75 * cost(small) + 0.25 * cost(large))
    assert photos_per_hour(mean.value, cores=2) == pytest.approx(7200 / mean.value)
    one = model.memory.predict(small).value
    assert model.memory_at_once([small] * 3).value == pytest.approx(500 + 3 * (one - 500))
    assert model.memory_at_once([small, large, small], 0.1).value == pytest.approx(
        model.memory.predict(large).value + 0.2 * (one - 500)
    )
    huge = small | {OUTPUT: 900.0}
    with pytest.raises(OutOfRange):
        model.memory_at_once([small, huge])
    assert model.memory_at_once([small, huge], beyond=True).beyond == (OUTPUT,)
    with pytest.raises(ValueError, match="shares"):
        model.mean_core_seconds([(-1, small), (2, large)])
    # 8640 photos a day are one in ten seconds; at three times that, 10 core-seconds each, three cores are busy.
    assert replicas(8640, 10.0, cores=2, peak=3, load=0.75) == 2
    assert replicas(8641, 10.0, cores=2, peak=3, load=0.75) == 3
    assert replicas(1, 10.0, cores=2, peak=3, load=0.75) == 1


def test_stages_have_prices_of_their_own() -> None:
    model = CostModel.of(result()["series"])
    assert model.stages.keys() == STAGES.keys()
    for stage, (quantity, price) in STAGE_MS.items():
        assert model.stages[stage].prices[quantity] == pytest.approx(price, rel=1e-6)


def test_photos_have_the_size_and_room_for_the_faces() -> None:
    assert Image.open(io.BytesIO(group_photo(248, 320, 1))).size == (248, 320)
    assert places_of(4000, 3000, 20) == (5, 750)
    assert places_of(248, 320, 1) == (1, 248)
    for faces in range(21):
        columns, side = places_of(960, 768, faces)
        assert columns * side <= 960
        assert -(-faces // columns) * side <= 768


def test_models_of_a_folder_come_beside_the_usual(models_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "gfpgan").symlink_to(models_dir / "retinaface")  # any whole model
    with settings_with(tmp_path / "other") as settings:
        found = {path.name for path in settings.models_dir.iterdir()}
        assert found == {"gfpgan", "realesrgan_x4", "retinaface", CATALOG_FILE}
        assert Catalog.load(settings.models_dir / CATALOG_FILE).available("background")
        assert random_weights(settings.models_dir) == {}
    with settings_with(None) as settings:
        assert settings.models_dir == models_dir


@pytest.fixture(scope="module")
def short_run(supervisor: Supervisor) -> dict[str, Any]:
    return measured(SHORT, supervisor, math.inf)


def test_a_short_run_counts_right(short_run: dict[str, Any]) -> None:
    assert short_run["skipped"] == []
    assert [row["name"] for row in short_run["series"]] == [name for name, _ in SHORT.series]
    for (_, photo), row in zip(SHORT.series, short_run["series"], strict=True):
        network = "realesrgan_x4" if photo.background == "realesrgan" else None
        assert (row["tiles"] or {}).get("total") == (
            grid_of(network, photo.height, photo.width).count(photo.height, photo.width) if network else None
        )
        restored = row["work"][FACES]
        assert restored == (photo.faces if "face_restorer" in row["models"] else 0)
        expected = expected_work(photo.width, photo.height, photo.scale, restored, network)
        assert row["work"] == pytest.approx(expected)
        assert row["faces_found"] == photo.faces
        assert row["stages_ms"].keys() == STAGES.keys() | {"total"}
        assert row["peak_mib"] >= row["before_mib"] > 0
    assert [row["tiles"]["total"] for row in short_run["series"] if row["tiles"]] == [1, 2]


def test_a_short_run_loses_nobody_and_can_be_fitted(short_run: dict[str, Any]) -> None:
    for crowd, row in zip(SHORT.crowds, short_run["crowds"], strict=True):
        assert (row["users"], row["sent"], row["done"]) == (crowd.users, crowd.photos, crowd.photos)
        assert row["failures"] == []
        assert row["core_seconds_per_photo"] > 0
    rows = short_run["series"]
    found = fit([row["work"] for row in rows], [row["core_seconds"]["median"] for row in rows], QUANTITIES)
    assert found.prices[NETWORK] > 100 * found.prices[OUTPUT] >= 0


def test_what_there_is_no_time_for_is_listed(supervisor: Supervisor) -> None:
    run = measured(replace(LONG, warm_up=SHORT.warm_up), supervisor, -math.inf)
    assert not run["series"] + run["crowds"] + run["typical"]
    assert len(run["skipped"]) == len(LONG.series) + len(LONG.crowds) + len(LONG.typical)


def test_each_part_has_a_server_of_its_own() -> None:
    parts = list(LONG.parts())
    assert [bool(part.series) + bool(part.crowds) + bool(part.typical) for part in parts] == [1, 1, 1]
    assert [part.series or part.crowds or part.typical for part in parts] == [LONG.series, LONG.crowds, LONG.typical]
    assert len(list(SHORT.parts())) == 2


def test_further_photos_are_measured_against_a_single_user() -> None:
    model = CostModel.of(result()["series"])
    (crowd,) = result()["crowds"]
    need = model.memory.predict(crowd["work"]).value - 500
    single = crowd | {"users": 1, "peak_mib": 600.0}
    many = round(1000 / need)
    more = crowd | {"users": 1 + many, "peak_mib": 600 + many / 2 * need}
    assert model.further_share([single, more]) == pytest.approx(0.5)
    assert model.further_share([single, more, more | {"users": 1 + 2 * many}]) == pytest.approx(0.5)
    assert model.further_share([single, more | {"peak_mib": 590.0}]) == 0
    few = crowd | {"users": 1 + round(100 / need), "peak_mib": 700.0}
    assert model.further_share([single, more, few]) == pytest.approx(0.5), "runs differ by as much"
    assert model.further_share([crowd]) == 1


def test_memory_is_fitted_to_what_needed_more_than_before() -> None:
    rows = sorted(result()["series"], key=lambda row: float(row["peak_mib"]))
    kept = CostModel.of(rows + [row | {"peak_mib": rows[-1]["peak_mib"]} for row in rows])
    assert len(kept.memory.residuals) == len(rows)
    assert kept.memory.prices[OUTPUT] == pytest.approx(10)
