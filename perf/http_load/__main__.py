"""``python -m perf.http_load``: see :mod:`perf.http_load.run`."""

from perf.http_load.run import main

if __name__ == "__main__":
    main()
