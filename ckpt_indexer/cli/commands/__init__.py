"""One command per module. Each is imported when it is used, and calls itself `command`."""
