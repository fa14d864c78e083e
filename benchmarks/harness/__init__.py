"""How things are measured: processes, interleaved timing, peak memory, the table and the files of results."""
