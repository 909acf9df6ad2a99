"""A few days in the life of a shop: each incremental build equals a rebuild, row for row."""

from __future__ import annotations

import random
from pathlib import Path

import duckdb
import pytest
from support.line import Line, copy_project, differences

MEMBERS = (
    "member_id,mobile_hash,email_hash,register_date,channel,level,retail_customer_id,updated_at"
)
EVENTS = "event_id,device_id,union_id,open_id,event_type,item_id,item_price,channel,event_time"
LINKS = (
    "left_id_type,left_id_value,right_id_type,right_id_value,source_channel,confidence,"
    "first_seen,last_seen,is_active"
)
PAGES = "event_id,device_id,union_id,event_type,page_name,item_price,channel,event_time,session_id"
RETAIL = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country"


def first_day(line: Line) -> None:
    line.write(
        "crm/members.csv",
        MEMBERS,
        "M1,H1,E1,2024-01-01,offline,gold,,2026-05-01 10:00:00",
        "M2,H2,E2,2024-01-02,online,silver,,2026-05-01 10:00:00",
    )
    line.write(
        "app/day1.csv",
        EVENTS,
        "e1,D1,U1,O1,purchase,SKU1,100,app,2026-05-01 09:00:00",
        "e2,D2,U2,O2,purchase,SKU2,50,miniapp,2026-05-01 10:00:00",
        "e3,D3,,,page_view,,,app,2026-05-01 11:00:00",
        "e4,null,,,page_view,,,app,2026-05-01 11:00:00",
    )
    line.write(
        "app/pages1.csv",
        PAGES,
        "p1,D1,U1,page_view,home,,web,2026-05-01 23:30:00,",
        "p2,D1,U1,page_view,shoes,,web,2026-05-02 00:20:00,",
        "p3,D2,U2,page_view,home,,app,2026-05-01 23:30:00,s1",
    )
    line.write(
        "retail/day1.csv",
        RETAIL,
        "500,A,a,2,2026-05-01 08:00:00,10,100.0,France",
        "500,A,a,2,2026-05-01 08:00:00,10,100.0,France",
        "500,K,k,1,2026-05-01 08:00:00,5,100.0,France",
        "501,A,a,1,2026-05-01 09:00:00,10,200.0,Spain",
        "502,POST,postage,1,2026-05-01 09:00:00,3,,Spain",
    )


def second_day(line: Line) -> None:
    """A link merges M1 with U1; late and returned things arrive; D3 turns out to be U3's.

    A late page of U1 makes one session of two; U2's session goes on.
    """
    line.write(
        "app/pages2.csv",
        PAGES,
        "p4,D1,U1,page_view,hats,,web,2026-05-01 23:55:00,",
        "p5,D2,U2,purchase,basket,20,app,2026-05-02 00:30:00,s1",
    )
    line.write(
        "id_graph/links.csv",
        LINKS,
        "union_id,U1,member_id,M1,app,0.9,2026-05-02 00:00:00,2026-05-02 00:00:00,true",
        "union_id,U2,member_id,M2,app,0.2,2026-05-02 00:00:00,2026-05-02 00:00:00,true",
    )
    line.write(
        "app/day2.csv",
        EVENTS,
        "e5,D2,U2,O2,purchase,SKU1,70,miniapp,2026-04-01 09:00:00",
        "e6,D3,U3,O3,add_cart,SKU1,70,app,2026-05-02 09:00:00",
        "e7,D1,U1,O1,refund,SKU1,100,app,2026-05-02 10:00:00",
    )
    # Without the columns of people, which the next day's file adds to the stored event.
    line.write(
        "app/device.csv",
        "event_id,device_id,event_type,channel,event_time",
        "e8,D9,page_view,app,2026-05-02 09:00:00",
    )
    line.write(
        "retail/day2.csv",
        RETAIL,
        "C503,A,a,-1,2026-05-02 08:00:00,10,200.0,Spain",
        "504,A,a,1,2026-05-02 08:00:00,10,,Spain",
    )


def third_day(line: Line) -> None:
    """The link is taken back; a file is corrected; the CRM learns M2's shop number; e8 is U9's."""
    line.write(
        "app/day3.csv",
        EVENTS,
        "e8,D9,U9,,page_view,,,app,2026-05-02 09:00:00",
    )
    line.write(
        "id_graph/links.csv",
        LINKS,
        "union_id,U1,member_id,M1,app,0.9,2026-05-02 00:00:00,2026-05-03 00:00:00,false",
        "union_id,U2,member_id,M2,app,0.2,2026-05-02 00:00:00,2026-05-02 00:00:00,true",
    )
    line.write(
        "crm/day3.csv",
        MEMBERS,
        "M2,H2,E2,2024-01-02,online,gold,200,2026-05-03 10:00:00",
    )
    line.write(
        "retail/day1.csv",
        RETAIL,
        "500,A,a,2,2026-05-01 08:00:00,10,100.0,France",
        "500,K,k,1,2026-05-01 08:00:00,6,100.0,France",
        "501,A,a,1,2026-05-01 09:00:00,10,200.0,Spain",
        "502,POST,postage,1,2026-05-01 09:00:00,3,,Spain",
    )


