/* What costs most of the way of a message, in C: optional, and never a second place for a rule.

   Each function does the common case of one loop of the Python beside it, and hands what is not plain back to that loop:
   an index, None or False says "go on yourself". So errors are Python's alone, and what Python refuses is refused with
   this as well. `fast.py` says whether it is there; WEBSOCKET_V6_PURE=1 does without.

   Bytes come from outside, so every read is bounded by the end of its buffer. Nothing here keeps what it borrowed over a
   call that may run Python. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdint.h>
#include <string.h>


/* --- frames */

PyDoc_STRVAR(scan_doc,
"scan(data, pos, messages, most_short, most, /)\n--\n\n"
"Append the payloads of the frames at `pos` that are final, binary, not masked and not compressed, as long as they lie\n"
"whole in `data` and are not longer than `most_short` (with a length of 7 bits) or `most` (16 bits). Return where the\n"
"first other one begins.");

static PyObject *
scan(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 5 || !PyBytes_CheckExact(args[0]) || !PyList_CheckExact(args[2])) {
        PyErr_SetString(PyExc_TypeError, "scan(bytes, int, list, int, int)");
        return NULL;
    }
    const unsigned char *data = (const unsigned char *)PyBytes_AS_STRING(args[0]);
    const Py_ssize_t size = PyBytes_GET_SIZE(args[0]);
    Py_ssize_t pos = PyLong_AsSsize_t(args[1]);
    const Py_ssize_t most_short = PyLong_AsSsize_t(args[3]);
    const Py_ssize_t most = PyLong_AsSsize_t(args[4]);
    if (PyErr_Occurred()) {
        return NULL;
    }
    if (pos < 0) {
        PyErr_SetString(PyExc_ValueError, "pos is below 0");
        return NULL;
    }
    while (pos <= size - 4 && data[pos] == 0x82) {
        Py_ssize_t length = data[pos + 1];
        Py_ssize_t start = pos + 2;
        if (length < 126) {
            if (length > most_short) {
                break;
            }
        }
        else if (length == 126) {
            length = (Py_ssize_t)data[pos + 2] << 8 | data[pos + 3];
            if (length < 126 || length > most) {
                break;
            }
            start = pos + 4;
        }
        else {  /* 64 bits, or masked */
            break;
        }
        if (length > size - start) {
            break;
        }
        PyObject *payload = PyBytes_FromStringAndSize((const char *)data + start, length);
        if (payload == NULL) {
            return NULL;
        }
        const int failed = PyList_Append(args[2], payload);
        Py_DECREF(payload);
        if (failed) {
            return NULL;
        }
        pos = start + length;
    }
    return PyLong_FromSsize_t(pos);
}

/* --- streams by the heads of their messages */

static int
ends_with(const char *data, Py_ssize_t size, const char *end, Py_ssize_t end_size)
{
    return size >= end_size && memcmp(data + size - end_size, end, (size_t)end_size) == 0;
}

#define ENDS_WITH(data, size, literal) ends_with(data, size, literal, (Py_ssize_t)sizeof(literal) - 1)

PyDoc_STRVAR(streams_of_doc,
"streams_of(messages, past_type, heads, books, no_level, /)\n--\n\n"
"Return the stream of each message, by its head: up to the first comma at or behind `past_type`. `books` has those of\n"
"order books, each with its streams by level; of these the one of `no_level` is found here if the message ends so.\n"
"None if any message's is not found.");

