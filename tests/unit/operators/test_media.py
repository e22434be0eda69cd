from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, ObjectStoragePath

from airflow_provider_kaizala.client.errors import KaizalaInputError, KaizalaNoReplyError
from airflow_provider_kaizala.operators import (
    KaizalaApiOperator,
    KaizalaSendAnnouncementOperator,
    KaizalaSendMediaOperator,
    KaizalaSendMessageOperator,
)


@pytest.fixture
def files(tmp_path):
    """Make files of these names; each holds its name."""

    def make(*names):
        for name in names:
            (tmp_path / name).write_bytes(f"content of {name}".encode())
        return [str(tmp_path / name) for name in names]

    return make


def uploaded(request):
    """Return name, type and content of each file of an upload."""
    boundary = re.fullmatch(r"multipart/form-data; boundary=(\S+)", request.headers["content-type"])[
        1
    ].encode()
    assert int(request.headers["content-length"]) == len(request.body)
    first, *parts, last = request.body.split(b"--" + boundary)
    assert (first, last) == (b"", b"--\r\n")
    found = []
    for part in parts:
        head, _, content = part.partition(b"\r\n\r\n")
        name = re.search(rb'filename="(.*?)"', head)[1].decode()
        found.append((name, re.search(rb"Content-Type: (\S+)", head)[1].decode(), content[:-2]))
    return found


def send(files, **kwargs):
    return KaizalaSendMediaOperator(task_id="send", files=files, **kwargs)


# --- what is posted ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind", "mime"),
    [
        ("a.jpg", "Image", "image/jpeg"),
        ("a.JPEG", "Image", "image/jpeg"),
        ("a.png", "Image", "image/png"),
        ("a.b.pdf", "Document", "application/pdf"),
        (
            "a.xlsx",
            "Document",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        ),
        ("a.mp3", "Audio", "audio/mpeg"),
        ("a.wav", "Audio", "audio/wav"),
        ("a.mp4", "Video", "video/mp4"),
        ("a.3gpp", "Video", "video/3gpp"),
    ],
)
def test_the_type_of_action_follows_from_the_file(kaizala, run_task, files, group, name, kind, mime):
    result = run_task(send(files(name)[0], caption="Look"))
    (upload,) = kaizala.uploads
    assert uploaded(upload) == [(name, mime, f"content of {name}".encode())]
    assert upload.headers["accesstoken"] == "access-token-for-refresh-token-of-the-group"
    (post,) = kaizala.posts
    assert post.path == f"/groups/{group}/actions"
    assert post.json == {
        "actionType": kind,
        "actionBody": {"mediaResource": "media-1", "caption": "Look"},
    }
    assert result == {"group_id": group, "reference_id": "ref-3", "action_id": None}


def test_several_images_are_an_album(kaizala, run_task, files):
    run_task(send(files("1.jpg", "2.png"), subscribers=["+910000000001"]))
    (upload,) = kaizala.uploads
    assert [name for name, *_ in uploaded(upload)] == ["1.jpg", "2.png"]
    assert kaizala.posts[0].json == {
        "actionType": "Album",
        "actionBody": {"mediaResource": "media-1"},
        "subscribers": ["+910000000001"],
    }


def test_a_list_of_one_is_no_album(kaizala, run_task, files):
    run_task(send(files("1.jpg")))
    assert kaizala.posts[0].json["actionType"] == "Image"


@pytest.mark.parametrize(
    "form",
    [Path, lambda path: ObjectStoragePath(f"file://{path}"), lambda path: f"file://{path}"],
    ids=["Path", "ObjectStoragePath", "URL"],
)
@pytest.mark.parametrize("many", [False, True], ids=["one", "album"])
def test_files_may_be_given_in_every_form_of_a_path(kaizala, run_task, files, form, many):
    given = [form(path) for path in files("1.jpg", "2.jpg")]
    run_task(send(given if many else given[0]))
    names = [name for name, *_ in uploaded(kaizala.uploads[0])]
    assert names == (["1.jpg", "2.jpg"] if many else ["1.jpg"])
    assert uploaded(kaizala.uploads[0])[0][2] == b"content of 1.jpg"


