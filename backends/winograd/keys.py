"""The ``parameters`` of a model that Limner's own kernel runs."""

from __future__ import annotations

from backends.model_config import ModelConfig
from backends.parameters import PYTHON_BACKEND_KEYS, Parameters
from backends.threads import share
from limner.cpu import usable_cores
from limner.errors import ServingError


def read_threads(config: ModelConfig) -> int:
    """How many threads an instance uses.

    Raises:
        ServingError: naming model and key for an unknown key, a wrong value or a GPU instance.
    """
    if config.kind != "CPU":
        raise ServingError(
            f"model '{config.name}': the winograd backend runs KIND_CPU instances only, got KIND_{config.kind}; "
            "say instance_group [ { kind: KIND_CPU } ]"
        )
    parameters = Parameters(config.name, "parameters", config.parameters)
    parameters.refuse_unknown(("THREADS", *PYTHON_BACKEND_KEYS))
    return share(parameters.count("THREADS") or usable_cores(), config.instances)
