/* The levels of an order book: beside events/levels.py. */

#include "books.h"

typedef struct {
    PyObject_HEAD
    Makers makers;
    PyObject *whole, *first;  /* dicts: the last book of each market of which all levels were read, or the first few */
    Py_ssize_t most;          /* of either */
} Levels;

PyDoc_STRVAR(levels_read_doc,
"read(data, is_full, most, market, /)\n--\n\n"
"Return the levels of an order book, `most` of them or, with -1, all, as a tuple of units; None if anything about them\n"
"is not plain: another order or spacing of keys, a side that is empty, null, a negative number, a string. What stood in\n"
"the last one that was read of this `market` is not made again.");

static PyObject *
levels_read(PyObject *op, PyObject *const *args, Py_ssize_t nargs)
{
    Levels *const self = (Levels *)op;
    if (nargs != 4) {
        PyErr_SetString(PyExc_TypeError, "read(data, is_full, most, market)");
        return NULL;
    }
    const int is_full = PyObject_IsTrue(args[1]);
    const Py_ssize_t most = PyLong_AsSsize_t(args[2]);
    if (is_full < 0 || (most == -1 && PyErr_Occurred())) {
        return NULL;
    }
    if (most == 0 || most < -1 || self->makers.unit == NULL) {  /* without a unit: the collector has been here */
        Py_RETURN_NONE;
    }
    Py_buffer view;
    if (PyObject_GetBuffer(args[0], &view, PyBUF_SIMPLE) < 0) {
        return NULL;
    }
    PyObject *holder, *units = NULL;
    const char *const text = view.buf;
    Book *const book = book_of(most == -1 ? self->whole : self->first, args[3], self->most, &holder);
    if (book != NULL && !book->is_used) {
        book->is_used = 1;
        units = read_book(&self->makers, text, text + view.len, is_full, most, book);
        book->is_used = 0;
    }
    Py_XDECREF(holder);
    PyBuffer_Release(&view);
    if (units == NULL && !PyErr_Occurred()) {
        Py_RETURN_NONE;
    }
    return units;
}

static PyObject *
levels_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *unit, *members[COLUMNS], *number, *spelled;
    Py_ssize_t most;
    if (kwargs != NULL && PyDict_GET_SIZE(kwargs) != 0) {
        PyErr_SetString(PyExc_TypeError, "Levels takes no keyword arguments");
        return NULL;
    }
    if (!PyArg_ParseTuple(args, "O(OOOO)OOn:Levels", &unit, &members[0], &members[1], &members[2], &members[3], &number,
                          &spelled, &most)) {
        return NULL;
    }
    for (int column = 0; column < COLUMNS; column++) {
        if (!is_member(members[column])) {
            PyErr_SetString(PyExc_TypeError, "Levels takes the members of a level's class");
            return NULL;
        }
    }
    Levels *self = (Levels *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    self->makers.unit = Py_NewRef(unit);
    for (int column = 0; column < COLUMNS; column++) {
        self->makers.members[column] = Py_NewRef(members[column]);
    }
    self->makers.number = Py_NewRef(number);
    self->makers.spelled = Py_NewRef(spelled);
    self->most = most;
    self->whole = PyDict_New();
    self->first = PyDict_New();
    if (self->whole == NULL || self->first == NULL) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

static int
levels_traverse(PyObject *op, visitproc visit, void *arg)
{
    Levels *const self = (Levels *)op;
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(self->makers.unit);
    Py_VISIT(self->makers.number);
    Py_VISIT(self->makers.spelled);
    for (int column = 0; column < COLUMNS; column++) {
        Py_VISIT(self->makers.members[column]);
    }
    Py_VISIT(self->whole);
    Py_VISIT(self->first);
    /* What holds a book is unknown to the collector, and nobody else's. */
    const int answer = books_visit(self->whole, visit, arg);
    return answer != 0 ? answer : books_visit(self->first, visit, arg);
}

static int
levels_clear(PyObject *op)
{
    Levels *const self = (Levels *)op;
    Py_CLEAR(self->makers.unit);
    Py_CLEAR(self->makers.number);
    Py_CLEAR(self->makers.spelled);
    for (int column = 0; column < COLUMNS; column++) {
        Py_CLEAR(self->makers.members[column]);
    }
    Py_CLEAR(self->whole);
    Py_CLEAR(self->first);
    return 0;
}

static void
levels_dealloc(PyObject *op)
{
    PyTypeObject *const type = Py_TYPE(op);
    PyObject_GC_UnTrack(op);
    levels_clear(op);
    type->tp_free(op);
    Py_DECREF(type);
}

static PyMethodDef levels_methods[] = {
    {"read", FAST(levels_read), METH_FASTCALL, levels_read_doc},
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(levels_doc,
"Levels(unit, members, number, spelled, most, /)\n--\n\n"
"Reads the levels of order books. Each is a `unit` of four numbers, whose `members` they are; a `number` is made of its\n"
"text, one that would be shown with an exponent is `spelled`. The last books of up to `most` markets are remembered.");

static PyType_Slot levels_slots[] = {
    {Py_tp_doc, (void *)levels_doc},
    {Py_tp_new, levels_new},
    {Py_tp_dealloc, levels_dealloc},
    {Py_tp_traverse, levels_traverse},
    {Py_tp_clear, levels_clear},
    {Py_tp_methods, levels_methods},
    {0, NULL},
};

PyType_Spec levels_spec = {
    .name = "websocket_v6.protocol._fast.Levels",
    .basicsize = sizeof(Levels),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = levels_slots,
};
