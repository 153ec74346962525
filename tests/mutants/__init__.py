"""Mutation testing of protocol/, `make mutants`."""
