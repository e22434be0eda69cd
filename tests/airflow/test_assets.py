"""Airflow knows assets of ours by their scheme, whichever version it is."""

from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import Asset
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS

from airflow_provider_kaizala.client.errors import KaizalaInputError

pytestmark = pytest.mark.airflow


def test_an_asset_is_checked_and_spelled_in_one_way() -> None:
    assert Asset("kaizala://kaizala_default/groups/g1%401").uri == "kaizala://kaizala_default/groups/g1@1"
    says = "'kaizala://kaizala_default/g1' is not the URI of a Kaizala asset"
    # Airflow 2 warns where Airflow 3 refuses
    refused = pytest.raises(KaizalaInputError, match=says) if AIRFLOW_V_3_0_PLUS else pytest.warns(match=says)
    with refused:
        Asset("kaizala://kaizala_default/g1")
