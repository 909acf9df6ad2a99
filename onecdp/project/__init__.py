"""The dbt project on disk: find it, make a new one, run dbt in it, check its seeds."""
