/* Flat messages: checked in one pass, in which the fields that are wanted are picked out. Beside events/codec.py.

   Plain is an object without a space whose values are numbers, strings without a backslash, true, false and null; one
   may be the levels of a book, which are checked and kept as they are. Everything else is handed back to msgspec. */

#include "pick.h"
#include "skip.h"

#include <math.h>

enum { MOST_FIELDS = 64 };

typedef struct {
    const char *name; /* of `key` */
    Py_ssize_t size;
    int kind;
    PyObject *key;
} Wanted;

typedef struct {
    PyObject_HEAD
    PyObject *message; /* the class of what is picked: its fields are those that are wanted */
    PyObject *numbers; /* makes exact ones; NULL: they are floats */
    PyObject *raw;     /* keeps levels */
    int count;
    Wanted wanted[MOST_FIELDS];
} Picker;

/* What a field is, by the names that codec.py gives. */
enum { NUMBER, INTEGER, TEXT, FLAG, LEVELS, KINDS };
static const char *const KIND_NAMES[KINDS] = {"number", "integer", "text", "flag", "levels"};

/* --- values; each returns a new reference, NULL with an exception, or without one if it is not plain */

static PyObject *
integer_of(const char *at, const char *end)
{
    int64_t value = 0;
    if (end - at > 18) {
        return NULL;
    }
    for (; at < end; at++) {
        if (*at < '0' || *at > '9') {
            return NULL;
        }
        value = value * 10 + (*at - '0');
    }
    return PyLong_FromLongLong(value);
}

static PyObject *
float_of(const char *at, const char *end)
{
    char *stopped;
    /* Behind it is a comma or a bracket, and bytes end with a 0. */
    const double value = PyOS_string_to_double(at, &stopped, NULL);
    if (value == -1.0 && PyErr_Occurred()) {
        return NULL;
    }
    if (stopped != end || !isfinite(value) || (value == 0.0 && *at == '-')) { /* msgspec's -0 has no sign, its -0.0 has */
        return NULL;
    }
    return PyFloat_FromDouble(value);
}

static PyObject *
levels_of(Picker *self, const char *at, const char *end)
{
    PyObject *array = PyBytes_FromStringAndSize(at, end - at);
    PyObject *levels = array == NULL ? NULL : PyObject_CallOneArg(self->raw, array);
    Py_XDECREF(array);
    return levels;
}

static PyObject *
word_of(char first, int kind)
{
    if (first == 'n') {
        return kind == LEVELS ? NULL : Py_NewRef(Py_None);
    }
    return kind == FLAG ? PyBool_FromLong(first == 't') : NULL;
}

static PyObject *
value_of(Picker *self, int kind, const char *at, const char *end)
{
    switch (*at) {
    case '"':
        return kind == TEXT ? PyUnicode_DecodeUTF8(at + 1, end - at - 2, NULL) : NULL;
    case '[':
        return kind == LEVELS ? levels_of(self, at, end) : NULL;
    case 't':
    case 'f':
    case 'n':
        return word_of(*at, kind);
    }
    if (kind == NUMBER) {
        return self->numbers != NULL ? number_of(self->numbers, at, end) : float_of(at, end);
    }
    return kind == INTEGER ? integer_of(at, end) : NULL;
}

/* --- a message */

/* Return which wanted field has a name, `next` most likely; `count` if none has. */
static int
wanted_of(const Picker *self, const char *name, Py_ssize_t size, int next)
{
    for (int turn = 0; turn < self->count; turn++) {
        const int index = next + turn < self->count ? next + turn : next + turn - self->count;
        const Wanted *const one = &self->wanted[index];
        if (one->size == size && *one->name == *name && memcmp(one->name, name, (size_t)size) == 0) {
            return index;
        }
    }
    return self->count;
}

/* Where a value of a message ends, which may be levels; NULL if it is not plain. */
static const char *
skip_value(const char *at, const char *end, unsigned char *seen)
{
    switch (*at) {
    case '"':
        at = skip_text(at + 1, end, seen);
        break;
    case '[':
        at = skip_levels(at + 1, end);
        break;
    case 't':
    case 'f':
    case 'n':
        return skip_word(at, end);
    case '-':
        return skip_number(at + 1, end);
    default:
        return skip_number(at, end);
    }
    return at == NULL ? NULL : at + 1;
}

/* Go through a message and put what is wanted of it into `found`. 1: it is plain. 0: not, or with an exception. */
static int
go_through(Picker *self, const char *at, const char *end, PyObject **found)
{
    const char *const first = at;
    unsigned char seen = 0;
    int next = 0;
    if (at == end || *at != '{') {
        return 0;
    }
    do {
        at++;
        if (at == end || *at++ != '"') {
            return 0;
        }
        const char *const name = at;
        at = skip_text(at, end, &seen);
        if (at == NULL || end - at < 3 || at[1] != ':') {
            return 0;
        }
        const int index = wanted_of(self, name, at - name, next);
        const char *const value = at + 2;
        at = skip_value(value, end, &seen);
        if (at == NULL || at == end) {
            return 0;
        }
        if (index < self->count) {
            if (found[index] != NULL) { /* the last one counts, msgspec says */
                return 0;
            }
            found[index] = value_of(self, self->wanted[index].kind, value, at);
            if (found[index] == NULL) {
                return 0;
            }
            next = index + 1;
        }
    } while (*at == ',');
    if (*at != '}' || at + 1 != end) {
        return 0;
    }
    if (seen & 0x80) {
        PyObject *text = PyUnicode_DecodeUTF8(first, end - first, NULL);
        if (text == NULL) {
            return 0;
        }
        Py_DECREF(text);
    }
    return 1;
}

