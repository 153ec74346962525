/* The levels of an order book: beside events/orderbook.py. */

#include "fast.h"

#define TEXT 24        /* bytes for the text of a number that is remembered, with a NUL at its end at least */
#define SLOTS 16384    /* of the memory of numbers: 512 KiB, which a processor has near, and the numbers themselves */
#define WINDOW 4096    /* numbers after which it is seen whether remembering pays */
#define FEW_BOOKS 64   /* for which it rests if it does not, at first */
#define MANY_BOOKS 4096

typedef struct {
    char text[TEXT];   /* filled up with NUL, which no number has */
    PyObject *value;   /* NULL: nothing is there */
} Slot;

typedef struct {
    PyObject_HEAD
    PyObject *unit;     /* makes a level of four numbers */
    PyObject *number;   /* makes a number of its text */
    PyObject *spelled;  /* makes one of a text whose number would be shown with an exponent */
    Slot *slots;
    Py_ssize_t looked, missed;  /* numbers of this window, and those of them that were not known */
    Py_ssize_t rest;            /* books that are still handed back */
    Py_ssize_t pause;           /* how many will be, if remembering does not pay */
} Levels;

/* Tell the length of the JSON number at `at`, 0 if there is none, or none that is done here: negative, longer than a
   slot, or with an exponent of more than two digits. */
static Py_ssize_t
number_at(const char *at, const char *end, int *is_zero, int *is_plain)
{
    const char *p = at;
    const char *const last = end - at < TEXT ? end : at + TEXT;
    char seen = '0';
    int has_exponent = 0;

    if (p == last || *p < '0' || *p > '9') {
        return 0;
    }
    if (*p == '0') {
        p++;
    }
    else {
        for (; p < last && *p >= '0' && *p <= '9'; p++) {
            seen |= *p;
        }
    }
    if (p < last && *p == '.') {
        const char *const point = p++;
        for (; p < last && *p >= '0' && *p <= '9'; p++) {
            seen |= *p;
        }
        if (p == point + 1) {
            return 0;
        }
    }
    if (p < last && (*p == 'e' || *p == 'E')) {
        has_exponent = 1;
        p++;
        if (p < last && (*p == '+' || *p == '-')) {
            p++;
        }
        const char *const digits = p;
        for (; p < last && *p >= '0' && *p <= '9'; p++) {
        }
        if (p == digits || p - digits > 2) {
            return 0;
        }
    }
    if (p == last) {  /* it goes on behind it, or it is not known how it ends */
        return 0;
    }
    *is_zero = seen == '0';
    /* As plain.may_be_shown_with_exponent has it: "0.0000001" is shown as 1E-7 too. */
    *is_plain = !has_exponent && !(p - at >= 8 && memcmp(at, "0.000000", 8) == 0);
    return p - at;
}

static PyObject *
make_number(Levels *self, const char *at, Py_ssize_t length, int is_plain)
{
    PyObject *text = PyUnicode_DecodeASCII(at, length, NULL);
    if (text == NULL) {
        return NULL;
    }
    PyObject *value = PyObject_CallOneArg(is_plain ? self->number : self->spelled, text);
    Py_DECREF(text);
    return value;
}

static Slot *
slot_of(Levels *self, const uint64_t *words)
{
    uint64_t hash = words[0] * UINT64_C(0x9E3779B97F4A7C15);
    hash = (hash ^ hash >> 29 ^ words[1]) * UINT64_C(0xBF58476D1CE4E5B9);
    hash = (hash ^ hash >> 32 ^ words[2]) * UINT64_C(0x94D049BB133111EB);
    return &self->slots[hash >> 32 & (SLOTS - 1)];
}

/* Where most numbers are new, as in the books of hundreds of markets by turns, to look them up costs more than to make
   them; who remembers by market does better. So then books are handed back for a while. */
