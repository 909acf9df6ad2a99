"""Customers and transactions of a shop: of each column, the latest `updated_at` wins.

A status changes with a later row of the transaction. What the shop deleted comes as one more row
with `is_deleted` true, as change data capture writes it; it may hold nothing but the key and the
time.
"""

from ...declaration import Column, Kind, OnRepeatedKey, TableSpec
from ...readers.files import Files
from ..source import Source

CUSTOMERS = TableSpec(
    source="shop",
    table="customers",
    columns=(
        Column("customer_id", Kind.CODE, required=True),
        Column("email_hash", Kind.EMAIL_HASH, aliases=("email", "email_address")),
        Column("mobile_hash", Kind.PHONE_HASH, aliases=("phone", "phone_number", "mobile")),
        Column("first_name"),
        Column("last_name"),
        Column("country"),
        # Shops write a date or a time.
        Column("signup_date", Kind.TIMESTAMP, is_past=True),
        Column("updated_at", Kind.TIMESTAMP, is_past=True),
        Column("is_deleted", Kind.BOOLEAN),
    ),
    key=("customer_id",),
    rule=OnRepeatedKey.NEWER_WINS,
    version="updated_at",
    deleted="is_deleted",
)

TRANSACTIONS = TableSpec(
    source="shop",
    table="transactions",
    columns=(
        Column("transaction_id", Kind.CODE, required=True),
        Column("customer_id", Kind.CODE),
        Column("product_id", Kind.CODE),
        Column("amount", Kind.MONEY, required=True),
        Column("transaction_date", Kind.TIMESTAMP, required=True, is_past=True),
        Column("status", required=True),
        Column("updated_at", Kind.TIMESTAMP, is_past=True),
        Column("is_deleted", Kind.BOOLEAN),
    ),
    key=("transaction_id",),
    rule=OnRepeatedKey.NEWER_WINS,
    version="updated_at",
    deleted="is_deleted",
)

SOURCE = Source("shop", (CUSTOMERS, TRANSACTIONS), Files())
