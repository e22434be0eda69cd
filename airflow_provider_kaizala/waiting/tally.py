"""Count what people chose. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_kaizala.waiting.choices import as_offered, chosen, is_offered
from airflow_provider_kaizala.waiting.progress import latest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_kaizala.client.models import ActionDetails

Counts = dict[str, int]


def tally(action: ActionDetails) -> dict[str, Counts]:
    """Return question to option to the number of people who chose it, by the latest answer of each.

    Options that nobody chose stand there with 0, as far as Kaizala tells them. Questions without options, a text say, are left
    out; so is a job.
    """
    found: dict[str, Counts] = {name: dict.fromkeys(options, 0) for name, options in action.options.items()}
    if not found and action.action_type.lower() in ("poll", "letsmeet"):
        found[action.title or ""] = {}
    for response in latest(action):
        for name, value in response.answers.items():
            counts = found.get(name)
            if counts is None:
                continue
            given = [as_offered(one, counts) if is_offered(one, counts) else one for one in chosen(value)]
            for one in dict.fromkeys(given):
                counts[one] = counts.get(one, 0) + 1
    return found


def winner(counts: Mapping[str, int]) -> str | None:
    """Return the option that most people chose; None if that are several, or nobody chose anything."""
    most = max(counts.values(), default=0)
    first = [option for option, count in counts.items() if count == most]
    return first[0] if most and len(first) == 1 else None


def flat(action: ActionDetails) -> tuple[dict[str, Any], Any]:
    """Return tally and winner as a result shows them: of a poll or a meeting plain, of a form keyed by question."""
    found = tally(action)
    if action.action_type.lower() in ("poll", "letsmeet"):
        counts = next(iter(found.values()), {})
        return dict(counts), winner(counts)
    if not found:
        return {}, None
    return dict(found), {name: winner(counts) for name, counts in found.items()}
