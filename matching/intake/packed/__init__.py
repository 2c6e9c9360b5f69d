"""Archives and compressed files as streams: what is in them, its bytes, their damage, and the caps."""
