"""The reconciling process: queue, observe, plan, apply."""
