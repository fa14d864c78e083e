"""Show: tables, plots and the report page of what was recorded."""
