"""What may be asked: rows, pages, the query language, cursors. Pure; refuses to know where rows are stored."""
