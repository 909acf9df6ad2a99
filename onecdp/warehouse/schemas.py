"""Schemas of the private file that are passed as values; SQL text names its schemas itself.

dbt_project.yml and the sources' YAML have the same names.
"""

RAW_PREFIX = "raw_"
"""A source's raw tables are in `raw_<source>`."""
RAW_ERASURE = "raw_erasure"
SEEDS = "seeds"
MARTS = "marts"
SNAPSHOTS = "snapshots"
AUDIT = "audit"
