"""What the control plane holds while a server runs in test mode."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

from starlette.requests import Request

from airflow_provider_kaizala.server.clock import Clock
from airflow_provider_kaizala.server.control.faults import Faults
from airflow_provider_kaizala.server.control.journal import Journal
from airflow_provider_kaizala.server.seeds.load import load_seed
from airflow_provider_kaizala.server.seeds.model import Seed


@dataclass
class ControlPlane:
    """Faults, journal, and the seeds that were applied: the server's own, and those added since.

    :param seed: name or file of the server's own seed
    """

    clock: Clock
    seed: str | None
    faults: Faults = field(default_factory=Faults)
    journal: Journal = field(init=False)
    added: list[Seed] = field(default_factory=list)
    replaced: bool = False
    #: how often it started over; what began before is not written into the journal any more
    era: int = 0

    def __post_init__(self) -> None:
        self.journal = Journal(self.clock)

    def start_over(self) -> None:
        """Forget faults, journal and added seeds."""
        self.faults.clear()
        self.journal.clear()
        self.added, self.replaced = [], False
        self.era += 1

    def seeded(self, seed: Seed, *, replace: bool) -> None:
        """Note that a seed was applied."""
        if replace:
            self.added, self.replaced = [], True
        self.added.append(seed)

    def seeds(self) -> dict[str, object]:
        """Return all that was seeded, as one seed. It holds secrets: they are those of test data."""
        own = [] if self.replaced or self.seed is None else [load_seed(self.seed)]
        merged: dict[str, list[object]] = {name: [] for name in Seed.model_fields}
        for seed in (*own, *self.added):
            for name, entries in seed.model_dump(mode="json", by_alias=True, exclude_none=True).items():
                merged[name] += entries
        return dict(merged)


def plane_of(request: Request) -> ControlPlane:
    """Return the control plane of the server that handles a request."""
    return cast(ControlPlane, request.app.state.kaizala_control)
