"""`make demo`: bartizan on a real cluster with the shop example, shown and checked.

Nothing is asserted in prose: each thing shown is probed, and the exit code says whether all of it was so.
"""
