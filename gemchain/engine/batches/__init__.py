"""What a stage needs around a batch: its input file, leases, and providers that are out."""
