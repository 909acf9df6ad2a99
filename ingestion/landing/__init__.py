"""The only entrance to the raw tables: places and their chunks in, rows of raw tables out.

The steps, each from named relations to named relations: `staging` (chunks as text), `checking`
(types; sound, bad and erased rows), `deduplicate` (what becomes of each sound row: by `merging`, or
for lines without a key by `invoice_lines`), `outputs` (what is written, and its balance). `land`
runs them, `stored` shows what the warehouse holds, and `resources` hands the result to dlt.
"""
