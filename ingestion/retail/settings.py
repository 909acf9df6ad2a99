"""Lines of Online Retail II (CSV, Parquet, or the workbook as UCI ships it).

The lines have no key and thousands of exact duplicates, all of them real. A line is known by its
content and by which of the equal lines of its file (or sheet) it is: the third equal line of a
file is the third equal line of any other file that overlaps it. So overlapping files and sheets
change nothing, and an invoice may be split over two files, except between equal lines: the
part of them in the second file would be taken for an overlap.
"""

from ingestion.files.spec import Column, Kind, Rule, TableSpec

TRANSACTIONS = TableSpec(
    source="retail",
    table="transactions",
    columns=(
        Column("invoice", Kind.CODE, required=True, aliases=("invoice_no",)),
        Column("stock_code", Kind.CODE, required=True),
        Column("description"),
        Column("quantity", Kind.INTEGER, required=True),
        Column("invoice_date", Kind.TIMESTAMP, required=True),
        Column("price", Kind.MONEY, required=True, aliases=("unit_price",)),
        Column("customer_id", Kind.CODE),
        Column("country"),
    ),
    key=("invoice", "line_number"),
    rule=Rule.COUNTED_LINES,
    group="invoice",
    excel=True,
)
