"""The order of the steps, retries, gates, the command line and the rehearsal generator."""
