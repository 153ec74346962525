/* What costs most of the way of a message, in C: optional, and never a second place for a rule.

   Each function does the common case of one loop of the Python beside it, and hands what is not plain back to that loop:
   an index, None or False says "go on yourself". So errors are Python's alone, and what Python refuses is refused with
   this as well. `protocol/fast.py` says whether it is there; WEBSOCKET_V6_PURE=1 does without.

   Bytes come from outside, so every read is bounded by the end of its buffer. Nothing here keeps what it borrowed over a
   call that may run Python. */

#ifndef WEBSOCKET_V6_FAST_H
#define WEBSOCKET_V6_FAST_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdint.h>
#include <string.h>

/* scan.c: frames, and streams by the heads of their messages */
extern PyMethodDef scan_methods[];
/* rows.c: the messages of a recording */
extern PyMethodDef rows_methods[];
/* levels.c, with reading.c and books.c: the levels of an order book */
extern PyType_Spec levels_spec;
/* loader.c: events, from their bytes to a callback */
extern PyType_Spec loader_spec;
/* pick.c and numbers.c: fields of flat messages */
extern PyType_Spec picker_spec;
extern PyType_Spec numbers_spec;
/* decoded.c: fields as attributes */
extern PyType_Spec decoded_spec;
/* plain.c: the router's loop */
extern PyType_Spec plain_spec;
/* player.c and play.c: the records of a replay */
extern PyType_Spec player_spec;
extern PyType_Spec playing_spec;

/* Whether an object is a Loader. */
int is_loader(PyObject *object);
/* Do what `Loader.load` does. 1: it is done. 0: not. -1: an exception that ends more than this message. */
int load_event(PyObject *loader, PyObject *event);
/* The exception that is set, as an object; it is no longer set. */
PyObject *taken_exception(void);

/* A function of METH_FASTCALL as PyMethodDef wants it. */
#define FAST(function) ((PyCFunction)(void (*)(void))(function))

/* Whether `descriptor` is that of a slot: then it runs no Python. */
static inline int
is_member(PyObject *descriptor)
{
    return Py_IS_TYPE(descriptor, &PyMemberDescr_Type);
}

/* Return the value that a slot has for `object`: a new reference. */
static inline PyObject *
member(PyObject *descriptor, PyObject *object)
{
    return Py_TYPE(descriptor)->tp_descr_get(descriptor, object, (PyObject *)Py_TYPE(object));
}

static inline int
set_member(PyObject *descriptor, PyObject *object, PyObject *value)
{
    return Py_TYPE(descriptor)->tp_descr_set(descriptor, object, value);
}

#endif
