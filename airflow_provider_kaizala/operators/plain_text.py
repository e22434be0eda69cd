"""Markdown as plain text: groups show it as it is typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from markdown_it.token import Token


def plain_text(markdown: str) -> str:
    """Return the text of a Markdown document, without its marks; links keep their address."""
    from markdown_it import MarkdownIt  # only a question with a body needs it

    tokens = MarkdownIt("commonmark").enable("table").parse(markdown)
    return "".join(_blocks(tokens)).strip()


def _blocks(tokens: Sequence[Token]) -> Iterator[str]:
    """Yield the text of blocks, list items with a dash or their number."""
    lists: list[int | None] = []
    for token in tokens:
        match token.type:
            case "ordered_list_open":
                lists.append(int(token.attrGet("start") or 1))
            case "bullet_list_open":
                lists.append(None)
            case "ordered_list_close" | "bullet_list_close":
                lists.pop()
                yield "" if lists else "\n"
            case "list_item_open":
                number = lists[-1]
                yield "  " * (len(lists) - 1) + ("- " if number is None else f"{number}. ")
                lists[-1] = None if number is None else number + 1
            case "inline":
                yield "".join(_spans(token.children or ()))
            case "fence" | "code_block":
                yield token.content.rstrip("\n") + "\n\n"
            case "th_close" | "td_close":
                yield "  "
            case "paragraph_close" | "heading_close" | "tr_close":
                yield "\n" if lists or token.type == "tr_close" else "\n\n"


def _spans(tokens: Sequence[Token]) -> Iterator[str]:
    """Yield the text of one block."""
    addresses: list[str] = []
    text = ""
    for token in tokens:
        match token.type:
            case "softbreak" | "hardbreak":
                yield "\n"
            case "link_open":
                addresses.append(str(token.attrGet("href") or ""))
                text = ""
            case "link_close":
                address = addresses.pop()
                yield f" ({address})" if address not in ("", text) else ""
            case "image":
                yield token.content
            case "text" | "code_inline":
                text += token.content
                yield token.content