static void
see_whether_it_pays(Levels *self)
{
    if (self->looked < WINDOW) {
        return;
    }
    if (self->missed * 3 > self->looked) {
        self->rest = self->pause;
        self->pause = self->pause * 2 < MANY_BOOKS ? self->pause * 2 : MANY_BOOKS;
    }
    else {
        self->pause = FEW_BOOKS;
    }
    self->looked = self->missed = 0;
}

/* Return a new reference to the number that is spelled so; most of a book's stood in that market's last book. */
static PyObject *
number_of(Levels *self, const char *at, Py_ssize_t length, int is_plain)
{
    uint64_t words[TEXT / 8] = {0, 0, 0};
    memcpy(words, at, (size_t)length);
    Slot *const slot = slot_of(self, words);
    self->looked++;
    if (slot->value != NULL && memcmp(slot->text, words, TEXT) == 0) {
        return Py_NewRef(slot->value);
    }
    self->missed++;
    PyObject *value = make_number(self, at, length, is_plain);
    if (value == NULL) {
        return NULL;
    }
    /* Making it may have run Python, and that may have read other books: what is there now gives way. */
    PyObject *before = slot->value;
    slot->value = Py_NewRef(value);
    memcpy(slot->text, words, TEXT);
    Py_XDECREF(before);
    return value;
}

typedef struct {
    const char *text;
    Py_ssize_t size;
} Key;

#define KEY(literal) {literal, (Py_ssize_t)sizeof(literal) - 1}

/* In the exchange's order; by whether the names are full. */
static const Key KEYS[2][4] = {
    {KEY("{\"ap\":"), KEY(",\"bp\":"), KEY(",\"as\":"), KEY(",\"bs\":")},
    {KEY("{\"ask_price\":"), KEY(",\"bid_price\":"), KEY(",\"ask_size\":"), KEY(",\"bid_size\":")},
};

/* Return the level at *at, and move that behind it; NULL without an exception if it is not plain. */
static PyObject *
level_at(Levels *self, const char **at, const char *end, const Key *keys)
{
    PyObject *values[4] = {NULL, NULL, NULL, NULL};
    PyObject *level = NULL;
    const char *p = *at;

    for (int index = 0; index < 4; index++) {
        const Key *const key = &keys[index];
        if (end - p < key->size || memcmp(p, key->text, (size_t)key->size) != 0) {
            goto done;
        }
        p += key->size;
        int is_zero, is_plain;
        const Py_ssize_t length = number_at(p, end, &is_zero, &is_plain);
        if (length == 0 || (is_zero && index < 2)) {  /* a price of 0: one side is empty there */
            goto done;
        }
        values[index] = number_of(self, p, length, is_plain);
        if (values[index] == NULL) {
            goto done;
        }
        p += length;
    }
    if (p == end || *p != '}') {
        goto done;
    }
    *at = p + 1;
    level = PyObject_Vectorcall(self->unit, values, 4, NULL);
done:
    for (int index = 0; index < 4; index++) {
        Py_XDECREF(values[index]);
    }
    return level;
}

static PyObject *
levels_in(Levels *self, const char *at, const char *end, const Key *keys, Py_ssize_t most)
{
    if (at == end || *at++ != '[') {
        return NULL;
    }
    PyObject *found = PyList_New(0);
    if (found == NULL) {
        return NULL;
    }
    int is_whole = at < end && *at == ']' && at + 1 == end;  /* there is none */
    while (!is_whole) {
        PyObject *level = level_at(self, &at, end, keys);
        if (level == NULL) {
            break;
        }
        const int failed = PyList_Append(found, level);
        Py_DECREF(level);
        if (failed) {
            break;
        }
        is_whole = PyList_GET_SIZE(found) == most || (at < end && *at == ']' && at + 1 == end);
        if (!is_whole && (at == end || *at++ != ',')) {
            break;
        }
    }
    PyObject *units = is_whole && !PyErr_Occurred() ? PyList_AsTuple(found) : NULL;
    Py_DECREF(found);
    return units;
}

