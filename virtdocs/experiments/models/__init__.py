"""From counts and costs to ratios, rates and latencies: one model a file."""
