"""Links from a task in Airflow's UI to its post and to its group, on the page of the server that the connection names.

Airflow 3 reads links from XCom, Airflow 2 calls :meth:`KaizalaLink.get_link` in its web server. So the task pushes its links as soon
as it has posted, which also shows them while it waits, and all else reads them from there.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, Context, TaskInstanceKey

    from airflow_provider_kaizala.hooks.kaizala import KaizalaHook

log = logging.getLogger(__name__)


class KaizalaLink(BaseOperatorLink):
    """Base of the links: what the task has pushed, or none."""

    label: ClassVar[str]

    @property
    def name(self) -> str:
        """The text of the button."""
        return self.label

    @property
    def xcom_key(self) -> str:
        """The key under which the task pushes the link."""
        return f"_link_{type(self).__name__}"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the link, or an empty text if the task has none (yet)."""
        return XCom.get_value(ti_key=ti_key, key=self.xcom_key) or ""


class KaizalaPostLink(KaizalaLink):
    """Leads to what the task has posted, with its answers."""

    label = "Post in Kaizala"


class KaizalaGroupLink(KaizalaLink):
    """Leads to the group of the task."""

    label = "Group in Kaizala"


def push_links(context: Context, hook: KaizalaHook, group_id: str, reference_id: str | None = None) -> None:
    """Push the links of a task, if its server has a page. Nothing that goes wrong here fails the task.

    :param reference_id: of the post; None if there is none
    """
    try:
        page = hook.page(group_id)
        if page is None:
            return
        group = f"{page}/groups/{quote(group_id, safe='@')}"
        ti: Any = context["ti"]
        ti.xcom_push(key=KaizalaGroupLink().xcom_key, value=group)
        if reference_id:
            post = f"{group}/posts/{quote(reference_id, safe='@')}"
            ti.xcom_push(key=KaizalaPostLink().xcom_key, value=post)
    except Exception as error:  # noqa: BLE001
        log.info("The task has no links to Kaizala: %s", error)