static PyObject *
streams_of(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 5 || !PyList_CheckExact(args[0]) || !PyDict_CheckExact(args[2]) || !PyDict_CheckExact(args[3])) {
        PyErr_SetString(PyExc_TypeError, "streams_of(list, int, dict, dict, bytes)");
        return NULL;
    }
    PyObject *const messages = args[0], *const heads = args[2], *const books = args[3], *const no_level = args[4];
    const Py_ssize_t past_type = PyLong_AsSsize_t(args[1]);
    if (past_type == -1 && PyErr_Occurred()) {
        return NULL;
    }
    const Py_ssize_t count = PyList_GET_SIZE(messages);
    PyObject *found = PyList_New(count);
    if (found == NULL) {
        return NULL;
    }
    for (Py_ssize_t index = 0; index < count; index++) {
        PyObject *const message = PyList_GET_ITEM(messages, index);
        if (!PyBytes_Check(message) || PyBytes_GET_SIZE(message) <= past_type || past_type < 0) {
            goto not_all;
        }
        const char *const data = PyBytes_AS_STRING(message);
        const Py_ssize_t size = PyBytes_GET_SIZE(message);
        const char *const comma = memchr(data + past_type, ',', (size_t)(size - past_type));
        if (comma == NULL) {
            goto not_all;
        }
        PyObject *head = PyBytes_FromStringAndSize(data, comma - data);
        if (head == NULL) {
            goto failed;
        }
        PyObject *stream = PyDict_GetItemWithError(heads, head);
        if (stream == NULL && !PyErr_Occurred() &&
            (ENDS_WITH(data, size, ",\"lv\":0}") || ENDS_WITH(data, size, ",\"level\":0}"))) {
            PyObject *levels = PyDict_GetItemWithError(books, head);
            if (levels != NULL && PyDict_CheckExact(levels)) {
                stream = PyDict_GetItemWithError(levels, no_level);
            }
        }
        Py_DECREF(head);
        if (stream == NULL) {
            if (PyErr_Occurred()) {
                goto failed;
            }
            goto not_all;
        }
        PyList_SET_ITEM(found, index, Py_NewRef(stream));
    }
    return found;
not_all:
    Py_DECREF(found);
    Py_RETURN_NONE;
failed:
    Py_DECREF(found);
    return NULL;
}

/* --- the levels of an order book */

#define TEXT 24        /* bytes for the text of a number that is remembered, with a NUL at its end at least */
#define SLOTS 32768    /* of the memory of numbers: 1 MiB, and the numbers themselves */

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

/* Return a new reference to the number that is spelled so; most of a book's stood in that market's last book. */
static PyObject *
number_of(Levels *self, const char *at, Py_ssize_t length, int is_plain)
{
    uint64_t words[TEXT / 8] = {0, 0, 0};
    memcpy(words, at, (size_t)length);
    uint64_t hash = words[0] * UINT64_C(0x9E3779B97F4A7C15);
    hash = (hash ^ hash >> 29 ^ words[1]) * UINT64_C(0xBF58476D1CE4E5B9);
    hash = (hash ^ hash >> 32 ^ words[2]) * UINT64_C(0x94D049BB133111EB);
    Slot *slot = &self->slots[hash >> 49];  /* 15 bits: SLOTS */
    if (slot->value != NULL && memcmp(slot->text, words, TEXT) == 0) {
        return Py_NewRef(slot->value);
    }
    PyObject *value = make_number(self, at, length, is_plain);
    if (value == NULL) {
        return NULL;
    }
    /* Making it may have run Python, and that may have read other books: the slot is looked at anew. */
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
"is not plain: another order or spacing of keys, a side that is empty, null, a negative number, a string.");

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
    Py_buffer view;
    if (PyObject_GetBuffer(args[0], &view, PyBUF_SIMPLE) < 0) {
        return NULL;
    }
    const char *const data = view.buf;
    PyObject *units = levels_in(self, data, data + view.len, KEYS[is_full], most);
    PyBuffer_Release(&view);
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
    {"read", (PyCFunction)(void (*)(void))levels_read, METH_FASTCALL, levels_read_doc},
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

static PyType_Spec levels_spec = {
    .name = "websocket_v6.protocol._fast.Levels",
    .basicsize = sizeof(Levels),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = levels_slots,
};

/* --- events: making them, and looking at their messages */

/* Return the value that a member descriptor (of a slot) has for `object`: a new reference. */
static PyObject *
member(PyObject *descriptor, PyObject *object)
{
    return Py_TYPE(descriptor)->tp_descr_get(descriptor, object, (PyObject *)Py_TYPE(object));
}

static int
set_member(PyObject *descriptor, PyObject *object, PyObject *value)
{
    return Py_TYPE(descriptor)->tp_descr_set(descriptor, object, value);
}

static int
is_member(PyObject *descriptor)
{
    return Py_IS_TYPE(descriptor, &PyMemberDescr_Type);
}

static int
is_ascii(const char *data, Py_ssize_t size)
{
    uint64_t seen = 0;
    for (; size >= 8; size -= 8, data += 8) {
        uint64_t word;
        memcpy(&word, data, 8);
        seen |= word;
    }
    for (; size > 0; size--, data++) {
        seen |= (unsigned char)*data;
    }
    return (seen & UINT64_C(0x8080808080808080)) == 0;
}

