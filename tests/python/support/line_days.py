"""A few days of all sources: what `test_line_incremental` builds, day by day."""

from __future__ import annotations

from datetime import date

from support.guide import differing_columns
from support.line import Line

MEMBERS = (
    "member_id,mobile_hash,email_hash,register_date,channel,level,retail_customer_id,updated_at"
)
EVENTS = "event_id,device_id,union_id,open_id,event_type,item_id,item_price,channel,event_time"
LINKS = (
    "left_id_type,left_id_value,right_id_type,right_id_value,source_channel,confidence,"
    "first_seen,last_seen,is_active"
)
CUSTOMERS = "customer_id,email,country,signup_date,updated_at,is_deleted"
SALES = "transaction_id,customer_id,product_id,amount,transaction_date,status,updated_at,is_deleted"
VIEWS = "event_id,customer_id,anonymous_id,event_type,event_time"
MAILS = "event_id,event_type,email,campaign_id,event_time"
CHOICES = "id_type,id_value,purpose,status,event_time"
TICKETS = "ticket_id,customer_id,requester_email,status,created_at,updated_at,solved_at"
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
        "e0,D8,,,purchase,SKU1,5,app,1997-01-01 09:00:00",
    )
    line.write(
        "app/pages1.csv",
        PAGES,
        "p1,D1,U1,page_view,home,,site,2026-05-01 23:30:00,",
        "p2,D1,U1,page_view,shoes,,site,2026-05-02 00:20:00,",
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

    line.write(
        "shop/customers/day1.csv",
        CUSTOMERS,
        "C1,E1,FR,2024-06-01,2026-05-01 10:00:00,",
        "C2,,ES,2026-04-01,2026-05-01 10:00:00,",
        "C3,E3,DE,2026-04-01,2026-05-01 10:00:00,",
    )
    line.write(
        "shop/transactions/day1.csv",
        SALES,
        "T1,C1,P1,30,2026-05-01 09:00:00,completed,2026-05-01 09:00:00,",
        "T2,C2,P1,20,2026-05-01 09:30:00,pending,2026-05-01 09:30:00,",
        "T3,C3,P2,7,2026-05-01 10:00:00,completed,2026-05-01 10:00:00,",
        "T4,,P2,8,2026-05-01 10:00:00,completed,2026-05-01 10:00:00,",
        "T6,,P2,8,2026-05-01 10:00:00,completed,2026-05-01 10:00:00,",
    )
    line.write(
        "web/2026-05-01/a.csv",
        VIEWS,
        "W1,C1,B1,page_view,2026-05-01 08:00:00",
        "W2,,B2,page_view,2026-05-01 08:00:00",
    )
    line.write(
        "email/day1.csv",
        MAILS,
        "1,sent,E1,spring,2026-05-01 07:00:00",
        "2,sent,E8,spring,2026-05-01 07:00:00",
    )
    line.write("support/day1.csv", TICKETS, "1,C2,E2,open,2026-05-01 11:00:00,2026-05-01 11:00:00,")
    line.write(
        "consents/day1.csv",
        CHOICES,
        "email_hash,E1,news,granted,2026-05-01 07:00:00",
        "union_id,U1,news,withdrawn,2026-05-01 08:00:00",
        "union_id,U2,news,granted,2026-05-01 07:00:00",
    )


def second_day(line: Line) -> None:
    """A link merges M1 with U1; late and returned things arrive; D3 turns out to be U3's.

    In the shop statuses change, of nobody's order T6, too, and B2 turns out to be C2's. A late page
    of U1 makes one session of two; U2's session goes on.
    """
    line.write(
        "app/pages2.csv",
        PAGES,
        "p4,D1,U1,page_view,hats,,site,2026-05-01 23:55:00,",
        "p5,D2,U2,purchase,basket,20,app,2026-05-02 00:30:00,s1",
    )
    line.write(
        "shop/transactions/day2.csv",
        SALES,
        "T1,C1,P1,30,2026-05-01 09:00:00,refunded,2026-05-02 09:00:00,",
        "T2,C2,P1,20,2026-05-01 09:30:00,completed,2026-05-02 09:30:00,",
        "T6,,P2,8,2026-05-01 10:00:00,refunded,2026-05-02 10:00:00,",
    )
    line.write("web/2026-05-02/a.csv", VIEWS, "W3,C2,B2,add_cart,2026-04-01 08:00:00")
    line.write("consents/day2.csv", CHOICES, "union_id,U2,news,withdrawn,2026-05-02 07:00:00")
    line.write("email/day2.csv", MAILS, "3,click,E8,spring,2026-05-02 07:00:00")
    line.write(
        "support/day2.csv",
        TICKETS,
        "1,C2,,solved,2026-05-01 11:00:00,2026-05-02 11:00:00,2026-05-02 10:00:00",
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
    """The link is taken back; a file is corrected; the CRM learns M2's shop number; e8 is U9's.

    The shop deletes C3 and T3, and the ticket is open again.
    """
    line.write(
        "shop/customers/day3.csv",
        "customer_id,updated_at,is_deleted",
        "C3,2026-05-03 10:00:00,true",
    )
    line.write("shop/transactions/day3.csv", "transaction_id,is_deleted", "T3,true")
    line.write("support/day3.csv", TICKETS, "1,C2,,open,2026-05-01 11:00:00,2026-05-03 11:00:00,")
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
    """A customer's invoices turn out to be another's: the customer never bought.

    C3 is there again, with a sale; C2 has E8; T4 was C1's, and invoice 504 is no longer nobody's.
    """
    line.write(
        "shop/customers/day4.csv",
        CUSTOMERS,
        "C3,E3,DE,2026-04-01,2026-05-04 10:00:00,false",
        "C2,E8,ES,2026-04-01,2026-05-04 10:00:00,",
    )
    line.write(
        "shop/transactions/day4.csv",
        SALES,
        "T4,C1,P2,8,2026-05-01 10:00:00,completed,2026-05-04 10:00:00,",
        "T5,C3,P2,9,2026-05-04 10:00:00,completed,2026-05-04 10:00:00,",
    )
    line.write(
        "retail/day4.csv",
        RETAIL,
        "501,A,a,1,2026-05-01 09:00:00,10,300.0,Spain",
        "C503,A,a,-1,2026-05-02 08:00:00,10,300.0,Spain",
        "504,A,a,1,2026-05-02 08:00:00,10,300.0,Spain",
    )


def write_link(line: Line, left: str, right: str, is_active: bool = True) -> None:
    """A link between two members (M…) or union ids (U…), in a file of its own."""
    types = {"M": "member_id", "U": "union_id"}
    line.write(
        f"id_graph/{left}_{right}.csv",
        LINKS,
        f"{types[left[0]]},{left},{types[right[0]]},{right},app,0.9,2026-05-02,2026-05-02,"
        f"{is_active}",
    )


# Of M2: the shop's C2 on the first day alone, and retail's 200 on the third.
GOLDEN = {
    1: [
        "country: ES of shop C2",
        "email: e2 of crm M2, e2 of id_map email_hash:e2",
        "signup_date: 2026-04-01 of shop C2, 2024-01-02 of crm M2",
    ],
    2: ["email: e2 of crm M2, e2 of id_map email_hash:e2", "signup_date: 2024-01-02 of crm M2"],
    3: [
        "country: Spain of retail retail:C503:1",
        "email: e2 of crm M2, e2 of id_map email_hash:e2",
        "signup_date: 2024-01-02 of crm M2",
    ],
}
GOLDEN[4] = GOLDEN[2]


def assert_profiles(line: Line, day: int) -> None:
    """The guide's query gives the same profiles, and M2's values come from where they should."""
    assert differing_columns(line.project.warehouse.build_file, date(2026, 6, 6)) == {}
    candidates = line.query(
        "select attribute || ': ' || string_agg(value || ' of ' || source || ' ' || source_row,"
        " ', ' order by candidate_rank) from marts.customer_attribute_sources"
        " where attribute in ('country', 'email', 'signup_date') and one_id ="
        " (select one_id from marts.id_map where id_type = 'member_id' and id_value = 'M2')"
        " group by attribute order by attribute"
    )
    assert [row[0] for row in candidates] == GOLDEN[day]
