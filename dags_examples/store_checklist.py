"""The crew of a store answers the morning's checklist; the group gets a table of the answers, and a chart.

Needs a connection ``kaizala_default`` whose ``default_group`` is the store's group, matplotlib on the workers
(``pip install 'airflow-provider-kaizala[examples]'``), and in the param ``charts`` a folder that all workers share, or one in object
storage such as ``s3://bucket/charts``.
"""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG, AirflowFailException, ObjectStoragePath, Param, task

from airflow_provider_kaizala.operators import (
    KaizalaAskSurveyOperator,
    KaizalaSendMediaOperator,
    KaizalaSendMessageOperator,
)

COLOURS = {"Yes": "#00796b", "Partly": "#bf6900", "No": "#b71c1c", "no answer": "#8a8a8a"}
QUESTIONS = [
    {"title": "Shop floor clean", "type": "SingleOption", "options": ["Yes", "Partly", "No"]},
    {"title": "Cold room at 4 °C or below", "type": "SingleOption", "options": ["Yes", "No"]},
    {"title": "Prices on all shelves", "type": "SingleOption", "options": ["Yes", "Partly", "No"]},
    {"title": "Emergency exits free", "type": "SingleOption", "options": ["Yes", "No"]},
    {"title": "People on shift", "type": "Numeric"},
    {"title": "Missing", "type": "Text"},
]
DAY = "{{ (dag_run.logical_date or dag_run.run_after) | ds }}"

with DAG(
    "store_checklist",
    schedule="0 8 * * 1-6",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    tags=["kaizala"],
    doc_md=__doc__,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
    params={"charts": Param(tempfile.gettempdir(), type="string", minLength=1)},
) as dag:
    ask = KaizalaAskSurveyOperator(
        task_id="ask",
        title=f"Checklist of {DAY}",
        questions=QUESTIONS,
        until="all",
        timeout=timedelta(hours=2),
        on_timeout="return",
        remind_every=timedelta(minutes=40),
        deferrable=True,
    )

    @task
    def table(survey: dict) -> str:
        """Return who has not answered, and a line for each person who has."""
        titles = [question["title"] for question in QUESTIONS]
        rows = [["Name", *titles]]
        for each in survey["answers"]:
            given = [each["answers"].get(title) for title in titles]
            rows.append([each["responder_name"], *("–" if one in (None, "") else f"{one}" for one in given)])
        missing = ", ".join(survey["missing_names"])
        heading = f"No answer from: {missing}." if missing else "Everyone has answered."
        return "\n".join([f"{survey['title']}. {heading}", "", *map(" | ".join, rows)])

    @task
    def chart(survey: dict, folder: str, day: str) -> str:
        """Draw a bar for each question with options; return the path of the image."""
        try:
            from matplotlib.figure import Figure
        except ImportError as error:
            raise AirflowFailException(
                "the chart needs matplotlib: pip install 'airflow-provider-kaizala[examples]'"
            ) from error
        tally, answered = survey["tally"], len(survey["answers"])
        asked = answered + len(survey["missing"])
        figure = Figure(figsize=(6, 5.5), dpi=180, layout="constrained")
        figure.get_layout_engine().set(w_pad=0.2, h_pad=0.15)
        axes = figure.subplots()
        heading = f"{survey['title']}\n{answered} of {asked} answered"
        axes.set_title(heading, fontsize=17, weight="bold", loc="left")
        for row, (title, counts) in enumerate(tally.items()):
            axes.text(0, row - 0.36, title, fontsize=15, va="bottom")
            left = 0
            for option, colour in COLOURS.items():
                count = counts.get(option, 0) if option != "no answer" else asked - sum(counts.values())
                bar = axes.barh(row, count, 0.62, left=left, color=colour, edgecolor="white", label=option)
                axes.bar_label(
                    bar, [count or ""], label_type="center", fontsize=16, weight="bold", color="white"
                )
                left += count
        axes.set(xlim=(0, max(asked, 1)), ylim=(len(tally) - 0.6, -0.85))
        axes.set_axis_off()
        shown = axes.get_legend_handles_labels()[0][: len(COLOURS)]
        figure.legend(
            shown, COLOURS, loc="outside lower left", ncols=4, fontsize=13, frameon=False, handlelength=1
        )
        path = ObjectStoragePath(folder) / f"checklist-{day}.png"
        with path.open("wb") as file:
            figure.savefig(file, format="png")
        return str(path)

    KaizalaSendMessageOperator(
        task_id="post_table", text=table(ask.output), reply_to_reference_id=ask.output["reference_id"]
    ) >> KaizalaSendMediaOperator(
        task_id="post_chart",
        files=chart(ask.output, "{{ params.charts }}", DAY),
        caption=f"Checklist of {DAY}",
    )
