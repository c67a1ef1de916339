"""SFace as it is served against OpenCV's own recogniser on the same file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from export.architectures import sface
from export.models import OPSET, model_spec
from export.parity import check_parity
from export.published_onnx import LARGEST, read_published
from limner.errors import CheckpointMismatch
from tests.export.runtimes import openvino_session

Image = NDArray[np.uint8]


@pytest.fixture(scope="module")
def published() -> onnx.ModelProto:
    return sface.seeded_model(1)


@pytest.fixture(scope="module")
def file(published: onnx.ModelProto, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("published") / "face_recognition_sface_2021dec.onnx"
    onnx.save(published, path)
    return path


@pytest.fixture(scope="module")
def served(file: Path) -> onnx.ModelProto:
    return sface.served_model(read_published(file), file.name)


@pytest.fixture(scope="module")
def served_file(served: onnx.ModelProto, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("served") / "model.onnx"
    onnx.save(served, path)
    return path


@pytest.fixture(scope="module")
def faces(astronaut: Image) -> Image:
    """Parts of a photo and noise: UINT8 [4, 112, 112, 3] RGB."""
    noise = np.random.default_rng(2).integers(0, 256, (112, 112, 3), dtype=np.uint8)
    crops = [astronaut[top : top + 112, left : left + 112] for top, left in ((50, 180), (200, 100), (300, 300))]
    return np.stack([*crops, noise])


@pytest.fixture(scope="module")
def expected(file: Path, faces: Image) -> NDArray[np.float32]:
    """What OpenCV's recogniser gives, at length 1: FP32 [4, 128]."""
    recogniser = cv2.FaceRecognizerSF.create(str(file), "")
    rows = [recogniser.feature(np.ascontiguousarray(face[..., ::-1]))[0].copy() for face in faces]
    assert max(abs(cosine(rows[i], rows[j])) for i in range(4) for j in range(i)) < 0.5
    return np.stack([row / np.linalg.norm(row) for row in rows])


def cosine(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def run(model: onnx.ModelProto, faces: Image) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (embedding,) = session.run(["EMBEDDING"], {"FACE": faces})
    return np.asarray(embedding)


@pytest.mark.parametrize("count", [1, 2, 4])
@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_same_as_opencvs_recogniser(
    runtime: str, count: int, served: onnx.ModelProto, served_file: Path, faces: Image, expected: NDArray[np.float32]
) -> None:
    given = faces[-count:]
    found = run(served, given) if runtime == "onnxruntime" else openvino_session(served_file)(given)[0]
    assert found.dtype == np.float32
    assert found.shape == (count, 128)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1.0, atol=1e-5)
    for one, other in zip(found, expected[-count:], strict=True):
        assert cosine(one, other) > 1 - 1e-5


def test_dot_product_is_opencvs_cosine_score(file: Path, served: onnx.ModelProto, faces: Image) -> None:
    recogniser = cv2.FaceRecognizerSF.create(str(file), "")
    features = [recogniser.feature(np.ascontiguousarray(face[..., ::-1])).copy() for face in faces[:2]]
    score = recogniser.match(features[0], features[1], cv2.FaceRecognizerSF_FR_COSINE)
    one, other = run(served, faces[:2])
    assert one @ other == pytest.approx(score, abs=1e-5)


def test_served_graph_is_what_is_declared(served: onnx.ModelProto) -> None:
    """A current opset, weights that are no inputs, a free batch, nothing of the converter's but its layers."""
    onnx.checker.check_model(served)
    assert [(entry.domain, entry.version) for entry in served.opset_import] == [("", OPSET)]
    assert [value.name for value in served.graph.input] == ["FACE"]
    assert [value.name for value in served.graph.output] == ["EMBEDDING"]
    assert not served.graph.value_info
    assert "Dropout" not in {node.op_type for node in served.graph.node}


def test_parity_is_measured_on_the_embedding(published: onnx.ModelProto, served: onnx.ModelProto) -> None:
    (parity,) = check_parity(model_spec("sface"), served, sface.reference(published), sface.examples(1))
    assert parity.output == "EMBEDDING"
    assert parity.relative < 1e-5


def test_published_file_is_as_large_as_the_seeded_one(published: onnx.ModelProto) -> None:
    """The layout holds all the published weights and no more: 38,696,353 bytes but for some names."""
    assert abs(published.ByteSize() - 38_696_353) < 10_000


def _reshaped(target: list[int], *, constant_node: bool) -> Callable[[onnx.ModelProto], None]:
    def change(model: onnx.ModelProto) -> None:
        (flatten,) = (node for node in model.graph.node if node.op_type == "Flatten")
        tensor = numpy_helper.from_array(np.array(target, np.int64), "flat_shape")
        if constant_node:
            model.graph.node.insert(0, helper.make_node("Constant", [], ["flat_shape"], value=tensor))
        else:
            model.graph.initializer.append(tensor)
            model.graph.input.append(helper.make_tensor_value_info("flat_shape", TensorProto.INT64, [2]))
        flatten.op_type = "Reshape"
        flatten.input.append("flat_shape")

    return change


