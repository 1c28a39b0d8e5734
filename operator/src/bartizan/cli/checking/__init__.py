"""The parts of `bartizan check`: reading and judging, and one file per form in which findings are told."""
