/* Picks wanted fields out of flat messages (pick.c), and makes their numbers (numbers.c). */

#ifndef WEBSOCKET_V6_PICK_H
#define WEBSOCKET_V6_PICK_H

#include "fast.h"

/* Whether an object is a Picker. */
int is_picker(PyObject *object);
/* Do what `Picker.pick` does with bytes: a new reference; NULL with an exception, or without one if the message is not
   plain. */
PyObject *pick(PyObject *picker, PyObject *payload);

/* Whether an object is a Numbers. */
int is_numbers(PyObject *object);
/* Return the exact number of a text of JSON, which ends at `end`: a new reference; NULL with an exception. */
PyObject *number_of(PyObject *numbers, const char *at, const char *end);

#endif
