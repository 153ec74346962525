"""The door of a host: takes in clients, reads them, and sends them what the router brings."""
