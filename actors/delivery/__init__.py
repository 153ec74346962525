"""From a source to a callback: the router, mailboxes, the component's thread."""
