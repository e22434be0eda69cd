from __future__ import annotations

import importlib.util
import subprocess
import sys
from types import ModuleType

import pytest

from airflow_provider_kaizala.hooks.fields import FIELDS, HIDDEN_FIELDS, PLACEHOLDERS, RELABELING, conn_fields
from airflow_provider_kaizala.hooks.kaizala import KaizalaHook
from airflow_provider_kaizala.provider_info import get_provider_info


def test_the_form_has_one_field_for_each_extra():
    assert list(conn_fields()) == [field.name for field in FIELDS]
    assert len({field.name for field in FIELDS}) == len(FIELDS) == 11
    for field in FIELDS:
        shown = conn_fields()[field.name]
        assert shown["label"] == field.label
        assert shown["description"].endswith((".", "}")), field.name
        assert "null" in shown["schema"]["type"], f"{field.name} may be left empty"


def test_secret_fields_are_password_fields():
    hidden = {field.name for field in FIELDS if field.schema.get("format") == "password"}
    assert hidden == {"refresh_token", "callback_token", "webhook_secret"}


def test_metadata_and_hook_describe_the_same_form():
    (shown,) = get_provider_info()["connection-types"]
    assert shown["conn-fields"] == conn_fields()
    behaviour = KaizalaHook.get_ui_field_behaviour()
    assert shown["ui-field-behaviour"]["relabeling"] == behaviour["relabeling"] == RELABELING
    assert shown["ui-field-behaviour"]["placeholders"] == behaviour["placeholders"] == PLACEHOLDERS
    # older forms show the raw extra beside the fields, and would store both
    assert [*shown["ui-field-behaviour"]["hidden-fields"], "extra"] == behaviour["hidden_fields"]
    assert "port" not in HIDDEN_FIELDS


def test_the_hook_returns_copies_of_the_form():
    KaizalaHook.get_ui_field_behaviour()["relabeling"]["host"] = "changed"
    assert KaizalaHook.get_ui_field_behaviour()["relabeling"]["host"] == "API root"


class _Widget:
    """Stands for a field of wtforms or its widget where those are not installed, as on Airflow 3."""

    def __init__(self, **kwargs):
        self.kwargs = kwargs


@pytest.fixture
def forms(monkeypatch):
    """The form libraries of Airflow 2: the real ones where they are installed."""
    if importlib.util.find_spec("flask_appbuilder") and importlib.util.find_spec("wtforms"):
        return
    names = {
        "wtforms": ("BooleanField", "PasswordField", "StringField"),
        "flask_appbuilder": (),
        "flask_appbuilder.fieldwidgets": ("BS3PasswordFieldWidget", "BS3TextFieldWidget"),
    }
    for name, classes in names.items():
        module = ModuleType(name)
        for each in classes:
            setattr(module, each, type(each, (_Widget,), {}))
        monkeypatch.setitem(sys.modules, name, module)


@pytest.mark.usefixtures("forms")
def test_the_older_form_has_the_same_fields():
    widgets = KaizalaHook.get_connection_form_widgets()
    assert list(widgets) == list(conn_fields())
    kinds = {name: getattr(widget, "field_class", type(widget)).__name__ for name, widget in widgets.items()}
    assert {name for name, kind in kinds.items() if kind == "PasswordField"} == {
        "refresh_token",
        "callback_token",
        "webhook_secret",
    }
    assert {name for name, kind in kinds.items() if kind == "BooleanField"} == {"allow_http"}
    assert widgets["timeout"].kwargs["default"] == "60"
    assert widgets["default_group"].kwargs["default"] is None
    assert [widget.kwargs["label"] for widget in widgets.values()] == [field.label for field in FIELDS]


def test_the_table_of_fields_imports_nothing():
    code = (
        "import sys; import airflow_provider_kaizala.hooks.fields; "
        "print([name for name in sys.modules if name.startswith(('airflow.', 'requests', 'httpx'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
