"""What the exchange says and hears: streams, codes, wants, requests, heads of messages, errors, identities, tokens."""
