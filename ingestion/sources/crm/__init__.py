"""Members of the CRM: one row per member; of each column, the latest `updated_at` wins.

A member that the CRM deleted comes as one more row of it with `is_deleted` true, in files that have
that column, as change data capture writes it. The row may hold nothing but the key and the time.
"""

from ...declaration import Column, Kind, OnRepeatedKey, TableSpec
from ...readers.files import Files
from ..source import Source

MEMBERS = TableSpec(
    source="crm",
    table="members",
    columns=(
        Column("member_id", Kind.CODE, required=True),
        Column("mobile_hash", Kind.PHONE_HASH, aliases=("mobile", "phone")),
        Column("email_hash", Kind.EMAIL_HASH, aliases=("email",)),
        Column("real_name"),
        Column("gender"),
        Column("birthday", Kind.DATE, is_past=True),
        Column("register_date", Kind.DATE, is_past=True),
        Column("channel"),
        Column("level"),
        Column("total_points", Kind.INTEGER),
        Column("retail_customer_id", Kind.CODE),
        Column("updated_at", Kind.TIMESTAMP, is_past=True),
        Column("is_deleted", Kind.BOOLEAN),
    ),
    key=("member_id",),
    rule=OnRepeatedKey.NEWER_WINS,
    version="updated_at",
    deleted="is_deleted",
)

SOURCE = Source("crm", (MEMBERS,), Files())
