"""Whatever comes back is read or reported as unreadable. Every model reads each reply, which takes longer to make up than to read."""

from __future__ import annotations

import pickle
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_kaizala.client.models import (
    AccessToken,
    ActionDetails,
    ActionPage,
    Bot,
    BotToken,
    CreatedGroup,
    Group,
    GroupTree,
    ListedAction,
    Member,
    Person,
    Posted,
    Reaction,
    ReactionCounts,
    RefreshToken,
    Response,
    Subscriber,
    SubscriberOutcome,
    UnreadableReplyError,
    Webhook,
)


def replies(names):
    """Draw any JSON whose objects have some of the names."""
    return st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(names.split()), inner, max_size=4)
        ),
        max_leaves=15,
    )


ACTIONS = replies("""actionType actionDetails responses assignee title answer type groupId responseWithQuestions notes actions groups
dueDate referenceId""")
OTHERS = replies("""groupId groups subGroups id objectId objectType callbackUrl events validity refreshToken accessToken
accessTokenExpiry referenceId reactionsCountMap reactionId userId lastModifiedTime botUserId result isAdded""")
MODELS = (AccessToken, Group, CreatedGroup, Member, Person, Posted, ActionPage, ListedAction, ActionDetails)
READERS = (GroupTree.read, Subscriber.read, SubscriberOutcome.read_all, RefreshToken.read, BotToken.read, ReactionCounts.read,
           Reaction.read, Webhook.read, Bot.read)  # fmt: skip


@given(body=ACTIONS)
def test_any_reply_about_actions_is_read_or_reported_as_unreadable(body):
    for model in MODELS:
        with suppress(UnreadableReplyError):
            assert isinstance(model.read(body), model)


@given(body=OTHERS)
def test_any_reply_about_other_things_is_read_or_reported_as_unreadable(body):
    for read in READERS:
        with suppress(UnreadableReplyError):
            found = read(body)
            assert repr(pickle.loads(pickle.dumps(found))) == repr(found)


@given(
    title=st.text(max_size=4),
    kind=st.sampled_from(
        ["SingleOption", "MultiOption", "DateTime", "Location", "PhoneNumber", "Image", "Numeric"]
    ),
    value=ACTIONS,
)
def test_any_answer_is_read(title, kind, value):
    found = Response.read_form({"responseWithQuestions": [{"title": title, "type": kind, "answer": value}]})
    assert len(found.answers) == 1
