"""Where the columns of app events stand in the messages of the Segment protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

DEFAULT_COLUMNS: Mapping[str, Sequence[tuple[str, ...]]] = {
    column: tuple(tuple(path.split(".")) for path in paths)
    for column, paths in {
        "union_id": ["context.union_id", "properties.union_id"],
        "open_id": ["context.open_id", "properties.open_id"],
        "page_name": ["properties.path", "context.page.path"],
        "item_id": ["properties.product_id", "properties.item_id", "properties.sku"],
        "item_price": [
            "properties.price", "properties.item_price", "properties.revenue", "properties.total",
        ],
        "channel": ["properties.channel"],
        "platform": [
            "properties.platform", "context.os.name", "context.device.type", "context.library.name",
        ],
        "session_id": ["properties.session_id", "context.sessionId"],
    }.items()
}  # fmt: skip
"""The first path with a value counts. A page's or screen's name goes before `page_name`."""

OWN_COLUMNS = frozenset(
    {"event_id", "event_type", "event_name", "event_time", "violation", "received_at"}
)
"""Columns that no setting can fill."""

# The names of Segment's e-commerce events, and what the models call them.
DEFAULT_EVENT_TYPES: Mapping[str, str] = {
    "Order Completed": "purchase",
    "Order Refunded": "refund",
    "Product Added": "add_cart",
    "Product Viewed": "product_view",
}
