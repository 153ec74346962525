/* The router's loop over plain messages: beside actors/delivery/plain.py. */

#include "fast.h"

typedef struct {
    PyObject_HEAD
    PyObject *is_plain, *kind, *trades, *last, *takers;  /* members of a route */
    PyObject *pending;                            /* of a taker */
    PyObject *snapshot;                           /* what a snapshot's message holds */
    PyObject *append;                             /* a name */
} Plain;

/* Put `event` into what each of `takers` is to get. 0, or -1 and an exception. */
static int
give(Plain *self, PyObject *takers, PyObject *event, PyObject *touched)
{
    for (Py_ssize_t index = 0; index < PyTuple_GET_SIZE(takers); index++) {
        PyObject *const taker = PyTuple_GET_ITEM(takers, index);
        PyObject *pending = member(self->pending, taker);
        if (pending == NULL) {
            return -1;
        }
        int failed = 0;
        if (!PyList_CheckExact(pending)) {
            PyErr_SetString(PyExc_TypeError, "what is pending is no list");
            failed = 1;
        }
        else if (PyList_GET_SIZE(pending) == 0) {
            failed = PyList_Append(touched, taker);
        }
        failed = failed || PyList_Append(pending, event);
        Py_DECREF(pending);
        if (failed) {
            return -1;
        }
    }
    return 0;
}

/* Tell whether the next message of `route` is simply given to all its takers; -1 with an exception. */
static int
is_plain(Plain *self, PyObject *route, PyObject *trades, PyObject *payload)
{
    PyObject *flag = member(self->is_plain, route);
    if (flag == NULL) {
        return -1;
    }
    const int is_so = flag == Py_True;
    Py_DECREF(flag);
    if (is_so && trades != Py_None) {
        const int is_snapshot = PySequence_Contains(payload, self->snapshot);
        return is_snapshot < 0 ? -1 : !is_snapshot;
    }
    return is_so;
}

typedef struct {
    PyObject *routes, *received_at, *epoch, *touched;
    Py_ssize_t delivered;
} Delivering;

/* 1: the message is delivered. 0: it is not plain. -1: an exception. */
static int
deliver_one(Plain *self, PyObject *stream, PyObject *payload, Delivering *to)
{
    PyObject *const route = PyDict_GetItemWithError(to->routes, stream);
    if (route == NULL) {
        return PyErr_Occurred() ? -1 : 0;
    }
    int answer = -1;
    PyObject *kind = NULL, *event = NULL, *takers = NULL;
    Py_INCREF(route);
    PyObject *trades = member(self->trades, route);
    if (trades == NULL) {
        goto done;
    }
    answer = is_plain(self, route, trades, payload);
    if (answer <= 0) {
        goto done;
    }
    answer = -1;
    kind = member(self->kind, route);
    if (kind == NULL) {
        goto done;
    }
    if (!PyTuple_CheckExact(kind) || PyTuple_GET_SIZE(kind) != 3) {
        PyErr_SetString(PyExc_TypeError, "the kind of a route's events is no class, symbol and codec");
        goto done;
    }
    PyObject *const fields[6] = {stream,    PyTuple_GET_ITEM(kind, 1), to->received_at,
                                 to->epoch, payload,                   PyTuple_GET_ITEM(kind, 2)};
    event = PyObject_Vectorcall(PyTuple_GET_ITEM(kind, 0), fields, 6, NULL);
    if (event == NULL || set_member(self->last, route, event) < 0) {
        goto done;
    }
    if (trades != Py_None) {
        PyObject *appended = PyObject_CallMethodOneArg(trades, self->append, event);
        if (appended == NULL) {
            goto done;
        }
        Py_DECREF(appended);
    }
    takers = member(self->takers, route);
    if (takers == NULL) {
        goto done;
    }
    if (!PyTuple_CheckExact(takers)) {
        PyErr_SetString(PyExc_TypeError, "takers are no tuple");
        goto done;
    }
    if (give(self, takers, event, to->touched) == 0) {
        to->delivered += PyTuple_GET_SIZE(takers);
        answer = 1;
    }
done:
    Py_DECREF(route);
    Py_XDECREF(kind);
    Py_XDECREF(trades);
    Py_XDECREF(event);
    Py_XDECREF(takers);
    return answer;
}

PyDoc_STRVAR(plain_deliver_doc,
"deliver(streams, payloads, start, routes, received_at, epoch, touched, /)\n--\n\n"
"Make the events of a batch from `start` on and put them into what their takers are to get, up to the first that is not\n"
"plain: without a route, or one of a route that is not. Return its index and how often one was given to a taker.");

