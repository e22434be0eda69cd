"""What holds for every example DAG."""

from __future__ import annotations

import pytest

from tests.airflow.dag_bag import DagBag
from tests.airflow.examples.playing import EXAMPLES, FOLDER, SECRETS

pytestmark = pytest.mark.airflow


def test_all_examples_parse(airflow_db: None) -> None:
    bag = DagBag(dag_folder=str(FOLDER))
    assert bag.import_errors == {}
    assert sorted(bag.dags) == EXAMPLES, "each file has one DAG, called like the file"
    assert len(EXAMPLES) >= 8


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_explains_itself(example: str) -> None:
    source = (FOLDER / f"{example}.py").read_text()
    code = compile(source, example, "exec")
    doc = code.co_consts[0]
    assert isinstance(doc, str)
    assert "Needs a connection ``kaizala_default``" in doc
    assert 'tags=["kaizala"]' in source
    assert "catchup=False" in source
    assert not any(word in source for word in (*SECRETS, "127.0.0.1", "localhost"))
