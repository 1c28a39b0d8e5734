"""Those who can sign a workload certificate."""
