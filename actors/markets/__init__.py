"""The exchange's list of markets, asked for over REST and brought as a stream."""
