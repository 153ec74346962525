"""What does something: actors, and the threads, sockets and files that they own. Installed as websocket_v6.actors."""

# Under another name every class would be there twice, and neither would know the other's instances.
if __name__ != "websocket_v6.actors":
    raise ImportError(f"{__name__} is a part of websocket_v6: import websocket_v6.actors instead", name=__name__)
