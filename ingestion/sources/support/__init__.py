"""Tickets of a help desk: of each column, the latest `updated_at` wins.

People write anything into a ticket. So what is not declared here is left out while reading, such as
the subject, unless the setting `columns` names it (docs/sources.md).
"""

from ...declaration import Column, Kind, OnRepeatedKey, TableSpec
from ...readers.files import Files
from ..source import Source

TICKETS = TableSpec(
    source="support",
    table="tickets",
    columns=(
        Column("ticket_id", Kind.CODE, required=True),
        Column("customer_id", Kind.CODE),
        Column(
            "email_hash", Kind.EMAIL_HASH, aliases=("requester_email", "email", "email_address")
        ),
        Column(
            "mobile_hash", Kind.PHONE_HASH, aliases=("requester_phone", "phone", "phone_number")
        ),
        Column("status"),
        Column("priority"),
        Column("created_at", Kind.TIMESTAMP, is_past=True),
        Column("updated_at", Kind.TIMESTAMP, is_past=True),
        Column("solved_at", Kind.TIMESTAMP, is_past=True),
        Column("is_deleted", Kind.BOOLEAN),
    ),
    key=("ticket_id",),
    rule=OnRepeatedKey.NEWER_WINS,
    version="updated_at",
    deleted="is_deleted",
    keeps_undeclared=False,
)

SOURCE = Source("support", (TICKETS,), Files())
