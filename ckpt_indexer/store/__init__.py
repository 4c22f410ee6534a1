"""Rows: tables, migrations, the writer, and every line of SQL. Refuses to know files."""
