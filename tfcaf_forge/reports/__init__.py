"""Reports: a run's records as plain data, and that data as JSON, as one HTML file, and as terminal rows.

Reads records and writes none; knows neither the disk nor torch nor the network. The words of the terminal and of
the report are the same because both come from `words` and `terminal`.
"""
