"""The days of the hard cases of identity: each case has identifiers of its own name."""

from __future__ import annotations

from support.identity import EVENTS, LINKS, MEMBERS, link, member, override
from support.line import Line

# Family tablets by their number of owners, and the customers of a till.
TABLETS = (2, 3, 4)
TILL = 300


def first_day(line: Line) -> None:
    line.write(
        "crm/members.csv",
        MEMBERS,
        # The e-mail of two accounts; the later one comes first in the file and in the alphabet.
        member("MAIL_A", "MAIL_A_H", "MAIL", registered="2024-02-01"),
        member("MAIL_B", "MAIL_B_H", "MAIL", registered="2024-01-01"),
        member("PHONE_A", "PHONE", "PHONE_A_E", registered="2024-02-01"),
        member("PHONE_B", "PHONE", "PHONE_B_E", registered="2024-01-01"),
        member("MERGE", "MERGE_H"),
        member("GONE", "GONE_H", "GONE_E"),
        member("LEFT", "LEFT_H"),
        member("KEPT", "KEPT_H"),
        member("TWICE_A", "TWICE_A_H"),
        member("TWICE_B", "TWICE_B_H"),
        member("QUIET", "QUIET_H", "QUIET_E"),
    )
    tablets = [
        f"tablet{size}_{n},TABLET{size}_U{n},TABLET{size}_O{n},TABLET{size},page_view,,2026-05-0{n}"
        for size in TABLETS
        for n in range(1, size + 1)
    ]
    till = [f"till{n},TILL_U{n},,TILL,page_view,,2026-05-01" for n in range(TILL)]
    line.write(
        "app/first.csv",
        EVENTS,
        "merge,MERGE_U,,,purchase,100,2026-05-01",
        *tablets,
        *till,
    )
    line.write(
        "id_graph/first.csv",
        LINKS,
        link("union_id:LEFT_U", "mobile_hash:LEFT_H"),
        link("member_id:UNSURE", "union_id:UNSURE_U", confidence=0.5),
        link("member_id:STRONG", "union_id:STRONG_U", confidence=1.0),
        link("member_id:APART", "union_id:APART_U", confidence=0.85),
        link("member_id:WORD_A", "email_hash:WORD_A_E"),
        link("member_id:WORD_B", "email_hash:WORD_B_E"),
        link("union_id:WORD_U", "email_hash:WORD_E"),
        *(link("email_hash:FALLS", f"open_id:FALLS_{n}") for n in range(6)),
        *(link("email_hash:RISES", f"open_id:RISES_{n}") for n in range(5)),
    )


def second_day(line: Line) -> None:
    """A link merges two people; members are deleted; values are shared, or no longer."""
    line.write("id_graph/merge.csv", LINKS, link("member_id:MERGE", "union_id:MERGE_U"))
    line.write(
        "crm/deleted.csv",
        MEMBERS,
        "GONE,,,,2026-05-02,true",
        "LEFT,,,,2026-05-02,true",
        "KEPT,KEPT_H,,2024-01-01,2026-05-02,true",
    )
    line.write(
        "id_graph/second.csv",
        LINKS,
        link("email_hash:FALLS", "open_id:FALLS_5", is_active=False),
        link("email_hash:RISES", "open_id:RISES_5"),
    )


def fifth_day(line: Line) -> None:
    """Three runs after the merge its link is withdrawn; who was deleted registers again."""
    line.write(
        "id_graph/merge.csv", LINKS, link("member_id:MERGE", "union_id:MERGE_U", is_active=False)
    )
    line.write(
        "crm/again.csv",
        MEMBERS,
        member("GONE", "GONE_H", "GONE_E", updated="2026-05-05"),
        member("LEFT_NEW", "LEFT_H", registered="2026-05-05", updated="2026-05-05"),
        member("KEPT_NEW", "KEPT_H", registered="2026-05-05", updated="2026-05-05"),
    )
    line.write(
        "id_graph/fifth.csv",
        LINKS,
        link("email_hash:FALLS", "open_id:FALLS_5", last="2026-05-05"),
        link("email_hash:RISES", "open_id:RISES_5", is_active=False),
    )


KEEP_APART = override("cannot_link", "union_id:APART_U", "member_id:APART")
WORDS = (
    KEEP_APART,
    override("must_link", "union_id:UNSURE_U", "member_id:UNSURE"),
    override("must_link", "device_id:TILL", "union_id:TILL_U7"),
    override("must_link", "member_id:TWICE_A", "member_id:TWICE_B"),
    override("cannot_link", "member_id:STRONG", "union_id:STRONG_U"),
    override("must_link", "member_id:WORD_A", "union_id:WORD_U"),
    override("must_link", "union_id:WORD_U", "member_id:WORD_B"),
    override("cannot_link", "member_id:WORD_B", "member_id:WORD_A"),
    override("must_link", "member_id:NOBODY", "member_id:QUIET"),
    override("cannot_link", "union_id:NOBODY", "email_hash:QUIET_E"),
)