def _modern(model: onnx.ModelProto) -> None:
    """Opset 11, format 6, weights that are no inputs, shapes noted for a batch of one."""
    model.ir_version = 6
    model.opset_import[0].version = 11
    del model.graph.input[1:]
    noted = helper.make_tensor_value_info("pre_fc1", TensorProto.FLOAT, [1, 128])
    model.graph.value_info.append(noted)


def _spatial(model: onnx.ModelProto) -> None:
    for node in model.graph.node:
        if node.op_type == "BatchNormalization":
            node.attribute.append(helper.make_attribute("spatial", 1))


def _free_names(model: onnx.ModelProto) -> None:
    """A free batch already, and tensors that have the names of those declared."""
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "batch"
    model.graph.output[0].type.tensor_type.shape.dim[0].dim_param = "batch"
    model.graph.node[0].output[0] = model.graph.node[1].input[0] = "FACE"


@pytest.mark.parametrize(
    "change",
    [
        _reshaped([1, 50176], constant_node=False),
        _reshaped([1, -1], constant_node=True),
        _reshaped([-1, 50176], constant_node=False),
        _modern,
        _spatial,
        _free_names,
    ],
)
def test_other_ways_to_write_the_same_graph(
    change: Callable[[onnx.ModelProto], None],
    published: onnx.ModelProto,
    faces: Image,
    expected: NDArray[np.float32],
) -> None:
    model = onnx.ModelProto()
    model.CopyFrom(published)
    change(model)
    onnx.checker.check_model(model)
    (parity,) = check_parity(
        model_spec("sface"), sface.served_model(model, "test"), sface.reference(model), sface.examples(1)
    )
    assert parity.relative < 1e-5
    assert min(map(cosine, run(sface.served_model(model, "test"), faces[:3]), expected[:3])) > 1 - 1e-5


def _small_model(sizes: list[int], outputs: int, domain: str = "") -> onnx.ModelProto:
    graph = helper.make_graph(
        [helper.make_node("GlobalAveragePool", ["x"], ["y"], domain=domain)],
        "other",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, sizes)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, outputs])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11), helper.make_opsetid("mine", 1)])


@pytest.mark.parametrize(
    "model",
    [
        _small_model([1, 3, 320, 320], 128),
        _small_model([1, 3, 112, 112], 512),
        _small_model([2, 3, 112, 112], 128),
        _small_model([1, 3, 112, 112], 128, domain="mine"),
        onnx.ModelProto(),
    ],
)
def test_another_network_is_refused(model: onnx.ModelProto) -> None:
    with pytest.raises(CheckpointMismatch, match=r"mine\.onnx holds another network: SFace takes") as caught:
        sface.served_model(model, "mine.onnx")
    assert "[1, 3, 112, 112]" in caught.value.message


def test_graph_that_only_claims_its_output_is_refused() -> None:
    with pytest.raises(CheckpointMismatch, match=r"mine\.onnx holds a graph that cannot be brought to ONNX opset 18"):
        sface.served_model(_small_model([1, 3, 112, 112], 128), "mine.onnx")


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: whole[: len(whole) // 2],
        lambda whole: whole[:-100],
        lambda whole: b"version https://git-lfs.github.com/spec/v1\noid sha256:0ba9fbfa\nsize 38696353\n",
        lambda whole: b"",
        lambda whole: bytes(1000),
    ],
)
def test_damaged_files_are_refused(damage: Callable[[bytes], bytes], file: Path, tmp_path: Path) -> None:
    path = tmp_path / "damaged.onnx"
    path.write_bytes(damage(file.read_bytes()))
    with pytest.raises(CheckpointMismatch, match=r"damaged\.onnx"):
        read_published(path)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointMismatch, match=r"gone\.onnx does not exist"):
        read_published(tmp_path / "gone.onnx")


def test_overlong_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "vast.onnx"
    with path.open("wb") as stream:
        stream.truncate(LARGEST + 1)
    with pytest.raises(CheckpointMismatch, match=r"vast\.onnx has 1074 MB"):
        read_published(path)


def test_weights_in_other_files_are_refused(tmp_path: Path) -> None:
    """A file could otherwise have any file of this machine read as its weights."""
    for number, where in enumerate(("initializer", "attribute")):
        tensor = TensorProto(name="weight", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
        tensor.external_data.add(key="location", value="secret")
        model = _small_model([1, 3, 112, 112], 128)
        if where == "initializer":
            model.graph.initializer.append(tensor)
        else:
            model.graph.node.append(helper.make_node("Constant", [], ["weight"], value=tensor))
        path = tmp_path / f"outside{number}.onnx"
        path.write_bytes(model.SerializeToString())
        with pytest.raises(CheckpointMismatch, match=rf"{path.name} keeps its weights in other files"):
            read_published(path)