typedef struct {
    PyObject_HEAD
    PyObject *payload, *codec, *fixed, *values;  /* members of an event */
    PyObject *turns, *spell_out;                 /* names, of what a codec has */
    PyObject *is_closed;                         /* of what a mailbox has */
    PyObject *small, *large;
    PyObject *short_head, *full_head;            /* bytes */
} Loader;

/* Look at numbers; those that are not from `small` to below `large` have the codec look at all. 0, or -1 and an
   exception. */
static int
look_at(Loader *self, PyObject *numbers, PyObject *codec, PyObject *values, PyObject *payload)
{
    if (!PyTuple_CheckExact(numbers)) {
        PyErr_SetString(PyExc_TypeError, "numbers are no tuple");
        return -1;
    }
    for (Py_ssize_t index = 0; index < PyTuple_GET_SIZE(numbers); index++) {
        PyObject *const number = PyTuple_GET_ITEM(numbers, index);
        if (number == Py_None) {
            continue;
        }
        int is_usual = PyObject_RichCompareBool(number, self->small, Py_GE);
        if (is_usual > 0) {
            is_usual = PyObject_RichCompareBool(number, self->large, Py_LT);
        }
        if (is_usual < 0) {
            return -1;
        }
        if (!is_usual) {
            PyObject *done = PyObject_CallMethodObjArgs(codec, self->spell_out, values, payload, NULL);
            Py_XDECREF(done);
            return done == NULL ? -1 : 0;
        }
    }
    return 0;
}

/* Return the fields that are usually read of a message; NULL with an exception, or without one if it is not plain. */
static PyObject *
values_of(Loader *self, PyObject *payload, PyObject *codec)
{
    PyObject *turns = NULL, *turn = NULL, *values = NULL;
    if (!PyBytes_CheckExact(payload)) {
        return NULL;
    }
    const char *const data = PyBytes_AS_STRING(payload);
    const Py_ssize_t size = PyBytes_GET_SIZE(payload);
    PyObject *head = NULL;
    PyObject *const heads[2] = {self->short_head, self->full_head};
    for (int index = 0; index < 2; index++) {
        if (size >= PyBytes_GET_SIZE(heads[index]) &&
            memcmp(data, PyBytes_AS_STRING(heads[index]), (size_t)PyBytes_GET_SIZE(heads[index])) == 0) {
            head = heads[index];
        }
    }
    if (head == NULL) {
        return NULL;
    }
    turns = PyObject_GetAttr(codec, self->turns);
    if (turns == NULL || !PyDict_CheckExact(turns)) {
        goto done;
    }
    PyObject *const iterator = PyDict_GetItemWithError(turns, head);
    if (iterator == NULL || !PyIter_Check(iterator)) {
        goto done;
    }
    Py_INCREF(iterator);
    turn = PyIter_Next(iterator);
    Py_DECREF(iterator);
    if (turn == NULL || !PyTuple_CheckExact(turn) || PyTuple_GET_SIZE(turn) != 2) {
        goto done;  /* none: a sample is due */
    }
    values = PyObject_CallOneArg(PyTuple_GET_ITEM(turn, 0), payload);
    if (values == NULL) {
        goto done;
    }
    PyObject *const exact_numbers = PyTuple_GET_ITEM(turn, 1);
    if (exact_numbers != Py_None) {
        PyObject *numbers = PyObject_CallOneArg(exact_numbers, values);
        const int failed = numbers == NULL || look_at(self, numbers, codec, values, payload) < 0;
        Py_XDECREF(numbers);
        if (failed) {
            Py_CLEAR(values);
            goto done;
        }
    }
    if (!is_ascii(data, size)) {
        PyObject *text = PyUnicode_DecodeUTF8(data, size, NULL);
        if (text == NULL) {
            Py_CLEAR(values);
        }
        Py_XDECREF(text);
    }
done:
    Py_XDECREF(turns);
    Py_XDECREF(turn);
    return values;
}

