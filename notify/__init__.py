"""What is owed to whom by when, and the notices: counts, duties, packets, notices, batches, report."""
