"""Parts of the benchmarks of daily runs: running commands, days of new rows, scenarios, goals."""
