"""From a source to a mailbox: batches, mailbox policies and their stores, sources made one, trades that wait."""