def test_a_path_comes_from_a_template_or_another_task(kaizala, run_task, files, tmp_path, dag):
    files("1.jpg", "2.pdf")
    with dag:
        up = KaizalaSendMessageOperator(task_id="up", text="Hi")
        from_task = KaizalaSendMediaOperator(task_id="from_task", files=up.output)
        rendered = send("{{ params.folder }}/1.jpg")
    run_task(rendered, params={"folder": str(tmp_path)})
    run_task(from_task, {"up": [str(tmp_path / "2.pdf")]})
    assert [post.json["actionType"] for post in kaizala.posts] == ["Image", "Document"]


class Lazy(Sequence):
    """As what a task gets from a mapped one: a sequence that is no list."""

    def __init__(self, *values):
        self.values = values

    def __len__(self):
        return len(self.values)

    def __getitem__(self, at):
        return self.values[at]


@pytest.mark.parametrize(
    "operator",
    [
        partial(KaizalaSendMediaOperator, caption="Look"),
        partial(KaizalaSendAnnouncementOperator, text="Look"),
        partial(KaizalaApiOperator, operation="uploadMedia"),
    ],
    ids=["media", "announcement", "api"],
)
def test_files_are_what_a_mapped_task_has_returned(kaizala, run_task, files, dag, group, operator):
    with dag:
        each = KaizalaSendMessageOperator(task_id="each", text="Hi")
        task = operator(task_id="send", files=each.output, group_id=group)
    run_task(task, {"each": Lazy(*files("1.jpg", "2.png"))})
    names = [name for upload in kaizala.uploads for name, *_ in uploaded(upload)]
    assert names == ["1.jpg", "2.png"]


def test_a_task_is_mapped_over_files(kaizala, run_task, files, dag):
    paths = files("1.jpg", "2.pdf")
    with dag:
        KaizalaSendMediaOperator.partial(task_id="each", caption="Look").expand(files=paths)
    for at in range(2):
        run_task(dag.get_task("each"), map_index=at)
    assert [post.json["actionType"] for post in kaizala.posts] == ["Image", "Document"]


def test_an_upload_is_repeated_whole(kaizala, run_task, files):
    """An upload shows nobody anything, so it may be sent again; a stream that was half read may not."""
    kaizala.script += [(500, {}), (200, [])]
    run_task(send(files("1.jpg")))
    assert [uploaded(each) for each in kaizala.uploads] == [
        [("1.jpg", "image/jpeg", b"content of 1.jpg")]
    ] * 3
    assert len(kaizala.posts) == 1


def test_an_upload_that_never_succeeds_posts_nothing(kaizala, run_task, files):
    kaizala.script += [(200, {"no": "resource"})] * 9
    with pytest.raises(KaizalaNoReplyError, match="uploadMedia: no readable reply"):
        run_task(send(files("1.jpg")))
    assert kaizala.posts == []


def test_an_unknown_outcome_of_the_post_is_not_repeated(kaizala, run_task, files):
    kaizala.script += [(200, {"mediaResource": "m"}), (500, {})]
    with pytest.raises(AirflowFailException, match="was sent, but no readable answer"):
        run_task(send(files("1.jpg")))
    assert (len(kaizala.uploads), len(kaizala.posts)) == (1, 1)


def test_an_announcement_posts_its_files(kaizala, run_task, files):
    run_task(
        KaizalaSendAnnouncementOperator(
            task_id="t", text="Hello", title="News", files=files("1.jpg", "rules.pdf")
        )
    )
    assert [[name for name, *_ in uploaded(each)] for each in kaizala.uploads] == [["1.jpg"], ["rules.pdf"]]
    assert kaizala.posts[0].json == {
        "actionType": "Announcement",
        "actionBody": {"Message": "Hello", "Title": "News", "MediaResources": ["media-1", "media-2"]},
    }


@pytest.mark.parametrize("none", [(), [], None])
def test_an_announcement_needs_no_files(kaizala, run_task, none):
    run_task(KaizalaSendAnnouncementOperator(task_id="t", text="Hello", files=none))
    assert kaizala.uploads == []
    assert kaizala.posts[0].json["actionBody"] == {"Message": "Hello"}


def test_an_announcement_takes_one_file_by_its_path(kaizala, run_task, files):
    run_task(KaizalaSendAnnouncementOperator(task_id="t", text="Hello", files=files("1.jpg")[0]))
    assert kaizala.posts[0].json["actionBody"]["MediaResources"] == ["media-1"]


# --- what is refused -----------------------------------------------------------------------------------------------------

