"""What of this directory is tested as it stands: the pages. The code that builds them needs Sphinx."""

collect_ignore = ["conf.py", "_ext"]
