"""INT8 for CPUs: post-training quantisation with NNCF, kept only where it passes the quality gate."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nncf
import numpy as np
import openvino
from nncf.quantization.advanced_parameters import AdvancedSmoothQuantParameters, OverflowFix
from nncf.quantization.range_estimator import (
    AggregatorType,
    RangeEstimatorParameters,
    StatisticsCollectorParameters,
    StatisticsType,
)

from export.models import ModelSpec
from export.precision.forms import OPENVINO_FILE, Forms
from export.precision.gate import Outputs, judge
from export.precision.layers import kept_convolutions, widen_ranges
from export.precision.openvino_ir import write_openvino
from export.precision.recipes import LIMITS, Recipe, recipes_for
from export.precision.samples import Inputs, calibration_inputs, evaluation_inputs
from export.precisions import runs_int8_fast
from limner.errors import ExportError

_RUN = {"INFERENCE_PRECISION_HINT": "f32"}

_OUTLIERS = 1e-4
"""The share of an activation's values, at either end, that may be cut off."""

_EQUALISED = 0.5
"""Share of a channel's range that goes into the weights, in recipes that do so."""

_RANGES = RangeEstimatorParameters(
    min=StatisticsCollectorParameters(StatisticsType.QUANTILE, AggregatorType.MIN, quantile_outlier_prob=_OUTLIERS),
    max=StatisticsCollectorParameters(StatisticsType.QUANTILE, AggregatorType.MAX, quantile_outlier_prob=_OUTLIERS),
)
"""All but the outliers of every picture fit: NNCF's own choice, the mean over pictures, cuts into the sharpest ones."""


def write_int8(spec: ModelSpec, float_model: Any, folder: Path) -> Forms:
    """Write ``model.xml`` in INT8 by the first recipe that passes the gate, or in FP32 where none does.

    Args:
        spec: the model; its role decides on recipes and limits.
        float_model: an ``openvino.Model`` in FP32. It stays as it is.
        folder: where to.

    Raises:
        ExportError: where NNCF fails.
        OSError: where the disk is full.
    """
    recipes = recipes_for(spec)
    if not recipes:
        write_openvino(float_model, folder / OPENVINO_FILE)
        return Forms("fp32", (), f"There are no limits to judge INT8 of the role {spec.role} by.")
    pictures = evaluation_inputs(spec)
    references = run(float_model, pictures)
    tried: list[dict[str, object]] = []
    for recipe in recipes:
        quantised = quantise(spec, float_model, recipe)
        verdict = judge(spec, references, run(quantised, pictures), LIMITS[spec.role])
        tried.append(verdict.entry(recipe.name))
        if verdict.passed:
            write_openvino(quantised, folder / OPENVINO_FILE)
            return Forms("int8", tuple(tried), references=tuple(references))
    write_openvino(float_model, folder / OPENVINO_FILE)
    return Forms("fp32", tuple(tried), f"INT8 did not pass the quality gate: {verdict.shortfall}.", tuple(references))


def quantise(spec: ModelSpec, float_model: Any, recipe: Recipe) -> Any:
    """A quantised copy of an ``openvino.Model``.

    Raises:
        ExportError: where NNCF fails.
    """
    logging.getLogger("nncf").setLevel(logging.ERROR)  # nncf.set_log_level sets the levels of others' handlers too
    names = [given.name for given in spec.inputs]
    samples = list(calibration_inputs(spec))
    kept = kept_convolutions(float_model, recipe, [array.shape for array in samples[0]])
    try:
        quantised = nncf.quantize(
            float_model,
            nncf.Dataset([dict(zip(names, sample, strict=True)) for sample in samples]),
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(samples),
            # NNCF equalises only what it takes for a transformer.
            model_type=nncf.ModelType.TRANSFORMER if recipe.equalised else None,
            ignored_scope=nncf.IgnoredScope(names=kept, types=list(recipe.float_types), validate=False),
            advanced_parameters=nncf.AdvancedQuantizationParameters(
                # Without VNNI or AMX, sums of two 8-bit products overflow; weights of half the range keep them small.
                overflow_fix=OverflowFix.DISABLE if runs_int8_fast() else OverflowFix.ENABLE,
                # Made for classifiers: on Real-ESRGAN it takes 0.4 dB away (docs/quality.md).
                disable_bias_correction=True,
                activations_range_estimator_params=_RANGES,
                smooth_quant_alphas=AdvancedSmoothQuantParameters(convolution=_EQUALISED, matmul=-1),
            ),
        )
    except Exception as error:  # NNCF and OpenVINO raise many kinds
        raise ExportError(
            f"{spec.name} could not be quantised ({type(error).__name__}). "
            "Check that the pinned version of nncf is installed (limner doctor), or use --precision fp32."
        ) from error
    if recipe.margin != 1.0:
        widen_ranges(quantised, recipe.margin)
    return quantised


def run(model: Any, inputs: Sequence[Inputs]) -> list[Outputs]:
    """What an ``openvino.Model`` gives on this CPU, as the CPU profile runs it."""
    compiled = openvino.Core().compile_model(model, "CPU", _RUN)
    return [tuple(np.array(value) for value in compiled(list(sample), share_inputs=True).values()) for sample in inputs]
