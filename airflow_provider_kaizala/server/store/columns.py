"""What all tables share: the metadata with its naming rules, and short forms of common columns."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Integer, MetaData, String, Text

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)
# SQLite counts up only an INTEGER primary key.
Serial = BigInteger().with_variant(Integer(), "sqlite")


def text_column(name: str) -> Column[str]:
    """A text that may be missing."""
    return Column(name, Text, nullable=True)


def time_column(name: str, *, required: bool = True) -> Column[int]:
    """A time in epoch milliseconds."""
    return Column(name, BigInteger, nullable=not required)


def flag_column(name: str) -> Column[bool]:
    """A truth."""
    return Column(name, Boolean, nullable=False)


def key_column(name: str, *, required: bool = True) -> Column[str]:
    """An id, or something as short."""
    return Column(name, String(128), nullable=not required)
