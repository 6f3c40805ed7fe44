"""flambeau."""
