"""Records survive JSON, and a value of the wrong kind is named by its path."""

import json
import math
from dataclasses import dataclass
from enum import StrEnum

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmoe.export.files.records import RecordError, from_json, to_json


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, kw_only=True)
class Inner:
    value: float
    colour: Colour


@dataclass(frozen=True, kw_only=True)
class Outer:
    count: int
    name: str | None
    flag: bool
    inner: Inner
    many: tuple[Inner, ...]
    by_name: dict[str, Inner]
    anything: dict[str, object]


INNER = st.builds(Inner, value=st.floats(allow_nan=False), colour=st.sampled_from(Colour))
OUTER = st.builds(
    Outer,
    count=st.integers(),
    name=st.none() | st.text(),
    flag=st.booleans(),
    inner=INNER,
    many=st.lists(INNER, max_size=3).map(tuple),
    by_name=st.dictionaries(st.text(), INNER, max_size=3),
    anything=st.dictionaries(st.text(), st.lists(st.none() | st.integers()), max_size=3),
)


@settings(derandomize=True, deadline=None)
@given(OUTER)
def test_a_record_survives_strict_json(record):
    text = json.dumps(to_json(record), allow_nan=False)
    assert from_json(Outer, json.loads(text), where="r") == record


def test_nan_survives():
    data = to_json(Inner(value=math.nan, colour=Colour.RED))
    assert data == {"value": "nan", "colour": "red"}
    assert math.isnan(from_json(Inner, data, where="r").value)


def sample() -> dict:
    return {
        "count": 1,
        "name": None,
        "flag": True,
        "inner": {"value": 1, "colour": "blue"},
        "many": [{"value": 2, "colour": "red"}],
        "by_name": {"x": {"value": 2.5, "colour": "red"}},
        "anything": {},
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(count="1"), r"r\.count: expected int, found '1'"),
        (lambda d: d.update(count=True), r"r\.count: expected int, found True"),
        (lambda d: d.update(flag=1), r"r\.flag: expected bool"),
        (lambda d: d.update(name=3), r"r\.name: expected str"),
        (lambda d: d.update(many={}), r"r\.many: expected tuple"),
        (lambda d: d["many"][0].update(value="x"), r"r\.many\[0\]\.value: expected float"),
        (lambda d: d["many"][0].update(value=True), r"r\.many\[0\]\.value: expected float"),
        (lambda d: d["by_name"]["x"].update(colour="green"), r"r\.by_name\.x\.colour: expected Colour"),
        (lambda d: d.update(inner=[]), r"r\.inner: expected an object"),
        (lambda d: d.pop("flag"), "r: keys missing flag"),
        (lambda d: d.update(extra=1), "r: keys unknown extra"),
    ],
)
def test_wrong_values_are_named_by_their_path(change, message):
    data = sample()
    assert from_json(Outer, data, where="r").inner.value == 1.0
    change(data)
    with pytest.raises(RecordError, match=message):
        from_json(Outer, data, where="r")


def test_values_without_a_json_form_are_refused():
    with pytest.raises(TypeError, match="set"):
        to_json({"a": {1}})