PyObject *
pick(PyObject *op, PyObject *payload)
{
    Picker *const self = (Picker *)op;
    const char *const data = PyBytes_AS_STRING(payload);
    PyObject *found[MOST_FIELDS] = {NULL}, *values = NULL;
    int is_plain = go_through(self, data, data + PyBytes_GET_SIZE(payload), found);
    for (int index = 0; index < self->count; index++) {
        if (found[index] == NULL) {
            is_plain = is_plain && self->wanted[index].kind != LEVELS;
            found[index] = Py_NewRef(Py_None); /* absent and null mean the same */
        }
    }
    if (is_plain) {
        values = PyObject_Vectorcall(self->message, found, (size_t)self->count, NULL);
    }
    for (int index = 0; index < self->count; index++) {
        Py_DECREF(found[index]);
    }
    return values;
}

/* --- as Python has it */

PyDoc_STRVAR(picker_pick_doc,
"pick(payload, /)\n--\n\n"
"Check a message and return what is wanted of it, or None if it is not plain: somebody else is to look at it.");

static PyObject *
picker_pick(PyObject *self, PyObject *payload)
{
    if (!PyBytes_CheckExact(payload)) {
        PyErr_SetString(PyExc_TypeError, "pick(bytes)");
        return NULL;
    }
    PyObject *values = pick(self, payload);
    return values != NULL || PyErr_Occurred() ? values : Py_NewRef(Py_None);
}

/* Note one field: a pair of its name in a message and its kind. 0, or -1 and an exception. */
static int
want(Picker *self, PyObject *field)
{
    Wanted *const one = &self->wanted[self->count];
    const char *kind;
    if (!PyTuple_Check(field) || !PyArg_ParseTuple(field, "Ss:field", &one->key, &kind)) {
        if (!PyErr_Occurred()) {
            PyErr_SetString(PyExc_TypeError, "a field is a pair of its name and its kind");
        }
        return -1;
    }
    for (one->kind = 0; one->kind < KINDS && strcmp(kind, KIND_NAMES[one->kind]) != 0; one->kind++) {
    }
    if (one->kind == KINDS) {
        PyErr_Format(PyExc_ValueError, "there is no kind of field %R", PyTuple_GET_ITEM(field, 1));
        return -1;
    }
    Py_INCREF(one->key);
    one->name = PyBytes_AS_STRING(one->key);
    one->size = PyBytes_GET_SIZE(one->key);
    self->count++;
    return 0;
}

static PyObject *
picker_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *message, *fields, *numbers, *raw;
    if (kwargs != NULL && PyDict_GET_SIZE(kwargs) != 0) {
        PyErr_SetString(PyExc_TypeError, "Picker takes no keyword arguments");
        return NULL;
    }
    if (!PyArg_ParseTuple(args, "OO!OO:Picker", &message, &PyTuple_Type, &fields, &numbers, &raw)) {
        return NULL;
    }
    if (numbers != Py_None && !is_numbers(numbers)) {
        PyErr_SetString(PyExc_TypeError, "Picker takes Numbers, or None for floats");
        return NULL;
    }
    if (PyTuple_GET_SIZE(fields) > MOST_FIELDS) {
        PyErr_Format(PyExc_ValueError, "more than %d fields", MOST_FIELDS);
        return NULL;
    }
    Picker *self = (Picker *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    self->message = Py_NewRef(message);
    self->numbers = numbers == Py_None ? NULL : Py_NewRef(numbers);
    self->raw = Py_NewRef(raw);
    for (Py_ssize_t index = 0; index < PyTuple_GET_SIZE(fields); index++) {
        if (want(self, PyTuple_GET_ITEM(fields, index)) < 0) {
            Py_DECREF(self);
            return NULL;
        }
    }
    return (PyObject *)self;
}

static int
picker_traverse(PyObject *op, visitproc visit, void *arg)
{
    Picker *const self = (Picker *)op;
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(self->message);
    Py_VISIT(self->numbers);
    Py_VISIT(self->raw);
    return 0;
}

static void
picker_dealloc(PyObject *op)
{
    Picker *const self = (Picker *)op;
    PyTypeObject *const type = Py_TYPE(op);
    PyObject_GC_UnTrack(op);
    Py_XDECREF(self->message);
    Py_XDECREF(self->numbers);
    Py_XDECREF(self->raw);
    for (int index = 0; index < self->count; index++) {
        Py_XDECREF(self->wanted[index].key);
    }
    type->tp_free(op);
    Py_DECREF(type);
}

static PyMethodDef picker_methods[] = {
    {"pick", picker_pick, METH_O, picker_pick_doc},
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(picker_doc,
"Picker(message, fields, numbers, raw, /)\n--\n\n"
"Checks flat messages and picks fields out of them. `fields` are pairs: a name in the message, and a kind (\"number\",\n"
"\"integer\", \"text\", \"flag\", \"levels\"). `message` is called with their values, None for one that is absent.\n"
"`numbers` makes those that are exact, a Numbers; None: they are floats. `raw` keeps levels.");

static PyType_Slot picker_slots[] = {
    {Py_tp_doc, (void *)picker_doc},
    {Py_tp_new, picker_new},
    {Py_tp_dealloc, picker_dealloc},
    {Py_tp_traverse, picker_traverse},
    {Py_tp_methods, picker_methods},
    {0, NULL},
};

PyType_Spec picker_spec = {
    .name = "websocket_v6.protocol._fast.Picker",
    .basicsize = sizeof(Picker),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = picker_slots,
};

int
is_picker(PyObject *object)
{
    return Py_TYPE(object)->tp_dealloc == picker_dealloc;
}
