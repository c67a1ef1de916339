"""Users of the HTTP gateway, played by locust: a ramp to 100 of them, photos of mixed sizes, none lost.

python -m perf.http_load [--users 100] [--ramp 60] [--seconds 120] [--store memory]
"""
