"""Type stubs and the operator reference page, written from the operator registry."""
