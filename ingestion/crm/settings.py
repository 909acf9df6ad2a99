"""Members of the CRM: one row per member, the latest `updated_at` wins."""

from ingestion.files.spec import Column, Kind, Rule, TableSpec

MEMBERS = TableSpec(
    source="crm",
    table="members",
    columns=(
        Column("member_id", Kind.CODE, required=True),
        Column("mobile_hash"),
        Column("email_hash"),
        Column("real_name"),
        Column("gender"),
        Column("birthday", Kind.DATE),
        Column("register_date", Kind.DATE),
        Column("channel"),
        Column("level"),
        Column("total_points", Kind.INTEGER),
        Column("retail_customer_id", Kind.CODE),
        Column("updated_at", Kind.TIMESTAMP),
    ),
    key=("member_id",),
    rule=Rule.NEWER_WINS,
    version="updated_at",
)
