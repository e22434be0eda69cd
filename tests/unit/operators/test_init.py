"""The package: what it names, and whether docstrings say what is templated."""

from __future__ import annotations

import inspect
import re

import pytest

from airflow_provider_kaizala import compat, operators, sensors

CLASSES = [
    *((operators, name) for name in operators.__all__),
    *((sensors, name) for name in sensors.__all__),
]
every_class = pytest.mark.parametrize(("package", "name"), CLASSES, ids=[name for _, name in CLASSES])


def test_the_package_names_all_operators():
    assert len(operators.__all__) == len(set(operators.__all__)) == 31 + 2 * compat.has_hitl()
    for name in operators.__all__:
        operator = getattr(operators, name)
        assert operator.__name__ == name
        assert "kaizala_conn_id" in operator.template_fields, name
        assert operator.template_ext == (".j2", ".jinja"), name


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'KaizalaNothingOperator'"):
        _ = operators.KaizalaNothingOperator


# --- docstrings ----------------------------------------------------------------------------------------------------------


def documented(cls):
    """Return argument to its description; the class nearest to *cls* that has one counts."""
    found = {}
    for each in cls.__mro__:
        if each.__module__.startswith("airflow_provider_kaizala."):
            text = inspect.cleandoc(each.__doc__ or "")
            for name, about in re.findall(r"^:param (\w+): (.*?)(?=^:|\Z)", text, re.MULTILINE | re.DOTALL):
                found.setdefault(name, " ".join(about.split()))
    return found


@every_class
def test_a_docstring_says_templated_of_what_is_and_of_nothing_else(package, name):
    cls = getattr(package, name)
    said = {argument for argument, about in documented(cls).items() if "(templated" in about}
    templated = {field.removeprefix("is_") for field in cls.template_fields}
    refused = set(cls.refused)
    assert said - refused == templated - refused


@every_class
def test_every_argument_is_documented(package, name):
    cls = getattr(package, name)
    taken = {
        argument
        for each in cls.__mro__
        if each.__module__.startswith("airflow_provider_kaizala.") and "__init__" in vars(each)
        for argument, parameter in inspect.signature(vars(each)["__init__"]).parameters.items()
        if argument != "self" and parameter.kind is parameter.KEYWORD_ONLY
    }
    assert taken - set(cls.refused) <= set(documented(cls))


@every_class
def test_a_docstring_refers_to_pages_of_ours_by_words(package, name):
    """The label of a page is known to Sphinx, not to who reads the class in an editor."""
    assert ":ref:" not in "".join(each.__doc__ or "" for each in getattr(package, name).__mro__[:-1])