PyDoc_STRVAR(levels_read_doc,
"read(data, is_full, most, /)\n--\n\n"
"Return the levels of an order book, `most` of them or, with -1, all, as a tuple of units; None if anything about them\n"
"is not plain: another order or spacing of keys, a side that is empty, null, a negative number, a string; or for a\n"
"while, where most numbers are new.");

static PyObject *
levels_read(PyObject *op, PyObject *const *args, Py_ssize_t nargs)
{
    Levels *const self = (Levels *)op;
    if (nargs != 3) {
        PyErr_SetString(PyExc_TypeError, "read(data, is_full, most)");
        return NULL;
    }
    const int is_full = PyObject_IsTrue(args[1]);
    const Py_ssize_t most = PyLong_AsSsize_t(args[2]);
    if (is_full < 0 || (most == -1 && PyErr_Occurred())) {
        return NULL;
    }
    if (most == 0 || most < -1 || self->unit == NULL) {  /* without a unit: the collector has been here */
        Py_RETURN_NONE;
    }
    if (self->rest > 0) {
        self->rest--;
        Py_RETURN_NONE;
    }
    Py_buffer view;
    if (PyObject_GetBuffer(args[0], &view, PyBUF_SIMPLE) < 0) {
        return NULL;
    }
    const char *const data = view.buf;
    PyObject *units = levels_in(self, data, data + view.len, KEYS[is_full], most);
    PyBuffer_Release(&view);
    see_whether_it_pays(self);
    if (units == NULL && !PyErr_Occurred()) {
        Py_RETURN_NONE;
    }
    return units;
}

static PyObject *
levels_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *unit, *number, *spelled;
    if (kwargs != NULL && PyDict_GET_SIZE(kwargs) != 0) {
        PyErr_SetString(PyExc_TypeError, "Levels takes no keyword arguments");
        return NULL;
    }
    if (!PyArg_ParseTuple(args, "OOO:Levels", &unit, &number, &spelled)) {
        return NULL;
    }
    Levels *self = (Levels *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    self->unit = Py_NewRef(unit);
    self->number = Py_NewRef(number);
    self->spelled = Py_NewRef(spelled);
    self->pause = FEW_BOOKS;
    self->slots = PyMem_Calloc(SLOTS, sizeof(Slot));
    if (self->slots == NULL) {
        Py_DECREF(self);
        return PyErr_NoMemory();
    }
    return (PyObject *)self;
}

static int
levels_traverse(PyObject *op, visitproc visit, void *arg)
{
    Levels *const self = (Levels *)op;
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(self->unit);
    Py_VISIT(self->number);
    Py_VISIT(self->spelled);
    return 0;  /* numbers refer to nothing */
}

static int
levels_clear(PyObject *op)
{
    Levels *const self = (Levels *)op;
    Py_CLEAR(self->unit);
    Py_CLEAR(self->number);
    Py_CLEAR(self->spelled);
    return 0;
}

static void
levels_dealloc(PyObject *op)
{
    Levels *const self = (Levels *)op;
    PyTypeObject *const type = Py_TYPE(op);
    PyObject_GC_UnTrack(op);
    levels_clear(op);
    if (self->slots != NULL) {
        for (Py_ssize_t index = 0; index < SLOTS; index++) {
            Py_XDECREF(self->slots[index].value);
        }
        PyMem_Free(self->slots);
    }
    type->tp_free(op);
    Py_DECREF(type);
}

static PyMethodDef levels_methods[] = {
    {"read", FAST(levels_read), METH_FASTCALL, levels_read_doc},
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(levels_doc,
"Levels(unit, number, spelled, /)\n--\n\n"
"Reads the levels of order books. Each is a `unit` of four numbers; a `number` is made of its text, one that would be\n"
"shown with an exponent is `spelled`. What was made is remembered: a book differs from its market's last in a few.");

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
