"""Random days of the whole line: a build equals a rebuild, and history is what was published."""

from __future__ import annotations

import random
from datetime import date
from pathlib import Path

import pytest
from support.line import Line, copy_project, differences
from support.line_days import CHOICES, MAILS, MEMBERS, PAGES, write_link
from support.published_days import PublishedDays

from onecdp.pipeline import Context, forget

SHIPPED_IDS = (
    "member_id", "union_id", "retail_customer_id", "customer_id", "mobile_hash", "email_hash",
    "open_id", "device_id",
)  # fmt: skip


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_project(tmp_path_factory.mktemp("project"))


def random_day(line: Line, day: int, draw: random.Random) -> None:
    """Events of any of five days, with or without a session, and a link that comes or goes."""
    rows = []
    for number in range(60):
        person = draw.randrange(5)
        # Some without a person, and some from the device alone.
        union = f"U{person}" if draw.random() < 0.7 else ""
        device = f"D{person}" if draw.random() < 0.9 else ""
        kind = draw.choice(["page_view", "page_view", "purchase", "refund"])
        minute = draw.randrange(5 * 24 * 6) * 10
        when = f"2026-06-{4 + minute // 1440:02} {minute // 60 % 24:02}:{minute % 60:02}:00"
        session = f"s{draw.randrange(9)}" if draw.random() < 0.3 else ""
        page, channel = draw.choice("abc"), draw.choice(["app", "web"])
        rows.append(f"r{day}-{number},{device},{union},{kind},{page},9,{channel},{when},{session}")
    line.write(f"app/random{day}.csv", PAGES, *rows)
    left, right = draw.sample(range(5), 2)
    write_link(line, f"M{left}", f"U{right}", is_active=draw.random() < 0.7)
    gone = draw.randrange(5)
    is_deleted = str(draw.random() < 0.5).lower()
    line.write(
        f"crm/random{day}.csv",
        "member_id,mobile_hash,level,updated_at,is_deleted",
        f"M{gone},H{gone},{draw.choice(['gold', 'silver'])},2026-05-{day + 2:02},{is_deleted}",
    )
    random_choices(line, day, draw)


def random_choices(line: Line, day: int, draw: random.Random) -> None:
    """Consents of members, people, addresses and nobody, late ones, too, and unsubscriptions."""
    chosen = set()
    for _ in range(6):
        identifier = draw.choice(
            [f"{kind}{draw.randrange(6)}" for kind in ("member_id,M", "union_id,U", "email_hash,E")]
        )
        purpose = draw.choice(["email_marketing", "sms"])
        status = draw.choice(["granted", "granted", "withdrawn"])
        chosen.add(f"{identifier},{purpose},{status},2026-05-0{draw.randrange(1, 8)} 10:00:00")
    line.write(f"consents/random{day}.csv", CHOICES, *sorted(chosen))
    line.write(
        f"email/random{day}.csv",
        MAILS,
        *(
            f"m{day}-{number},{draw.choice(['open', 'unsubscribe', 'complaint'])},"
            f"E{draw.randrange(6)},spring,2026-05-0{draw.randrange(1, 8)} 10:00:00"
            for number in range(2)
        ),
    )


def forget_somebody(line: Line, published: PublishedDays, as_of: str) -> None:
    """The history loses a person, in whatever one_ids, and of all others only what may be hers."""
    ((one_id, identifier),) = line.query(
        "select one_id, any_value(id_type || ':' || id_value) from marts.id_map"
        " semi join marts.customer_profiles using (one_id) group by one_id order by one_id limit 1"
    )
    minted = "select one_id from intermediate.int_identity__one_ids"
    before = {str(each) for (each,) in line.query(minted)}
    done = forget(
        Context(line.project),
        str(identifier),
        confirm=lambda plan: True,
        as_of=date.fromisoformat(as_of),
    )
    assert (done.status, done.leftovers) == ("erased", ())
    published.remember(line, as_of)
    assert not line.query(
        f"select 1 from marts.customer_profiles_daily where one_id = '{one_id}'"
        f" union all select 1 from marts.segment_changes where one_id = '{one_id}'"
    )
    emptied = {*SHIPPED_IDS, "real_name", "gender", "birthday", "register_date", "level",
               "register_channel", "total_points", "country"}  # fmt: skip
    erased = before - {str(each) for (each,) in line.query(minted)}
    assert one_id in erased
    kept = published.without(erased, emptied)
    assert not kept.differences(line)


def assert_equals_a_rebuild(line: Line, folder: Path, as_of: str) -> None:
    rebuilt = line.copy_warehouse(folder)
    rebuilt.build("--full-refresh", tests=False, as_of=as_of)
    assert not differences(line.marts(), rebuilt.marts())
    words = "select * exclude changed_at from intermediate.int_customers__identifier_consents"
    assert sorted(map(str, line.query(words))) == sorted(map(str, rebuilt.query(words)))


@pytest.mark.parametrize("days", [2, pytest.param(20, marks=pytest.mark.soak)])
def test_random_days_equal_a_rebuild(tmp_path: Path, project: Path, days: int) -> None:
    """As-of dates between the events, so that some count later, or no more.

    They come in any order, some twice, others never: the history of each is what was built for it.
    The soak looks after every day, the gate after the last.
    """
    seed = random.randrange(1_000_000)
    print(f"days drawn with seed {seed}")
    draw = random.Random(seed)
    line = Line.at(tmp_path / "line", project)
    line.write("crm/members.csv", MEMBERS, *(f"M{n},H{n},E{n},,,,,2026-05-01" for n in range(5)))
    as_of = ""
    published = PublishedDays()
    for day in range(days):
        random_day(line, day, draw)
        line.ingest()
        as_of = f"2026-06-{draw.randrange(4, 9):02}"
        line.build(tests=False, as_of=as_of)
        published.remember(line, as_of)
        if days > 3 and day < days - 1:
            assert_equals_a_rebuild(line, tmp_path / f"rebuilt{day}", as_of)
    assert not published.differences(line)
    published.assert_segments(line)
    if days > 3:
        forget_somebody(line, published, as_of)
    assert_equals_a_rebuild(line, tmp_path / "rebuilt", as_of)
