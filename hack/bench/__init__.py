"""`make bench`: what bartizan costs and how quick it is, measured on clusters of its own.

Nothing here is a test: a number that a busy machine makes worse is written down with the machine's load, not asserted. Each
bench returns tables with the method in words, so that somebody else can measure the same and compare.
"""
