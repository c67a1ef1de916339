"""Checkpoints: the official layouts are read; damaged, foreign and dangerous files are refused by name."""

from __future__ import annotations

import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from export.architectures import architecture, rrdbnet
from export.architectures.common import StateDict
from export.checkpoint import load_checkpoint, save_checkpoint
from limner.errors import CheckpointMismatch

KEYS = ("params_ema", "params")
STATE = {"conv.weight": torch.arange(8.0).reshape(2, 1, 2, 2), "conv.bias": torch.ones(2)}


class Evil:
    """A pickle that runs a command when it is loaded."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch {self.witness}",)


@pytest.mark.parametrize(
    "content",
    [
        {"params_ema": STATE},
        {"params": STATE},
        {"params": {"conv.weight": torch.zeros(1)}, "params_ema": STATE},
        STATE,
        {f"module.{key}": value for key, value in STATE.items()},
    ],
    ids=["ema", "params", "ema first", "flat", "parallel"],
)
def test_official_layouts(content: object, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "net.pth")
    loaded = load_checkpoint(tmp_path / "net.pth", KEYS)
    assert loaded.keys() == STATE.keys()
    assert all(torch.equal(loaded[key], STATE[key]) for key in STATE)


def test_saved_layout_is_read_back(tmp_path: Path) -> None:
    save_checkpoint(STATE, tmp_path / "net.pth")
    assert torch.load(tmp_path / "net.pth", weights_only=True).keys() == {"params_ema"}
    assert load_checkpoint(tmp_path / "net.pth", KEYS).keys() == STATE.keys()


def test_code_is_refused_and_not_run(tmp_path: Path) -> None:
    witness = tmp_path / "ran"
    for index, content in enumerate(({"params_ema": Evil(witness)}, Evil(witness))):
        path = tmp_path / f"evil{index}.pth"
        torch.save(content, path)
        with pytest.raises(CheckpointMismatch, match=rf"{path.name} .*asks for code"):
            load_checkpoint(path, KEYS)
    (tmp_path / "bare.pth").write_bytes(pickle.dumps(Evil(witness)))
    with pytest.raises(CheckpointMismatch, match=r"bare\.pth"):
        load_checkpoint(tmp_path / "bare.pth", KEYS)
    assert not witness.exists()


def test_packed_file_is_refused_before_it_unpacks(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(20_000_000)}, tmp_path / "net.pth")
    with (
        zipfile.ZipFile(tmp_path / "net.pth") as plain,
        zipfile.ZipFile(tmp_path / "bomb.pth", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for item in plain.infolist():
            packed.writestr(item.filename, plain.read(item))
    assert (tmp_path / "bomb.pth").stat().st_size < 500_000
    with pytest.raises(CheckpointMismatch, match=r"bomb\.pth is packed"):
        load_checkpoint(tmp_path / "bomb.pth", KEYS)


def test_a_view_of_one_value_that_claims_millions_is_refused(tmp_path: Path) -> None:
    torch.save({"weight": torch.ones(1).expand(64, 10**8, 3, 3)}, tmp_path / "net.pth")
    with pytest.raises(CheckpointMismatch, match=r"net\.pth claims more values of 'weight'"):
        load_checkpoint(tmp_path / "net.pth", KEYS)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_diverged_checkpoint_is_named(value: float) -> None:
    state = rrdbnet.seeded_state(0, {"num_feat": 8, "num_block": 1, "num_grow_ch": 4})
    state["body.0.rdb1.conv1.weight"][0, 0, 0, 0] = value
    with pytest.raises(CheckpointMismatch, match=r"mine\.pth holds infinite numbers or NaN in body\.0\.rdb1"):
        rrdbnet.build(state, "mine.pth")


def test_an_empty_weight_is_another_network() -> None:
    state = rrdbnet.seeded_state(0, {"num_feat": 8, "num_block": 1, "num_grow_ch": 4})
    state["conv_last.weight"] = torch.zeros(0, 8, 3, 3)
    with pytest.raises(CheckpointMismatch, match="mine"):
        rrdbnet.build(state, "mine.pth")


@pytest.mark.parametrize("keep", [0, 1, 100, 0.5, 0.99])
def test_truncated_file(keep: float, tmp_path: Path) -> None:
    path = tmp_path / "short.pth"
    save_checkpoint(rrdbnet.seeded_state(0, {"num_feat": 8, "num_block": 1, "num_grow_ch": 4}), path)
    content = path.read_bytes()
    path.write_bytes(content[: int(keep if keep >= 1 or keep == 0 else keep * len(content))])
    with pytest.raises(CheckpointMismatch, match=r"short\.pth"):
        load_checkpoint(path, KEYS)


@pytest.mark.parametrize("content", [b"", b"<html>Not found</html>", b"PK\x03\x04 but no archive", b"\x80\x02}q\x00."])
def test_other_files(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "page.pth").write_bytes(content)
    with pytest.raises(CheckpointMismatch, match=r"page\.pth"):
        load_checkpoint(tmp_path / "page.pth", KEYS)


@pytest.mark.parametrize("content", [{"params_ema": {"epoch": 3}}, {"epoch": 3}, [1, 2], torch.zeros(2), {}])
def test_checkpoints_without_a_state_dict(content: object, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "other.pth")
    with pytest.raises(CheckpointMismatch, match=r"other\.pth"):
        load_checkpoint(tmp_path / "other.pth", KEYS)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(CheckpointMismatch, match=r"gone\.pth does not exist"):
        load_checkpoint(tmp_path / "gone.pth", KEYS)


def test_another_architecture(mobilenet_state: StateDict) -> None:
    small = rrdbnet.seeded_state(0, {"num_feat": 8, "num_block": 1, "num_grow_ch": 4})
    with pytest.raises(CheckpointMismatch, match=r"wrong\.pth .*another network"):
        rrdbnet.build(mobilenet_state, "wrong.pth")
    with pytest.raises(CheckpointMismatch, match=r"wrong\.pth does not fit RetinaFace: it lacks body"):
        architecture("retinaface_mobilenet").build(small, "wrong.pth")
