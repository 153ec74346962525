"""A recording in place of the exchange: who reads it, who hands it out, and whose clock it moves."""
