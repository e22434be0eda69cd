"""Values are frozen, and equal by the fields that count."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, asdict, field, replace

import pytest

from airflow_provider_kaizala.client.value import Value


class Point(Value):
    x: int
    y: int = 0
    note: str = field(default="", compare=False)
    secret: str = field(default="", repr=False)


class Named(Point):
    name: str = "origin"

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name.strip())


def test_an_attribute_cannot_be_changed():
    with pytest.raises(FrozenInstanceError, match="'x'"):
        Point(1).x = 2  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError, match="'y'"):
        Point(1).y = 2  # type: ignore[misc]


def test_an_attribute_cannot_be_deleted():
    with pytest.raises(FrozenInstanceError, match="'x'"):
        del Point(1).x


def test_values_with_equal_fields_are_equal():
    assert Point(1, 2) == Point(1, 2)
    assert Point(1, 2) != Point(1, 3)
    assert hash(Point(1, 2)) == hash(Point(1, 2))
    assert len({Point(1, 2), Point(1, 2), Point(2, 1)}) == 2


def test_a_field_that_does_not_count_is_not_compared():
    assert Point(1, note="a") == Point(1, note="b")
    assert hash(Point(1, note="a")) == hash(Point(1, note="b"))


def test_values_of_two_classes_differ():
    assert Point(0) != Named(0)
    assert Named(0) != Point(0)
    assert Point(0) != (0, 0)


def test_the_repr_has_no_hidden_fields():
    assert repr(Point(1, secret="s3cret")) == "Point(x=1, y=0, note='')"


def test_a_subclass_has_all_fields_and_can_clean_them():
    assert repr(Named(1, name=" a ")) == "Named(x=1, y=0, note='', name='a')"


def test_the_functions_for_dataclasses_work():
    assert replace(Point(1, 2), y=3) == Point(1, 3)
    assert asdict(Point(1)) == {"x": 1, "y": 0, "note": "", "secret": ""}


def test_a_subclass_of_a_class_in_use_has_its_own_arguments():
    Point(1)

    class Place(Point):
        height: int = 0

    assert Place(1, height=3).height == 3
    with pytest.raises(TypeError, match=r"Place.__init__\(\) missing 1 required positional argument: 'x'"):
        Place()  # type: ignore[call-arg]
