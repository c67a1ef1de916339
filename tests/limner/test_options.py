"""Options: every spec, refused values, the way there and back as Triton parameters."""

from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limner.errors import InvalidOption
from limner.options import OPTION_SPECS, SCALES, Options, OptionSpec, Value, parse_options

BY_NAME = {spec.name: spec for spec in OPTION_SPECS}


def values_of(spec: OptionSpec) -> st.SearchStrategy[Value]:
    """All values that ``spec`` accepts, typed."""
    if spec.kind == "choice":
        return st.sampled_from(spec.choices)
    if spec.kind == "bool":
        return st.booleans()
    if spec.kind == "int":
        return st.integers(int(spec.minimum), int(spec.maximum))
    return st.floats(spec.minimum, spec.maximum)


TYPED = st.fixed_dictionaries({}, optional={spec.name: values_of(spec) for spec in OPTION_SPECS})


def test_options_are_the_specs_with_equal_defaults() -> None:
    assert {field.name: field.default for field in fields(Options)} == {
        spec.name: spec.default for spec in OPTION_SPECS
    }
    assert parse_options({}) == Options()


@pytest.mark.parametrize("spec", OPTION_SPECS, ids=lambda spec: spec.name)
def test_default_is_accepted_and_of_the_declared_kind(spec: OptionSpec) -> None:
    assert spec.parse(spec.default) == spec.default
    assert type(spec.default) is {"int": int, "float": float, "bool": bool, "choice": str}[spec.kind]
    assert spec.help


@given(TYPED)
def test_typed_values_and_their_text_mean_the_same(values: dict[str, Value]) -> None:
    options = parse_options(values)
    assert {name: getattr(options, name) for name in values} == values
    assert parse_options({name: f" {value} " for name, value in values.items()}) == options


@given(TYPED)
def test_parameters_lead_back_to_the_same_options(values: dict[str, Value]) -> None:
    options = parse_options(values)
    parameters = options.to_parameters()
    assert parse_options(parameters) == options
    assert all(getattr(options, name) != BY_NAME[name].default for name in parameters)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("enhancement_level", "4", 4),
        ("quality", 1, 1),
        ("fidelity", "1", 1.0),
        ("fidelity", 0, 0.0),
        ("fidelity", "2.5e-1", 0.25),
        ("restorer", "GFPGAN", "gfpgan"),
        ("output_format", " Png ", "png"),
        ("preserve_identity", "No", False),
        ("preserve_identity", "off", False),
        ("aligned", "1", True),
        ("aligned", "YES", True),
        ("only_center_face", "on", True),
        ("only_center_face", 0, False),
    ],
)
def test_accepted_spellings(name: str, text: Value, value: Value) -> None:
    parsed = getattr(parse_options({name: text}), name)
    assert parsed == value
    assert type(parsed) is type(value)


REFUSED: list[tuple[str, Value, str]] = [
    ("enhancement_level", 0, "a whole number 1 to 4"),
    ("enhancement_level", "5", "a whole number 1 to 4"),
    ("enhancement_level", "2.0", "a whole number 1 to 4"),
    ("enhancement_level", True, "a whole number 1 to 4"),
    ("enhancement_level", "9" * 5000, "a whole number 1 to 4"),
    ("enhancement_level", "   ", "a whole number 1 to 4"),
    ("restorer", "esrgan", "one of auto, gfpgan, restoreformer, codeformer, none"),
    ("background", "none", "one of auto, realesrgan, swinir, lanczos"),
    ("fidelity", -0.01, "a number 0 to 1"),
    ("fidelity", "nan", "a number 0 to 1"),
    ("fidelity", "inf", "a number 0 to 1"),
    ("fidelity", "half", "a number 0 to 1"),
    ("preserve_identity", "maybe", "true or false"),
    ("only_center_face", 2, "true or false"),
    ("aligned", "y", "true or false"),
    ("output_format", "gif", "one of auto, jpeg, png, webp"),
    ("quality", 0, "a whole number 1 to 100"),
    ("quality", 101, "a whole number 1 to 100"),
]


def test_every_option_has_a_refused_value_below() -> None:
    assert {name for name, _, _ in REFUSED} == set(BY_NAME)


@pytest.mark.parametrize(("name", "value", "accepted"), REFUSED, ids=lambda item: str(item)[:24])
def test_refusal_names_option_value_and_what_is_accepted(name: str, value: Value, accepted: str) -> None:
    with pytest.raises(InvalidOption) as refused:
        parse_options({name: value})
    message = refused.value.message
    assert message.startswith(f"{name} is '{str(value).strip()[:40]}")
    assert f"send {accepted}, or leave it out for {BY_NAME[name].default!r}." in message
    assert len(message) < 200


def test_unknown_option_is_named_with_all_that_exist() -> None:
    with pytest.raises(InvalidOption, match=r"^'scale' is not an option\. Leave it out, or send one of: ") as refused:
        parse_options({"zoom": 2, "scale": 2, "quality": 90})
    assert all(name in refused.value.message for name in BY_NAME)


def test_unknown_option_is_quoted_in_part_only() -> None:
    with pytest.raises(InvalidOption) as refused:
        parse_options({"x" * 10_000: 1})
    assert len(refused.value.message) < 300


def test_empty_form_fields_mean_the_default() -> None:
    assert parse_options(dict.fromkeys(BY_NAME, "")) == Options()


@pytest.mark.parametrize(("level", "scale"), [(1, 1), (2, 2), (3, 4), (4, 8)])
def test_scale_of_each_level(level: int, scale: int) -> None:
    assert Options(enhancement_level=level).scale == SCALES[level] == scale
