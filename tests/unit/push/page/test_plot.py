"""The plot of deliveries, and its spans."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow_provider_kaizala.push.page.deliveries import SPANS
from airflow_provider_kaizala.push.page.plot import COLOURS, HEIGHT, OTHERS, WIDTH, stacked

NOW = datetime(2026, 3, 1, 9, 30, 17, 5, tzinfo=UTC)


def bars(*counts: dict[str, int]) -> list[tuple[datetime, dict[str, int]]]:
    return [(NOW + timedelta(minutes=place), count) for place, count in enumerate(counts)]


def test_bars_are_stacked_by_kind_on_a_common_scale() -> None:
    plot = stacked(bars({"A": 1, "B": 3}, {}, {"A": 1}))
    assert (plot.most, plot.total) == (4, 5)
    assert plot.legend == (("B", 0, 3), ("A", 1, 2))
    step = WIDTH / 3
    assert [(each.x, each.y, each.height, each.colour) for each in plot.rects] == [
        (0, HEIGHT / 4, HEIGHT * 3 / 4, 0),
        (0, 0, HEIGHT / 4, 1),
        (2 * step, HEIGHT * 3 / 4, HEIGHT / 4, 1),
    ]


def test_rare_kinds_share_a_colour() -> None:
    counts = {chr(65 + each): 20 - each for each in range(COLOURS + 3)}
    plot = stacked(bars(counts))
    assert plot.legend[-1] == (OTHERS, COLOURS, sum((20 - each) for each in range(COLOURS, COLOURS + 3)))
    assert len(plot.legend) == len(plot.rects) == COLOURS + 1
    assert sum(each.height for each in plot.rects) == HEIGHT


def test_one_more_kind_than_colours_needs_no_others() -> None:
    plot = stacked(bars({chr(65 + each): 1 for each in range(COLOURS + 1)}))
    assert OTHERS not in [kind for kind, _, _ in plot.legend]


def test_no_events_make_an_empty_plot() -> None:
    plot = stacked(bars({}, {}))
    assert (plot.rects, plot.legend, plot.most, plot.total) == ((), (), 0, 0)


def test_the_last_bar_holds_now() -> None:
    hour = SPANS["hour"].bars(NOW)
    assert hour[-1] == datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    assert hour[0] == datetime(2026, 3, 1, 8, 31, tzinfo=UTC)
    day = SPANS["day"].bars(NOW)
    assert (day[0], day[-1]) == (
        datetime(2026, 2, 28, 10, tzinfo=UTC),
        datetime(2026, 3, 1, 9, tzinfo=UTC),
    )
    assert SPANS["month"].bars(NOW)[-1] == datetime(2026, 3, 1, tzinfo=UTC)
