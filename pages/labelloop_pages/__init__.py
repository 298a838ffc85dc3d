"""Charts, pages and pictures that the command line, the demo and the benchmarks share."""
