"""Software bills of materials, CycloneDX 1.6: ``make sbom`` writes one of each shipped thing into ``build/sbom``.

Python's packages are read off the locks by CycloneDX's own tool. To them come licences, the embedded Triton, weights
and base images. The same locks give the same bytes: there is no date and no random number in a bill.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, cast

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, Property, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.model.license import License
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from deploy.licences import is_spdx, recorded
from deploy.locks import Pin
from deploy.shipped import SHIPPED, Shipped
from export.registry import WEIGHTS
from limner import __version__
from limner.settings import PROJECT_ROOT

FOLDER: Final = PROJECT_ROOT / "build" / "sbom"
EMBEDDED_TRITON: Final = "2.51.0"
"""The version of tritonserver in the package nvidia-pytriton."""

_LICENCES: Final = LicenseFactory()
_SECONDS = 120


class SbomError(Exception):
    """A bill could not be made, or is against the schema."""


def make(thing: Shipped) -> str:
    """The bill of ``thing``: JSON, checked against the schema.

    Raises:
        SbomError: CycloneDX's tool failed, or what came out is against the schema.
        LockError: the lock cannot be read.
    """
    bom = _python_bill(thing) if thing.lock else Bom(components=map(_page_package, thing.pins()))
    for component in _beside(thing):
        bom.components.add(component)
    root = Component(
        name=f"limner-{thing.name}",
        version=__version__,
        type=ComponentType.CONTAINER if thing.dockerfile else ComponentType.APPLICATION,
        description=thing.title.replace("`", ""),
        licenses=[_licence("Apache-2.0")],
        bom_ref=f"limner-{thing.name}",
    )
    bom.metadata.component = root
    if thing.lock:
        bom.metadata.properties.add(Property(name="limner:python", value=thing.python))
    bom.register_dependency(root, bom.components)
    # Random and of this minute, so they would differ each time; neither is required.
    bom.serial_number = None  # type: ignore[assignment]
    bom.metadata.timestamp = None  # type: ignore[assignment]
    text = make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=2) + "\n"
    wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if wrong is not None:
        raise SbomError(f"The bill of {thing.name} is against the schema: {str(wrong)[:300]}")
    return text


def _python_bill(thing: Shipped) -> Bom:
    """The lock of ``thing``, as CycloneDX's tool reads it, and the licences that are on record."""
    lock = "\n".join(pin.text for pin in thing.pins())
    command = [sys.executable, "-m", "cyclonedx_py", "requirements", "--sv", "1.6", "--output-reproducible"]
    command += ["--no-validate", "-"]  # the whole bill is, later
    done = subprocess.run(  # noqa: S603 - built here
        command, input=lock, capture_output=True, text=True, check=False, timeout=_SECONDS
    )
    if done.returncode:
        raise SbomError(f"cyclonedx-py failed at the lock of {thing.name}: {done.stderr[-500:].strip()}")
    bom = cast("Bom", Bom.from_json(data=json.loads(done.stdout)))  # type: ignore[attr-defined]
    licences = recorded()
    bom.dependencies = []
    components = list(bom.components)
    for component in components:
        component.bom_ref.value = str(component.purl)
        component.description = None  # else the line of the lock, hashes and all
        component.licenses.add(_licence(licences[f"{component.name}=={component.version}"]))
    bom.components = components
    return bom


def _page_package(pin: Pin) -> Component:
    group, _, name = pin.name.rpartition("/")
    purl = PackageURL("npm", group or None, name, pin.version)
    return Component(
        name=name,
        group=group or None,
        version=pin.version,
        purl=purl,
        bom_ref=str(purl),
        licenses=[_licence(pin.licence)],
        hashes=[HashType(alg=HashAlgorithm.SHA_512, content=pin.hashes[0])],
    )


def _beside(thing: Shipped) -> Iterator[Component]:
    """What no lock has."""
    licences = recorded()
    for pin in thing.unlocked():
        purl = PackageURL("pypi", None, pin.name, pin.version)
        yield Component(
            name=pin.name,
            version=pin.version,
            purl=purl,
            bom_ref=str(purl),
            licenses=[_licence(licences[pin.text])],
            properties=[Property(name="limner:hashes", value="none: see docs/supply-chain.md")],
        )
    if image := thing.base_image():
        yield _image(image)
    if thing.with_triton:
        purl = PackageURL("github", "triton-inference-server", "server", f"v{EMBEDDED_TRITON}")
        yield Component(
            name="tritonserver",
            version=EMBEDDED_TRITON,
            type=ComponentType.APPLICATION,
            purl=purl,
            bom_ref=str(purl),
            licenses=[_licence("BSD-3-Clause")],
            properties=[Property(name="limner:carried-by", value="nvidia-pytriton")],
        )
    if thing.with_weights:
        yield from _weights()


def _image(image: str) -> Component:
    """A base image by its tag; what is inside it is for a scanner of images to say."""
    repository, _, tag = image.rpartition(":")
    *path, name = repository.split("/")
    registry = path.pop(0) if path and "." in path[0] else None
    qualifiers = {"repository_url": registry} if registry else {}
    purl = PackageURL("docker", "/".join(path) or None, name, tag, qualifiers)
    return Component(name=repository, version=tag, type=ComponentType.CONTAINER, purl=purl, bom_ref=str(purl))


def _weights() -> Iterator[Component]:
    """Files that are fetched when they are needed, or brought."""
    for weight in WEIGHTS:
        yield Component(
            name=weight.file,
            type=ComponentType.MACHINE_LEARNING_MODEL,
            scope=ComponentScope.OPTIONAL,
            bom_ref=f"weights/{weight.file}",
            description=f"{weight.role}, for the model {weight.model}",
            licenses=[_licence(weight.licence)],
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=weight.sha256)],
            external_references=[
                ExternalReference(type=ExternalReferenceType.DISTRIBUTION, url=XsUri(url)) for url in weight.urls
            ],
            properties=[
                Property(name="limner:bytes", value=str(weight.size)),
                Property(name="limner:non-commercial", value=str(weight.non_commercial).lower()),
            ],
        )


def _licence(text: str) -> License:
    """An SPDX id or expression, else the words as they are."""
    return _LICENCES.make_from_string(text) if is_spdx(text) else _LICENCES.make_with_name(text)


def main() -> None:
    parser = argparse.ArgumentParser(description="Write an SBOM of each shipped thing.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(thing.name for thing in SHIPPED))
    parser.add_argument("--folder", type=Path, default=FOLDER)
    arguments = parser.parse_args()
    unknown = set(arguments.names) - {thing.name for thing in SHIPPED}
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for thing in SHIPPED:
        if arguments.names and thing.name not in arguments.names:
            continue
        try:
            text = make(thing)
        except (SbomError, ValueError) as error:
            sys.exit(f"{thing.name}: {error}")
        path = arguments.folder / f"{thing.name}.cdx.json"
        path.write_text(text, "utf-8")
        digest = hashlib.sha256(text.encode()).hexdigest()
        count = len(json.loads(text)["components"])
        print(f"{digest}  {path.name}  {count} components")  # noqa: T201 - a command


if __name__ == "__main__":
    main()
