"""The examples in ``ci/``, rendered."""

from __future__ import annotations

import helm_python
import pytest

from tests.helm.chart import EXAMPLES, Manifest, example, render


@pytest.fixture(autouse=True, scope="session")
def _quiet_helm() -> None:
    """Helm tells of every symbolic link that it follows."""
    helm_python.disable_logging()


@pytest.fixture(params=EXAMPLES)
def manifests(request: pytest.FixtureRequest) -> list[Manifest]:
    """The objects of one of the examples after the other."""
    return render(example(request.param))
