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

    from airflow_provider_kaizala.tasks.base import KaizalaTask

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
        """Return the link, or an empty text if the task has none (yet).

        At the end of a task, Airflow 3 asks in the task's process for what it then pushes. That process knows it if it is the one
        that has posted, and reading an XCom that is not there would log an error.
        """
        pushed = getattr(operator, "pushed_links", None)
        if pushed is not None:
            return str(pushed.get(self.xcom_key, ""))
        return XCom.get_value(ti_key=ti_key, key=self.xcom_key) or ""


class KaizalaPostLink(KaizalaLink):
    """Leads to what the task has posted, with its answers."""

    label = "Post in Kaizala"


class KaizalaGroupLink(KaizalaLink):
    """Leads to the group of the task."""

    label = "Group in Kaizala"


def push_links(task: KaizalaTask, context: Context, group_id: str, reference_id: str | None = None) -> None:
    """Push the links of a task, if its server has a page. Nothing that goes wrong here fails the task.

    :param reference_id: of the post; None if there is none
    """
    try:
        page = task.hook.page(group_id)
        if page is None:
            return
        group = f"{page}/groups/{quote(group_id, safe='@')}"
        links = {KaizalaGroupLink().xcom_key: group}
        if reference_id:
            links[KaizalaPostLink().xcom_key] = f"{group}/posts/{quote(reference_id, safe='@')}"
        task.pushed_links = links
        ti: Any = context["ti"]
        for key, link in links.items():
            ti.xcom_push(key=key, value=link)
    except Exception as error:  # noqa: BLE001
        log.info("The task has no links to Kaizala: %s", error)