static PyObject *
plain_deliver(PyObject *op, PyObject *const *args, Py_ssize_t nargs)
{
    Plain *const self = (Plain *)op;
    if (nargs != 7 || !PyList_CheckExact(args[0]) || !PyList_CheckExact(args[1]) || !PyDict_CheckExact(args[3]) ||
        !PyList_CheckExact(args[6])) {
        PyErr_SetString(PyExc_TypeError, "deliver(list, list, int, dict, int, int, list)");
        return NULL;
    }
    Py_ssize_t index = PyLong_AsSsize_t(args[2]);
    if (index == -1 && PyErr_Occurred()) {
        return NULL;
    }
    if (index < 0) {
        PyErr_SetString(PyExc_ValueError, "start is below 0");
        return NULL;
    }
    Delivering to = {args[3], args[4], args[5], args[6], 0};
    /* The sizes are asked for each time: what runs here may be Python, in the end. */
    for (; index < PyList_GET_SIZE(args[0]) && index < PyList_GET_SIZE(args[1]); index++) {
        PyObject *stream = Py_NewRef(PyList_GET_ITEM(args[0], index));
        PyObject *payload = Py_NewRef(PyList_GET_ITEM(args[1], index));
        const int is_done = deliver_one(self, stream, payload, &to);
        Py_DECREF(stream);
        Py_DECREF(payload);
        if (is_done < 0) {
            return NULL;
        }
        if (!is_done) {
            break;
        }
    }
    return Py_BuildValue("(nn)", index, to.delivered);
}

static PyObject *
plain_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *given[7];
    if (kwargs != NULL && PyDict_GET_SIZE(kwargs) != 0) {
        PyErr_SetString(PyExc_TypeError, "Plain takes no keyword arguments");
        return NULL;
    }
    if (!PyArg_ParseTuple(args, "(OOOOOO)S:Plain", &given[0], &given[1], &given[2], &given[3], &given[4], &given[5],
                          &given[6])) {
        return NULL;
    }
    for (int index = 0; index < 6; index++) {
        if (!is_member(given[index])) {
            PyErr_SetString(PyExc_TypeError, "Plain takes the members of a route's and a taker's class first");
            return NULL;
        }
    }
    Plain *self = (Plain *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    self->is_plain = Py_NewRef(given[0]);
    self->kind = Py_NewRef(given[1]);
    self->trades = Py_NewRef(given[2]);
    self->last = Py_NewRef(given[3]);
    self->takers = Py_NewRef(given[4]);
    self->pending = Py_NewRef(given[5]);
    self->snapshot = Py_NewRef(given[6]);
    self->append = PyUnicode_InternFromString("append");
    if (self->append == NULL) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

static int
plain_traverse(PyObject *op, visitproc visit, void *arg)
{
    Plain *const self = (Plain *)op;
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(self->is_plain);
    Py_VISIT(self->kind);
    Py_VISIT(self->trades);
    Py_VISIT(self->last);
    Py_VISIT(self->takers);
    Py_VISIT(self->pending);
    return 0;
}

static void
plain_dealloc(PyObject *op)
{
    Plain *const self = (Plain *)op;
    PyTypeObject *const type = Py_TYPE(op);
    PyObject_GC_UnTrack(op);
    Py_XDECREF(self->is_plain);
    Py_XDECREF(self->kind);
    Py_XDECREF(self->trades);
    Py_XDECREF(self->last);
    Py_XDECREF(self->takers);
    Py_XDECREF(self->pending);
    Py_XDECREF(self->snapshot);
    Py_XDECREF(self->append);
    type->tp_free(op);
    Py_DECREF(type);
}

static PyMethodDef plain_methods[] = {
    {"deliver", FAST(plain_deliver), METH_FASTCALL, plain_deliver_doc},
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(plain_doc,
"Plain(members, snapshot, /)\n--\n\n"
"The router's loop over plain messages. `members` are those of a route's class: is_plain, kind, trades, last and takers;\n"
"and of a taker's: pending. A message of trades that holds `snapshot` is not plain.");

static PyType_Slot plain_slots[] = {
    {Py_tp_doc, (void *)plain_doc},
    {Py_tp_new, plain_new},
    {Py_tp_dealloc, plain_dealloc},
    {Py_tp_traverse, plain_traverse},
    {Py_tp_methods, plain_methods},
    {0, NULL},
};

PyType_Spec plain_spec = {
    .name = "websocket_v6.protocol._fast.Plain",
    .basicsize = sizeof(Plain),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = plain_slots,
};
