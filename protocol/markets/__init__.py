"""The exchange's list of markets: when it is asked for, and what an answer means."""
