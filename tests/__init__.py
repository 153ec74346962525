"""A package, because a library that tests compare with installs one of the same name: ours must be found first."""
