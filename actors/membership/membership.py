from websocket_v6.actors.base import Actor


class Membership(Actor):
    pass