/* 1: it is loaded. 0: it is not plain, or its message is not. -1: an exception that ends more than this message. */
static int
load_one(Loader *self, PyObject *event)
{
    PyObject *payload = NULL, *codec = NULL, *fixed = NULL;
    int answer = -1;
    PyObject *values = member(self->values, event);
    if (values == NULL) {
        return -1;
    }
    if (values != Py_None) {
        Py_DECREF(values);
        return 1;
    }
    Py_CLEAR(values);
    payload = member(self->payload, event);
    codec = member(self->codec, event);
    fixed = member(self->fixed, event);
    if (payload == NULL || codec == NULL || fixed == NULL) {
        goto done;
    }
    answer = 0;
    if (!PyTuple_CheckExact(fixed) || PyTuple_GET_SIZE(fixed) != 0) {
        goto done;
    }
    values = values_of(self, payload, codec);
    if (values == NULL) {
        if (PyErr_Occurred()) {
            if (!PyErr_ExceptionMatches(PyExc_Exception)) {
                answer = -1;
                goto done;
            }
            PyErr_Clear();  /* Python meets it again, and knows what it says */
        }
        goto done;
    }
    answer = set_member(self->values, event, values) < 0 ? -1 : 1;
    Py_DECREF(values);
done:
    Py_XDECREF(payload);
    Py_XDECREF(codec);
    Py_XDECREF(fixed);
    return answer;
}

PyDoc_STRVAR(loader_load_doc,
"load(event, /)\n--\n\n"
"Do what `Event.load` does if the event is no view, its message begins as usual and is sound, and no sample is due;\n"
"tell whether it was done. If not, nothing has happened but that one of the codec's turns is gone.");

static PyObject *
loader_load(PyObject *self, PyObject *event)
{
    const int answer = load_one((Loader *)self, event);
    return answer < 0 ? NULL : PyBool_FromLong(answer);
}

/* Whether nothing comes out of a mailbox any more; -1 with an exception. */
static int
is_closed(Loader *self, PyObject *mailbox)
{
    PyObject *flag = PyObject_GetAttr(mailbox, self->is_closed);
    if (flag == NULL) {
        return -1;
    }
    const int answer = PyObject_IsTrue(flag);
    Py_DECREF(flag);
    return answer;
}

/* The exception that is set, as an object; it is no longer set. */
static PyObject *
taken_exception(void)
{
#if PY_VERSION_HEX >= 0x030C0000
    return PyErr_GetRaisedException();
#else
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback != NULL) {
        PyException_SetTraceback(value, traceback);
    }
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    return value;
#endif
}

PyDoc_STRVAR(loader_call_doc,
"call(events, start, mailbox, callback, /)\n--\n\n"
"Load events and call `callback` with each, from `start` on. Return `(index, None, None)` of the first that `load` does\n"
"not load, or before which the mailbox was closed; the length if there is none. But `(index, result, None)` if the\n"
"callback returned something, and `(index, None, exception)` if it raised, for that event.");

static PyObject *
loader_call(PyObject *op, PyObject *const *args, Py_ssize_t nargs)
{
    Loader *const self = (Loader *)op;
    if (nargs != 4 || !PyList_CheckExact(args[0])) {
        PyErr_SetString(PyExc_TypeError, "call(list, int, mailbox, callback)");
        return NULL;
    }
    PyObject *const events = args[0], *const mailbox = args[2], *const callback = args[3];
    Py_ssize_t index = PyLong_AsSsize_t(args[1]);
    if (index == -1 && PyErr_Occurred()) {
        return NULL;
    }
    if (index < 0) {
        PyErr_SetString(PyExc_ValueError, "start is below 0");
        return NULL;
    }
    for (; index < PyList_GET_SIZE(events); index++) {  /* a callback may change the list, in the end */
        const int is_over = is_closed(self, mailbox);
        if (is_over < 0) {
            return NULL;
        }
        PyObject *event = Py_NewRef(PyList_GET_ITEM(events, index));
        const int is_loaded =
            is_over || !PyObject_TypeCheck(event, PyDescr_TYPE(self->values)) ? 0 : load_one(self, event);
        if (is_loaded <= 0) {
            Py_DECREF(event);
            if (is_loaded < 0) {
                return NULL;
            }
            break;
        }
        PyObject *result = PyObject_CallOneArg(callback, event);
        Py_DECREF(event);
        if (result == NULL) {
            return Py_BuildValue("(nON)", index, Py_None, taken_exception());
        }
        if (result != Py_None) {
            return Py_BuildValue("(nNO)", index, result, Py_None);
        }
        Py_DECREF(result);
    }
    return Py_BuildValue("(nOO)", index, Py_None, Py_None);
}

#define LOADER_MEMBERS 4

