"""One file per backend, each with the functions that `collect/backend.py` names."""
