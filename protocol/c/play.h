/* What play.c goes by, and player.c makes. */

#ifndef WEBSOCKET_V6_PLAY_H
#define WEBSOCKET_V6_PLAY_H

#include "fast.h"

#define MOST_AT_ONCE 64  /* messages of one record that are looked at here */

enum { LAST, CALLBACK, MAILBOX, READY, UPDATE, IS_CLOSED, PASSED, MONO, IS_RECALLED, DONE, MESSAGES, GIVEN, MEMBERS };
enum { STREAMS, PAYLOADS, COUNTS, MONOS, EPOCHS, RECEIVED, COLUMNS };

typedef struct {
    PyObject_HEAD
    PyObject *loader;
    PyObject *members[MEMBERS];
    PyObject *event;            /* a class */
    Py_ssize_t small;           /* bytes */
    PyObject *tell_stage;       /* a name */
    PyObject *playing;          /* the class of what is played */
} Player;

typedef struct {
    PyObject_HEAD
    Player *player;
    PyObject *columns[COLUMNS]; /* lists, of Messages */
    PyObject *ways, *clock, *run;
    int64_t until_ns;
    Py_ssize_t turn, called;
    Py_ssize_t place, row;      /* of the record that is at hand, or comes next, and of its message */
    Py_ssize_t left;            /* messages of the record at hand, this one with them; -1: none is at hand */
    int is_running, is_over;
    int is_first;               /* nothing is made yet of that record, and `way` is that of its first message */
    Py_ssize_t done, messages, given;
    PyObject *stream, *payload, *received_ns, *epoch, *way, *message;  /* at hand */
    Py_ssize_t taker;           /* of that message, the next one */
} Playing;

/* Go on up to what is to be yielded. NULL: it is over, or there is an exception. */
PyObject *playing_next(PyObject *op);

#endif