def fourth_day(line: Line) -> None:
    """A customer's invoices, and one that was nobody's, turn out to be another's."""
    line.write(
        "retail/day4.csv",
        RETAIL,
        "501,A,a,1,2026-05-01 09:00:00,10,300.0,Spain",
        "C503,A,a,-1,2026-05-02 08:00:00,10,300.0,Spain",
        "504,A,a,1,2026-05-02 08:00:00,10,300.0,Spain",
    )


def compared_whole(project: Path) -> set[str]:
    """The models with watermarks whose last build didn't rely on them."""
    compiled = {
        file.stem: file.read_text()
        for file in (project / "target" / "compiled").rglob("*.sql")
        if file.parent.suffix != ".yml"
    }
    models = [
        file.stem
        for file in (project / "models").rglob("*.sql")
        if "keyed_increment(" in file.read_text()
    ]
    assert len(models) >= 16
    return {name for name in models if "> timestamp '" not in compiled[name]}


def one_id_of(line: Line, id_type: str, id_value: str) -> object:
    ((one_id,),) = line.query(
        f"select one_id from marts.id_map where id_type = '{id_type}' and id_value = '{id_value}'"
    )
    return one_id


def people(line: Line) -> set[frozenset[object]]:
    """Who is one person, whatever the person is called."""
    rows = line.query("select list((id_type, id_value)) from marts.id_map group by one_id")
    return {frozenset(identifiers) for (identifiers,) in rows}  # type: ignore[call-overload]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_project(tmp_path_factory.mktemp("project"))


def test_every_day_equals_a_rebuild(tmp_path: Path, project: Path) -> None:
    line = Line.at(tmp_path / "daily", project)
    first_one_ids: dict[str, object] = {}
    for number, day in enumerate([first_day, second_day, third_day, fourth_day], start=1):
        day(line)
        line.run(tests=number == 4)
        assert not line.outdated_versions()

        marts = line.marts()
        line.run(tests=False)
        assert not differences(marts, line.marts()), "a run with nothing new changed a mart"
        assert not compared_whole(project), "a run with nothing new compared everything"

        assert_equals_rebuild(line, tmp_path / str(number))

        if number < 3:
            assert line.query(
                "select count(*), max(pages) from marts.sessions where channel = 'web'"
            ) == [(2, 1) if number == 1 else (1, 3)]

        if number == 1:
            first_one_ids = {
                "M1": one_id_of(line, "member_id", "M1"),
                "U1": one_id_of(line, "union_id", "U1"),
            }
            assert first_one_ids["M1"] != first_one_ids["U1"]
        elif number == 2:
            # Minted in the same run: the one that was seen first (2024) is the older.
            assert one_id_of(line, "union_id", "U1") == first_one_ids["M1"]
            assert one_id_of(line, "device_id", "D3") == one_id_of(line, "union_id", "U3")
            assert one_id_of(line, "union_id", "U2") != one_id_of(line, "member_id", "M2")
        elif number == 3:
            assert one_id_of(line, "member_id", "M1") == first_one_ids["M1"]
            assert one_id_of(line, "union_id", "U1") == first_one_ids["U1"]
            assert one_id_of(line, "retail_customer_id", "200") == one_id_of(
                line, "member_id", "M2"
            )
            assert one_id_of(line, "device_id", "D9") == one_id_of(line, "union_id", "U9")

    fresh = Line(Line.at(tmp_path / "fresh", project).project, line.data)
    fresh.run(tests=False)
    assert people(line) == people(fresh)

    # Day 3 gave member M2 the shop number; day 4 took its invoices away.
    ((orders, segment),) = line.query(
        "select total_orders, rfm_segment from marts.customer_profiles where member_id = 'M2'"
    )
    assert (orders, segment) == (0, "Never purchased")

    line.build(tests=False, as_of="2026-05-01")
    assert not compared_whole(project), "another as-of date compared everything"


def test_identifiers_keep_their_integers_through_a_full_refresh(
    tmp_path: Path, project: Path
) -> None:
    line = Line.at(tmp_path / "line", project)
    first_day(line)
    line.run(tests=False)
    before = line.query("select * from intermediate.int_identity__one_ids order by one_int")
    second_day(line)
    line.run("--full-refresh", tests=False)
    after = line.query("select * from intermediate.int_identity__one_ids order by one_int")
    assert after[: len(before)] == before
    assert [row[1] for row in after] == list(range(1, len(after) + 1))


def test_a_rebuild_in_an_empty_warehouse_mints_the_same_ids(tmp_path: Path, project: Path) -> None:
    line = Line.at(tmp_path / "line", project)
    first_day(line)
    second_day(line)
    line.run(tests=False)
    again = Line(Line.at(tmp_path / "again", project).project, line.data)
    again.run(tests=False)
    assert not differences(line.state(), again.state())


