/* Exact numbers by their text. Prices come again and again: one that was made lately is not made anew. */

#include "pick.h"

enum { SPELLING = 23, SLOTS = 1024 }; /* 32 KiB of slots, and at most as many numbers */

typedef struct {
    PyObject *number; /* NULL: none yet */
    unsigned char size;
    char text[SPELLING];
} Slot;

typedef struct {
    PyObject_HEAD
    PyObject *exact;   /* makes a number of its text */
    PyObject *spelled; /* makes one that Decimal may show with an exponent */
    Slot slots[SLOTS];
} Numbers;

/* Whether Decimal shows a number of JSON in plain digits, by its spelling: of some that it does this is not told. */
static int
is_shown_plain(const char *at, const char *end)
{
    at += *at == '-';
    const char *exponent = memchr(at, 'E', (size_t)(end - at));
    if (exponent == NULL) {
        exponent = memchr(at, 'e', (size_t)(end - at));
    }
    if (exponent != NULL) { /* not below 0.000001, and no larger than its digits */
        return *at != '0' && end - exponent == 3 && exponent[1] == '-' && exponent[2] >= '1' && exponent[2] <= '6';
    }
    return end - at < 9 || memcmp(at, "0.000000", 8) != 0; /* 0.000000 itself is shown so */
}

static PyObject *
make(Numbers *self, const char *at, const char *end)
{
    PyObject *text = PyUnicode_New(end - at, 127);
    if (text == NULL) {
        return NULL;
    }
    memcpy(PyUnicode_1BYTE_DATA(text), at, (size_t)(end - at));
    PyObject *number = PyObject_CallOneArg(is_shown_plain(at, end) ? self->exact : self->spelled, text);
    Py_DECREF(text);
    return number;
}

/* Return the slot of a text that is not longer than SPELLING. */
static Slot *
slot_of(Numbers *self, const char *at, Py_ssize_t size)
{
    uint64_t hash = (uint64_t)size;
    for (; size >= 8; size -= 8, at += 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    }
    uint64_t rest = 0;
    for (; size > 0; size--) {
        rest = rest << 8 | (unsigned char)*at++;
    }
    hash = (hash ^ rest) * UINT64_C(0x9e3779b97f4a7c15);
    return &self->slots[hash >> 54];
}

PyObject *
number_of(PyObject *op, const char *at, const char *end)
{
    Numbers *const self = (Numbers *)op;
    const Py_ssize_t size = end - at;
    if (size > SPELLING) {
        return make(self, at, end);
    }
    Slot *const slot = slot_of(self, at, size);
    if (slot->number != NULL && slot->size == size && memcmp(slot->text, at, (size_t)size) == 0) {
        return Py_NewRef(slot->number);
    }
    PyObject *number = make(self, at, end); /* may run Python, which may come here as well */
    if (number != NULL) {
        slot->size = (unsigned char)size;
        memcpy(slot->text, at, (size_t)size);
        Py_XSETREF(slot->number, Py_NewRef(number));
    }
    return number;
}

static PyObject *
numbers_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *exact, *spelled;
    if (kwargs != NULL && PyDict_GET_SIZE(kwargs) != 0) {
        PyErr_SetString(PyExc_TypeError, "Numbers takes no keyword arguments");
        return NULL;
    }
    if (!PyArg_ParseTuple(args, "OO:Numbers", &exact, &spelled)) {
        return NULL;
    }
    Numbers *self = (Numbers *)type->tp_alloc(type, 0);
    if (self != NULL) {
        self->exact = Py_NewRef(exact);
        self->spelled = Py_NewRef(spelled);
    }
    return (PyObject *)self;
}

static int
numbers_traverse(PyObject *op, visitproc visit, void *arg)
{
    Numbers *const self = (Numbers *)op;
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(self->exact);
    Py_VISIT(self->spelled);
    return 0;
}

static void
numbers_dealloc(PyObject *op)
{
    Numbers *const self = (Numbers *)op;
    PyTypeObject *const type = Py_TYPE(op);
    PyObject_GC_UnTrack(op);
    Py_XDECREF(self->exact);
    Py_XDECREF(self->spelled);
    for (int index = 0; index < SLOTS; index++) {
        Py_XDECREF(self->slots[index].number);
    }
    type->tp_free(op);
    Py_DECREF(type);
}

PyDoc_STRVAR(numbers_doc,
"Numbers(exact, spelled, /)\n--\n\n"
"Makes numbers of their texts, and remembers those made lately. `exact` makes a Decimal, `spelled` one that shows itself\n"
"in plain digits where Decimal would not.");

static PyType_Slot numbers_slots[] = {
    {Py_tp_doc, (void *)numbers_doc},
    {Py_tp_new, numbers_new},
    {Py_tp_dealloc, numbers_dealloc},
    {Py_tp_traverse, numbers_traverse},
    {0, NULL},
};

PyType_Spec numbers_spec = {
    .name = "websocket_v6.protocol._fast.Numbers",
    .basicsize = sizeof(Numbers),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = numbers_slots,
};

int
is_numbers(PyObject *object)
{
    return Py_TYPE(object)->tp_dealloc == numbers_dealloc;
}
