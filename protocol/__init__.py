"""What is decided: bytes and times in, values and bytes out. Installed as websocket_v6.protocol."""

# Under another name every class would be there twice, and neither would know the other's instances.
if __name__ != "websocket_v6.protocol":
    raise ImportError(f"{__name__} is a part of websocket_v6: import websocket_v6.protocol instead", name=__name__)
