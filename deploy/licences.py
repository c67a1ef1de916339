"""Licences of all dependencies: ``python -m deploy.licences`` reads them off the installed packages.

    requirements/*.txt + installed metadata → requirements/licences.json → docs/licences.md, SBOMs

The record in the middle is there because no environment has all: Triton's image has another Python, CUDA is only where
a GPU is. What is installed replaces its entries; ``--check`` says whether anything would change.
"""

from __future__ import annotations

import argparse
import json
import sys
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Final

from license_expression import (
    ExpressionError,
    Licensing,
    get_spdx_licensing,
)

from deploy.licence_page import with_tables
from deploy.locks import REQUIREMENTS, Pin
from deploy.shipped import SHIPPED
from limner.settings import PROJECT_ROOT

RECORD: Final = REQUIREMENTS / "licences.json"
PAGE: Final = PROJECT_ROOT / "docs" / "licences.md"

SAID: Final = {
    "Apache": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "BSD 3-Clause License": "BSD-3-Clause",
    "3-Clause BSD License": "BSD-3-Clause",
    "GPL-3.0": "GPL-3.0-only",
    "ISC License": "ISC",
    "MIT License": "MIT",
    "MIT license": "MIT",
    "NVIDIA Proprietary Software": "LicenseRef-NVIDIA-Proprietary",
    "OSI Approved :: Apache Software License": "Apache-2.0",
    "PSFL": "PSF-2.0",
    "License :: OSI Approved :: Apache Software License": "Apache-2.0",
    "License :: OSI Approved :: ISC License (ISCL)": "ISC",
    "License :: OSI Approved :: MIT License": "MIT",
    "License :: OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
"""What packages say in words of their own, as SPDX."""

READ: Final = {
    "atheris": "Apache-2.0",
    "contourpy": "BSD-3-Clause",
    "cycler": "BSD-3-Clause",
    "itsdangerous": "BSD-3-Clause",
    "jinja2": "BSD-3-Clause",
    "kiwisolver": "BSD-3-Clause",
    "matplotlib": "LicenseRef-Matplotlib",
    "mpmath": "BSD-3-Clause",
    "numpy": "BSD-3-Clause",
    "nvidia-cublas-cu12": "LicenseRef-NVIDIA-Proprietary",
    "nvidia-cuda-nvrtc-cu12": "LicenseRef-NVIDIA-Proprietary",
    "nvidia-cuda-runtime-cu12": "LicenseRef-NVIDIA-Proprietary",
    "nvidia-cudnn-cu12": "LicenseRef-NVIDIA-Proprietary",
    "nvidia-cufft-cu12": "LicenseRef-NVIDIA-Proprietary",
    "nvidia-curand-cu12": "LicenseRef-NVIDIA-Proprietary",
    "nvidia-nvjitlink-cu12": "LicenseRef-NVIDIA-Proprietary",
    "onnxruntime-gpu": "MIT",
    "scikit-image": "BSD-3-Clause",
    "scipy": "BSD-3-Clause",
    "sympy": "BSD-3-Clause",
    "tensorrt-cu12-libs": "LicenseRef-NVIDIA-Proprietary",
    "tensorrt-rtx-cu12": "LicenseRef-NVIDIA-Proprietary",
    "tensorrt-rtx-cu12-bindings": "LicenseRef-NVIDIA-Proprietary",
    "tensorrt-rtx-cu12-libs": "LicenseRef-NVIDIA-Proprietary",
}
"""Packages that say nothing, or nothing clear ("BSD"): what was found in their files by reading them. Of those that are
only where a GPU is, what the index has of them was read, and NVIDIA's terms where that is nothing."""

_LONGEST_NAME = 60
"""Signs; what is longer is a licence's text."""

_NOTHING = ("", "UNKNOWN", "BSD", "Proprietary", "License :: OSI Approved :: BSD License")


class UnknownLicence(ValueError):
    """A package says something that nobody has looked at."""


def stated(name: str) -> str:
    """The licence that the metadata of the installed package ``name`` states, in its words; empty where there is none.

    Raises:
        importlib.metadata.PackageNotFoundError: it is not installed.
    """
    told = metadata.metadata(name).json
    if told.get("license_expression"):
        return str(told["license_expression"])
    words = str(told.get("license") or "").strip()
    if not words or len(words) > _LONGEST_NAME or words in _NOTHING:
        kinds = [kind for kind in told.get("classifier", []) if kind.startswith("License :: OSI")]
        words = " AND ".join(kinds)
    return "" if words in _NOTHING else words


def spdx(name: str, words: str) -> str:
    """``words`` of package ``name`` as an SPDX expression.

    Raises:
        UnknownLicence: they are none, and neither ``SAID`` nor ``READ`` has them.
    """
    for expression in (SAID.get(words, words), READ.get(name, "")):
        if expression and is_spdx(expression):
            return expression
    raise UnknownLicence(
        f"{name} states the licence {words!r}. Read it, then add the words to SAID or the package to READ in "
        "deploy/licences.py, with an SPDX expression."
    )


@cache
def is_spdx(expression: str) -> bool:
    """Whether all names in ``expression`` are SPDX's, or its ``LicenseRef-`` for others."""
    licensing = _spdx_names()
    try:
        names = licensing.license_keys(licensing.parse(expression))
    except ExpressionError:
        return False
    return all(name.startswith("LicenseRef-") or name in licensing.known_symbols for name in names)


@cache
def _spdx_names() -> Licensing:
    """Takes a tenth of a second to make."""
    return get_spdx_licensing()


def installed_licence(pin: Pin) -> str | None:
    """None where this version of it is not installed.

    Raises:
        UnknownLicence: as of ``spdx``.
    """
    try:
        if metadata.version(pin.name).partition("+")[0] != pin.version:  # 2.13.0+cpu
            return None
        return spdx(pin.name, stated(pin.name))
    except metadata.PackageNotFoundError:
        return None


def recorded() -> dict[str, str]:
    """Licences by ``name==version``."""
    return dict(json.loads(RECORD.read_text("utf-8")))


def renewed(old: dict[str, str]) -> dict[str, str]:
    """The record as it should be.

    Raises:
        UnknownLicence: of a package that is neither installed nor in ``old`` nor in ``READ``.
    """
    record = {}
    for pin in {pin.text: pin for thing in SHIPPED for pin in thing.python_packages()}.values():
        key = f"{pin.name}=={pin.version}"
        licence = installed_licence(pin) or old.get(key) or READ.get(pin.name)
        if licence is None:
            raise UnknownLicence(f"{key} is not installed here, so its licence cannot be read. Run `make test` first.")
        record[key] = licence
    return dict(sorted(record.items()))


def main() -> None:
    parser = argparse.ArgumentParser(description="Write requirements/licences.json and docs/licences.md.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail where something would change")
    arguments = parser.parse_args()
    try:
        record = renewed(recorded() if RECORD.is_file() else {})
    except UnknownLicence as error:
        sys.exit(str(error))
    wanted = {RECORD: json.dumps(record, indent=1) + "\n", PAGE: with_tables(PAGE.read_text("utf-8"), record)}
    changed = [path for path, text in wanted.items() if not path.is_file() or path.read_text("utf-8") != text]
    if arguments.check and changed:
        sys.exit(f"{', '.join(str(path.relative_to(PROJECT_ROOT)) for path in changed)}: run python -m deploy.licences")
    for path in changed:
        Path(path).write_text(wanted[path], "utf-8")


if __name__ == "__main__":
    main()
