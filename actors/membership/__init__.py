"""This process's place among those of the user."""