BAD_TYPES = [
    (
        "virus.exe",
        "files: file 'virus.exe': Kaizala does not accept .exe files. It accepts Image: jpg, jpeg, png; Audio",
    ),
    ("/a/b/README", "files: file 'README': Kaizala does not accept files without an extension"),
    ("notes.md", "files: file 'notes.md': Kaizala does not accept .md files"),
    ("s3://bucket/data.csv", "files: file 'data.csv': Kaizala does not accept .csv files"),
    (Path("pages.html"), "files: file 'pages.html'"),
    (["1.jpg", "2.gif"], "files: file '2.gif'"),
]


@pytest.mark.parametrize(("given", "says"), BAD_TYPES)
@pytest.mark.parametrize("operator", [KaizalaSendMediaOperator, KaizalaSendAnnouncementOperator])
def test_a_type_that_kaizala_does_not_accept_is_refused_when_the_dag_is_parsed(operator, given, says):
    more = {"text": "Hello"} if operator is KaizalaSendAnnouncementOperator else {}
    with pytest.raises(KaizalaInputError) as refused:
        operator(task_id="t", files=given, **more)
    assert str(refused.value).startswith(f"t: {says}")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ([], "files is empty; give a path, or several for an album"),
        (None, "files is empty"),
        (["1.jpg", "2.pdf", "3.mp4"], "an album consists of images only; post 2.pdf, 3.mp4 separately"),
        (5, "files must be paths, not 5"),
        ({"1.jpg": 1}, "files must be paths, not {'1.jpg': 1}"),
        ([b"1.jpg"], "files must be paths, not b'1.jpg'"),
    ],
)
def test_files_that_make_no_post_are_refused(given, says, kaizala, run_task, dag):
    with pytest.raises(KaizalaInputError, match=re.escape(says)):
        send(given)
    with dag:
        up = KaizalaSendMessageOperator(task_id="up", text="Hi")
        later = send(up.output)
    with pytest.raises(AirflowFailException, match=re.escape(says)):
        run_task(later, {"up": given})
    assert kaizala.requests == []


def test_a_caption_that_is_too_long_is_refused(files):
    with pytest.raises(KaizalaInputError, match="caption has 4001 characters"):
        send(files("1.jpg"), caption="x" * 4001)


def test_a_caption_that_is_rendered_too_long_is_refused_before_the_upload(kaizala, run_task, files):
    with pytest.raises(AirflowFailException, match="caption has 4001 characters"):
        run_task(send(files("1.jpg"), caption="{{ params.long }}"), params={"long": "x" * 4001})
    assert kaizala.requests == []


@pytest.mark.parametrize("scheme", ["", "file://"], ids=["path", "URL"])
@pytest.mark.parametrize("operator", [KaizalaSendMediaOperator, KaizalaSendAnnouncementOperator])
@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: None, "does not exist or is not a file; the worker must be able to read it"),
        (Path.touch, "is empty; Kaizala does not show empty files"),
        (Path.mkdir, "does not exist or is not a file"),
    ],
    ids=["missing", "empty", "directory"],
)
def test_a_file_that_cannot_be_sent_fails_the_task_before_anything_is_uploaded(
    kaizala, run_task, tmp_path, operator, scheme, make, says
):
    """Known when the task runs, on the worker; the second of two, so that the first would be uploaded by then."""
    (tmp_path / "first.jpg").write_bytes(b"first")
    make(tmp_path / "second.jpg")
    more = {"text": "Hello"} if operator is KaizalaSendAnnouncementOperator else {}
    paths = [f"{scheme}{tmp_path / name}" for name in ("first.jpg", "second.jpg")]
    with pytest.raises(AirflowFailException, match=f"t: files: '{paths[1]}' {says}"):
        run_task(operator(task_id="t", files=paths, **more))
    assert kaizala.requests == []


def test_a_store_that_this_worker_does_not_know_fails_the_task(kaizala, run_task):
    with pytest.raises(
        AirflowFailException, match=r"files: 'nowhere://bucket/a\.jpg' cannot be opened here: "
    ):
        run_task(send("nowhere://bucket/a.jpg"))
    assert kaizala.requests == []


def test_the_announcement_is_checked_before_its_files_are_uploaded(kaizala, run_task, files):
    operator = KaizalaSendAnnouncementOperator(task_id="t", text="{{ params.text }}", files=files("1.jpg"))
    with pytest.raises(AirflowFailException, match="text is empty"):
        run_task(operator, params={"text": " "})
    assert kaizala.requests == []
