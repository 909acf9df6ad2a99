"""Parts of the benchmark of identity quality."""