static PyObject *
loader_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *given[8];
    if (kwargs != NULL && PyDict_GET_SIZE(kwargs) != 0) {
        PyErr_SetString(PyExc_TypeError, "Loader takes no keyword arguments");
        return NULL;
    }
    if (!PyArg_ParseTuple(args, "(OOOO)OOSS:Loader", &given[0], &given[1], &given[2], &given[3], &given[4], &given[5],
                          &given[6], &given[7])) {
        return NULL;
    }
    for (int index = 0; index < LOADER_MEMBERS; index++) {
        if (!is_member(given[index])) {
            PyErr_SetString(PyExc_TypeError, "Loader takes the members of an event's class first");
            return NULL;
        }
    }
    Loader *self = (Loader *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    self->payload = Py_NewRef(given[0]);
    self->codec = Py_NewRef(given[1]);
    self->fixed = Py_NewRef(given[2]);
    self->values = Py_NewRef(given[3]);
    self->small = Py_NewRef(given[4]);
    self->large = Py_NewRef(given[5]);
    self->short_head = Py_NewRef(given[6]);
    self->full_head = Py_NewRef(given[7]);
    self->turns = PyUnicode_InternFromString("turns");
    self->spell_out = PyUnicode_InternFromString("spell_out");
    self->is_closed = PyUnicode_InternFromString("is_closed");
    if (self->turns == NULL || self->spell_out == NULL || self->is_closed == NULL) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

static int
loader_traverse(PyObject *op, visitproc visit, void *arg)
{
    Loader *const self = (Loader *)op;
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(self->payload);
    Py_VISIT(self->codec);
    Py_VISIT(self->fixed);
    Py_VISIT(self->values);
    Py_VISIT(self->small);
    Py_VISIT(self->large);
    return 0;
}

static void
loader_dealloc(PyObject *op)
{
    Loader *const self = (Loader *)op;
    PyTypeObject *const type = Py_TYPE(op);
    PyObject_GC_UnTrack(op);
    Py_XDECREF(self->payload);
    Py_XDECREF(self->codec);
    Py_XDECREF(self->fixed);
    Py_XDECREF(self->values);
    Py_XDECREF(self->small);
    Py_XDECREF(self->large);
    Py_XDECREF(self->short_head);
    Py_XDECREF(self->full_head);
    Py_XDECREF(self->turns);
    Py_XDECREF(self->spell_out);
    Py_XDECREF(self->is_closed);
    type->tp_free(op);
    Py_DECREF(type);
}

static PyMethodDef loader_methods[] = {
    {"load", loader_load, METH_O, loader_load_doc},
    {"call", (PyCFunction)(void (*)(void))loader_call, METH_FASTCALL, loader_call_doc},
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(loader_doc,
"Loader(members, small, large, short_head, full_head, /)\n--\n\n"
"Checks the messages of events and decodes what is usually read. `members` are those of an event's class: payload, codec,\n"
"fixed and values. A number from `small` to below `large` is shown in plain digits, however it was spelled.");

static PyType_Slot loader_slots[] = {
    {Py_tp_doc, (void *)loader_doc},
    {Py_tp_new, loader_new},
    {Py_tp_dealloc, loader_dealloc},
    {Py_tp_traverse, loader_traverse},
    {Py_tp_methods, loader_methods},
    {0, NULL},
};

static PyType_Spec loader_spec = {
    .name = "websocket_v6.protocol._fast.Loader",
    .basicsize = sizeof(Loader),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = loader_slots,
};

/* --- the router's plain loop */

typedef struct {
    PyObject_HEAD
    PyObject *is_plain, *trades, *last, *takers;  /* members of a route */
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
    PyObject *routes, *made, *received_at, *epoch, *touched;
    Py_ssize_t delivered;
} Delivering;

/* 1: the message is delivered. 0: it is not plain. -1: an exception. */
static int
deliver_one(Plain *self, PyObject *stream, PyObject *payload, Delivering *to)
{
    PyObject *const route = PyDict_GetItemWithError(to->routes, stream);
    PyObject *const made = route == NULL ? NULL : PyDict_GetItemWithError(to->made, stream);
    if (made == NULL || !PyTuple_CheckExact(made) || PyTuple_GET_SIZE(made) != 3) {
        return PyErr_Occurred() ? -1 : 0;
    }
    int answer = -1;
    PyObject *event = NULL, *takers = NULL;
    Py_INCREF(route);
    Py_INCREF(made);
    PyObject *trades = member(self->trades, route);
    if (trades == NULL) {
        goto done;
    }
    answer = is_plain(self, route, trades, payload);
    if (answer <= 0) {
        goto done;
    }
    answer = -1;
    PyObject *const fields[6] = {stream,      PyTuple_GET_ITEM(made, 1), to->received_at,
                                 to->epoch,   payload,                   PyTuple_GET_ITEM(made, 2)};
    event = PyObject_Vectorcall(PyTuple_GET_ITEM(made, 0), fields, 6, NULL);
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
    Py_DECREF(made);
    Py_XDECREF(trades);
    Py_XDECREF(event);
    Py_XDECREF(takers);
    return answer;
}

PyDoc_STRVAR(plain_deliver_doc,
"deliver(streams, payloads, start, routes, made, received_at, epoch, touched, /)\n--\n\n"
"Make the events of a batch from `start` on and put them into what their takers are to get, up to the first that is not\n"
"plain: without a route, or one of a route that is not. Return its index and how often one was given to a taker.\n"
"`made` says how the events of a stream are made: class, symbol, codec.");

static PyObject *
plain_deliver(PyObject *op, PyObject *const *args, Py_ssize_t nargs)
{
    Plain *const self = (Plain *)op;
    if (nargs != 8 || !PyList_CheckExact(args[0]) || !PyList_CheckExact(args[1]) || !PyDict_CheckExact(args[3]) ||
        !PyDict_CheckExact(args[4]) || !PyList_CheckExact(args[7])) {
        PyErr_SetString(PyExc_TypeError, "deliver(list, list, int, dict, dict, int, int, list)");
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
    Delivering to = {args[3], args[4], args[5], args[6], args[7], 0};
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
    PyObject *given[6];
    if (kwargs != NULL && PyDict_GET_SIZE(kwargs) != 0) {
        PyErr_SetString(PyExc_TypeError, "Plain takes no keyword arguments");
        return NULL;
    }
    if (!PyArg_ParseTuple(args, "(OOOOO)S:Plain", &given[0], &given[1], &given[2], &given[3], &given[4], &given[5])) {
        return NULL;
    }
    for (int index = 0; index < 5; index++) {
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
    self->trades = Py_NewRef(given[1]);
    self->last = Py_NewRef(given[2]);
    self->takers = Py_NewRef(given[3]);
    self->pending = Py_NewRef(given[4]);
    self->snapshot = Py_NewRef(given[5]);
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
    {"deliver", (PyCFunction)(void (*)(void))plain_deliver, METH_FASTCALL, plain_deliver_doc},
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(plain_doc,
"Plain(members, snapshot, /)\n--\n\n"
"The router's loop over plain messages. `members` are those of a route's class: is_plain, trades, last and takers; and\n"
"of a taker's: pending. A message of trades that holds `snapshot` is not plain.");

static PyType_Slot plain_slots[] = {
    {Py_tp_doc, (void *)plain_doc},
    {Py_tp_new, plain_new},
    {Py_tp_dealloc, plain_dealloc},
    {Py_tp_traverse, plain_traverse},
    {Py_tp_methods, plain_methods},
    {0, NULL},
};

static PyType_Spec plain_spec = {
    .name = "websocket_v6.protocol._fast.Plain",
    .basicsize = sizeof(Plain),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = plain_slots,
};

/* --- the module */

static int
fast_exec(PyObject *module)
{
    PyType_Spec *const specs[] = {&levels_spec, &loader_spec, &plain_spec};
    for (size_t index = 0; index < sizeof(specs) / sizeof(*specs); index++) {
        PyObject *type = PyType_FromModuleAndSpec(module, specs[index], NULL);
        if (type == NULL) {
            return -1;
        }
        const int failed = PyModule_AddType(module, (PyTypeObject *)type);
        Py_DECREF(type);
        if (failed) {
            return -1;
        }
    }
    return 0;
}

static PyMethodDef fast_methods[] = {
    {"scan", (PyCFunction)(void (*)(void))scan, METH_FASTCALL, scan_doc},
    {"streams_of", (PyCFunction)(void (*)(void))streams_of, METH_FASTCALL, streams_of_doc},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot fast_slots[] = {
    {Py_mod_exec, fast_exec},
#ifdef Py_mod_multiple_interpreters
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
    {0, NULL},
};

static struct PyModuleDef fast_module = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "_fast",
    .m_doc = "The common case of the hot path; fast.py is how it is reached.",
    .m_size = 0,
    .m_methods = fast_methods,
    .m_slots = fast_slots,
};

PyMODINIT_FUNC
PyInit__fast(void)
{
    return PyModuleDef_Init(&fast_module);
}
