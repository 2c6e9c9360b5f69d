"""Workbooks by sheet, read by a process of its own with bounded memory."""
