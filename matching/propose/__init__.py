"""propose: what the columns of delivered files may mean, with evidence and a grade; never applied by itself."""
