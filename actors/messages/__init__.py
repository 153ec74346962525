"""What the actors of one engine tell each other, a file for each recipient.

Each name says what is wanted or what happened. A message is a `Message` of msgpack values, so that it reads the same
on either side of a socket. The exceptions are marked `live`: a mailbox or a credit queue is how two threads meet, an
error goes to user code, a ref answers; these never leave their process.
"""
