"""SBOMs: complete, valid, and the same each time."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import tritonclient.grpc as grpcclient
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from deploy import sbom
from deploy.licences import recorded
from deploy.sbom import EMBEDDED_TRITON, SbomError, make
from deploy.shipped import SHIPPED, Shipped, base_image
from export.environment import TORCH
from export.registry import WEIGHTS
from limner.settings import PROJECT_ROOT

BY_NAME = {thing.name: thing for thing in SHIPPED}


@pytest.fixture(scope="module")
def bills() -> dict[str, dict[str, Any]]:
    """Of three things, which together have one of each kind of component."""
    return {name: json.loads(make(BY_NAME[name])) for name in ("serving", "exporter", "page")}


def components(bill: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {component["bom-ref"]: component for component in bill["components"]}


def test_every_package_of_a_lock_is_in_it_and_no_other(bills: dict[str, dict[str, Any]]) -> None:
    for name, bill in bills.items():
        thing = BY_NAME[name]
        found = {ref for ref in components(bill) if ref.startswith(("pkg:pypi/", "pkg:npm/"))}
        kind = "pypi" if thing.lock else "npm"
        packages = thing.python_packages() or thing.pins()
        assert found == {f"pkg:{kind}/{pin.name.replace('@', '%40')}@{pin.version}" for pin in packages}
        assert found


def test_packages_have_the_hashes_of_their_lock_and_a_licence(bills: dict[str, dict[str, Any]]) -> None:
    for name in ("serving", "exporter"):
        found = components(bills[name])
        for pin in BY_NAME[name].pins():
            component = found[f"pkg:pypi/{pin.name}@{pin.version}"]
            hashes = {told["content"] for place in component["externalReferences"] for told in place.get("hashes", ())}
            assert hashes == set(pin.hashes)
            (licence,) = component["licenses"]
            told = licence.get("expression") or licence["license"].get("id") or licence["license"].get("name")
            assert told == recorded()[f"{pin.name}=={pin.version}"]
    for pin in BY_NAME["page"].pins():
        component = components(bills["page"])[f"pkg:npm/{pin.name.replace('@', '%40')}@{pin.version}"]
        assert [told["content"] for told in component["hashes"]] == list(pin.hashes)
        assert component["licenses"]


def test_weights_are_named_with_hash_source_and_licence(bills: dict[str, dict[str, Any]]) -> None:
    for name in ("serving", "exporter"):
        found = components(bills[name])
        for weight in WEIGHTS:
            component = found[f"weights/{weight.file}"]
            assert component["type"] == "machine-learning-model"
            assert component["hashes"] == [{"alg": "SHA-256", "content": weight.sha256}]
            assert {place["url"] for place in component["externalReferences"]} == set(weight.urls)
            properties = {told["name"]: told["value"] for told in component["properties"]}
            assert properties["limner:non-commercial"] == str(weight.non_commercial).lower()
            assert component["licenses"]
    assert not any(ref.startswith("weights/") for ref in components(bills["page"]))


def test_what_no_lock_has_is_named(bills: dict[str, dict[str, Any]]) -> None:
    found = components(bills["exporter"])
    name, _, version = TORCH.partition("==")
    assert found[f"pkg:pypi/{name}@{version}"]["properties"] == [
        {"name": "limner:hashes", "value": "none: see docs/supply-chain.md"}
    ]
    image = base_image(PROJECT_ROOT / "deploy" / "docker" / "exporter.Dockerfile")
    assert found["pkg:docker/" + image.replace(":", "@")]["type"] == "container"
    assert any(ref.startswith("pkg:github/triton-inference-server/") for ref in components(bills["serving"]))


def test_a_registry_of_an_image_is_told_apart_from_its_name() -> None:
    component = sbom._image("nvcr.io/nvidia/tritonserver:26.07-py3")
    assert str(component.purl) == "pkg:docker/nvidia/tritonserver@26.07-py3?repository_url=nvcr.io"


def test_everything_hangs_on_the_thing_itself(bills: dict[str, dict[str, Any]]) -> None:
    for name, bill in bills.items():
        (root,) = [told for told in bill["dependencies"] if told["ref"] == f"limner-{name}"]
        assert set(root["dependsOn"]) == set(components(bill))
        assert bill["metadata"]["component"]["name"] == f"limner-{name}"


def test_bills_are_valid_and_the_schema_would_find_an_error(bills: dict[str, dict[str, Any]]) -> None:
    assert {(bill["bomFormat"], bill["specVersion"]) for bill in bills.values()} == {("CycloneDX", "1.6")}
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str(json.dumps(bills["page"])) is None
    broken = {**bills["page"], "components": [{"type": "nothing", "name": "x"}]}
    assert validator.validate_str(json.dumps(broken)) is not None


def test_same_locks_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    first = make(BY_NAME["gateway"])
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    assert make(BY_NAME["gateway"]) == first
    assert "timestamp" not in first
    assert "serialNumber" not in first


def test_a_lock_that_the_tool_cannot_read_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(SbomError, match="gateway"):
        make(BY_NAME["gateway"])


def test_a_bill_against_the_schema_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(JsonStrictValidator, "validate_str", lambda *_: "it is wrong")
    with pytest.raises(SbomError, match="it is wrong"):
        make(BY_NAME["page"])


def test_command_writes_what_was_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["sbom", "page", "--folder", str(tmp_path / "new")])
    sbom.main()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["page.cdx.json"]
    assert "page.cdx.json" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["sbom", "nothing"])
    with pytest.raises(SystemExit, match="2"):
        sbom.main()


def test_every_lock_of_requirements_belongs_to_something() -> None:
    known = {thing.lock for thing in SHIPPED}
    # export.txt is part of test.txt; page.txt is serve.txt and Node; perf_analyzer is fetched by hand.
    others = {"export.txt", "page.txt", "perf-analyzer.txt"}
    assert {path.name for path in PROJECT_ROOT.glob("requirements/*.txt")} == known - {None} | others
    assert len({thing.name for thing in SHIPPED}) == len(SHIPPED)
    assert all(isinstance(thing, Shipped) for thing in SHIPPED)


def test_the_embedded_triton_is_the_version_that_the_bill_says(triton_url: str) -> None:
    client = grpcclient.InferenceServerClient(triton_url)
    try:
        assert client.get_server_metadata().version == EMBEDDED_TRITON
    finally:
        client.close()
