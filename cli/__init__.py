"""The command line: ``limner serve``, ``enhance``, ``export``, ``models``, ``weights``, ``doctor``."""
