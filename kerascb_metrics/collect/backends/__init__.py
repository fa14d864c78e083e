"""One file per backend. Each defines `BACKEND`, an object that implements the `Backend` Protocol."""
