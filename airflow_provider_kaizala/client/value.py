"""Values: frozen dataclasses that are cheap to define.

``@dataclass(frozen=True)`` compiles six methods for each class, and DAG parsing pays for them each time. A :class:`Value` has only
its ``__init__`` compiled, when its first instance is made; the other five are shared.
"""

from __future__ import annotations

from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field, fields
from inspect import get_annotations
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, dataclass_transform

if TYPE_CHECKING:
    from collections.abc import Callable


def checked(check: Callable[[str, Any], Any], *, default: Any = MISSING, repr: bool = True) -> Any:
    """Declare a field of :class:`~airflow_provider_kaizala.client.models.sent.Sent` with the check of its values."""
    return field(default=default, repr=repr, metadata={"check": check})


@dataclass_transform(frozen_default=True, field_specifiers=(field, checked))
class Value:
    """Base of frozen dataclasses: equal by their fields, and each attribute can be set once."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if get_annotations(cls):  # else it has the fields of its base
            dataclass(cls, init=False, repr=False, eq=False)
        cls.__init__ = Value.__init__  # type: ignore[method-assign] # not that of a base class, which has other fields

    def __init__(self, *args: Any, **values: Any) -> None:
        """Replace this method by the one that dataclasses compile, and call that."""
        cls = type(self)
        own: dict[str, Any] = {each.name: each for each in fields(cls)}
        own["__annotations__"] = {name: each.type for name, each in own.items()}
        if hasattr(cls, "__post_init__"):
            own["__post_init__"] = cls.__post_init__
        compiled: Any = dataclass(type(cls.__name__, (), own), repr=False, eq=False)
        cls.__init__ = compiled.__init__  # type: ignore[method-assign]
        self.__init__(*args, **values)  # type: ignore[misc]

    def __setattr__(self, name: str, value: object) -> None:
        if name in self.__dict__:
            raise FrozenInstanceError(f"cannot assign to field {name!r}")
        self.__dict__[name] = value

    def __delattr__(self, name: str) -> NoReturn:
        raise FrozenInstanceError(f"cannot delete field {name!r}")

    def _compared(self) -> tuple[Any, ...]:
        return tuple(getattr(self, each.name) for each in fields(self) if each.compare)

    def __eq__(self, other: object) -> bool:
        return self._compared() == other._compared() if type(other) is type(self) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._compared())

    def __repr__(self) -> str:
        shown = (f"{each.name}={getattr(self, each.name)!r}" for each in fields(self) if each.repr)
        return f"{type(self).__qualname__}({', '.join(shown)})"
