"""Any operation by its name: whose grant it uses, what it sends, what of the reply is kept out of XCom."""

from __future__ import annotations

from airflow_provider_kaizala import operators as ops
from airflow_provider_kaizala.operators.api import without_secrets


class TestAnyOperation:
    def test_what_comes_back_holds_no_token(self):
        reply = {
            "webhooks": [{"id": "w1", "callbackToken": "s3cret", "x": {"AccessToken": "s3cret", "tokens": 3}}]
        }
        assert without_secrets(reply) == {
            "webhooks": [{"id": "w1", "callbackToken": "***", "x": {"AccessToken": "***", "tokens": 3}}]
        }

    def test_what_comes_back_holds_no_token_of_a_callback_address(self):
        reply = [
            {
                "callbackUrl": "https://me.example/k?store=12&key=s3cret-of-mine",
                "mediaUrl": "https://a/b?sig=abcdefgh",
            }
        ]
        assert without_secrets(reply) == [
            {"callbackUrl": "https://me.example/k?store=12&key=***", "mediaUrl": "https://a/b?sig=abcdefgh"}
        ]

    def test_the_grant_follows_the_group(self, kaizala, run_task, group):
        kaizala.otherwise = lambda request: (200, {"members": []})
        for given in ({}, {"group_id": group}):
            where = "g2" if given else group
            run_task(
                ops.KaizalaApiOperator(
                    task_id="t", operation="listMembers", parameters={"groupId": where}, **given
                )
            )
        assert [call.headers["accesstoken"] for call in kaizala.calls("members")] == [
            "access-token-for-refresh-token-of-the-group"
        ] * 2

    def test_files(self, kaizala, run_task, tmp_path):
        (tmp_path / "a.png").write_bytes(b"png")
        task = ops.KaizalaApiOperator(task_id="t", operation="uploadMedia", files=str(tmp_path / "a.png"))
        assert run_task(task) == {"mediaResource": "media-1"}
        assert b'filename="a.png"' in kaizala.uploads[0].body
