"""JSON and NDJSON of any shape: records found by a compiled scanner, nested values as columns."""
