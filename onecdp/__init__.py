"""onecdp: an open customer data platform that one person can run.

This package is the wrapper around the dbt project: the command line, the identity and audience
kernels that the Python models call, and publishing. It never imports dlt; what is loaded is the
project's own `ingestion/` folder.
"""

__version__ = "0.1.0"