def write_link(line: Line, left: str, right: str, is_active: bool = True) -> None:
    """A link between two members (M…) or union ids (U…), in a file of its own."""
    types = {"M": "member_id", "U": "union_id"}
    line.write(
        f"id_graph/{left}_{right}.csv",
        LINKS,
        f"{types[left[0]]},{left},{types[right[0]]},{right},app,0.9,2026-05-02,2026-05-02,"
        f"{is_active}",
    )


def test_a_build_that_stopped_halfway_forgets_no_customer_of_a_split(
    tmp_path: Path, project: Path
) -> None:
    """U1's event leaves M1, a build stops before the customers, then the event goes to M2."""
    line = Line.at(tmp_path / "line", project)
    first_day(line)
    write_link(line, "M1", "U1")
    line.run(tests=False)

    write_link(line, "M1", "U1", is_active=False)
    line.ingest()
    line.build_part("+int_events__resolved")
    write_link(line, "M2", "U1")
    line.run()
    assert_equals_rebuild(line, tmp_path)


def test_a_build_that_stopped_halfway_forgets_no_customer_of_a_merge(
    tmp_path: Path, project: Path
) -> None:
    """U1's event goes to M2, a build stops before the customers, then M2 merges into M1."""
    line = Line.at(tmp_path / "line", project)
    first_day(line)
    line.run(tests=False)

    write_link(line, "M2", "U1")
    line.ingest()
    line.build_part("+int_events__resolved")
    write_link(line, "M1", "M2")
    line.run()
    assert_equals_rebuild(line, tmp_path)


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


def test_random_days_equal_a_rebuild(tmp_path: Path, project: Path) -> None:
    """As-of dates between the events, so that some count later, or no more."""
    seed = random.randrange(1_000_000)
    print(f"days drawn with seed {seed}")
    draw = random.Random(seed)
    line = Line.at(tmp_path / "line", project)
    line.write("crm/members.csv", MEMBERS, *(f"M{n},H{n},,,,,,2026-05-01" for n in range(5)))
    as_of = ""
    for day in range(3):
        random_day(line, day, draw)
        line.ingest()
        as_of = f"2026-06-{draw.randrange(4, 9):02}"
        line.build(tests=False, as_of=as_of)
    rebuilt = line.copy_warehouse(tmp_path / "rebuilt")
    rebuilt.build("--full-refresh", tests=False, as_of=as_of)
    assert not differences(line.marts(), rebuilt.marts())


def assert_equals_rebuild(line: Line, folder: Path) -> None:
    rebuilt = line.copy_warehouse(folder / "rebuilt")
    rebuilt.build("--full-refresh", tests=False)
    assert not differences(line.marts(), rebuilt.marts())


def test_a_changed_seed_counts_for_rows_of_before(tmp_path: Path) -> None:
    """No row is new: another type of event, a blocked value, and links that merge no more."""
    project = copy_project(tmp_path / "project")
    line = Line.at(tmp_path / "line", project)
    first_day(line)
    line.run(tests=False)
    types = "select event_type, count(*) from marts.unified_events group by all order by all"
    before = line.query(types)

    for seed, old, new in (
        ("retail_non_product_codes", "stock_code,kind\n", "stock_code,kind\nK,a test\n"),
        ("id_blocklist", "*,exact,,empty\n", "*,exact,,empty\ndevice_id,exact,D1,a test\n"),
        ("id_types", "open_id,6,true,20,,0.95", "open_id,6,true,20,,0.5"),
    ):
        file = project / "seeds" / f"{seed}.csv"
        assert file.read_text().count(old) == 1
        file.write_text(file.read_text().replace(old, new))
    line.build()

    assert line.query(types) != before
    assert not line.query("from marts.id_map where id_value = 'D1'")
    # The device's row has a union id and an open id, whose link is weak now.
    assert line.query(
        "select count(distinct one_id) from marts.id_map where id_value in ('U1', 'O1')"
    ) == [(2,)]
    assert_equals_rebuild(line, tmp_path)


def test_a_clock_that_went_back_hides_no_change(tmp_path: Path, project: Path) -> None:
    line = Line.at(tmp_path / "line", project)
    first_day(line)
    line.run(tests=False)
    with duckdb.connect(str(line.project.warehouse.build_file)) as private:
        for table in ("int_events__resolved", "int_customers__activity"):
            private.execute(f"update intermediate.{table} set changed_at = '2099-01-01'")

    # One line leaves and one comes: only the stamp tells that the customer's events are others.
    path = line.data / "retail" / "day1.csv"
    path.write_text(
        path.read_text().replace(
            "500,K,k,1,2026-05-01 08:00:00,5", "500,K,k,1,2026-05-01 08:00:00,6"
        )
    )
    line.run()

    assert line.query(
        "select gross_revenue from marts.customer_profiles where retail_customer_id = '100'"
    ) == [(46,)]
