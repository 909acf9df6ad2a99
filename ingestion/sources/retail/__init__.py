"""Lines of Online Retail II (CSV, Parquet, or the workbook as UCI ships it).

An invoice is a document: the newest load that names it states all of its lines. The lines have no
key and thousands of exact duplicates, all of them real. A line is known by its content and by which
of the equal lines of its file (or sheet) it is: the third equal line of a file is the third equal
line of any other file that overlaps it. So overlapping files and sheets change nothing, and an
invoice may be split over two files of a load, except between equal lines: the part of them in the
second file would count as an overlap.

Dates of every source are ISO 8601 (`2010-12-01`, `2010-12-01 08:26`, `2010-12-01T08:26:00+08:00`;
UTC where no zone is given) or month first (`12/1/2010 8:26`). A file with a slash date whose first
part is above 12 is refused as a whole, since its other dates would be read wrong in silence.

A load says nothing about invoices that it does not name; `--withdraw-missing` withdraws those that
no file names any more.
"""

from ...declaration import Column, Kind, OnRepeatedKey, TableSpec
from ...readers.files import Files
from ..source import Source

TRANSACTIONS = TableSpec(
    source="retail",
    table="transactions",
    columns=(
        Column("invoice", Kind.CODE, required=True, aliases=("invoice_no",)),
        Column("stock_code", Kind.CODE, required=True),
        Column("description"),
        Column("quantity", Kind.INTEGER, required=True),
        Column("invoice_date", Kind.TIMESTAMP, required=True, is_past=True),
        Column("price", Kind.MONEY, required=True, aliases=("unit_price",)),
        Column("customer_id", Kind.CODE),
        Column("country"),
    ),
    key=("invoice", "line_number"),
    rule=OnRepeatedKey.COUNTED_LINES,
    group="invoice",
    amount=("quantity", "price"),
)

SOURCE = Source("retail", (TRANSACTIONS,), Files(excel=True))
