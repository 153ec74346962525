"""The C module built with sanitizers, and the tests that reach it run against that: `make sanitize`."""
