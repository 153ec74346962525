/* Events, from their bytes to a callback: beside events/base.py and actors/delivery/subscriber.py. */

#include "pick.h"

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
    if (turn == NULL || !PyTuple_CheckExact(turn) || PyTuple_GET_SIZE(turn) != 3) {
        goto done;  /* none: a sample is due */
    }
    PyObject *const picker = PyTuple_GET_ITEM(turn, 2);
    if (picker != Py_None) {
        if (!is_picker(picker)) {
            PyErr_SetString(PyExc_TypeError, "a turn has something else than a Picker");
            goto done;
        }
        values = pick(picker, payload);
        if (values != NULL || PyErr_Occurred()) {
            goto done;
        }
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
    if (!is_ascii(data, size)) { /* msgspec does not look at what it skips */
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

int
load_event(PyObject *loader, PyObject *event)
{
    return load_one((Loader *)loader, event);
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

PyObject *
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

static int
is_made_with(Loader *self, PyObject *event, PyObject *ready)
{
    PyObject *codec = member(self->codec, event);
    if (codec == NULL) {
        return -1;
    }
    Py_DECREF(codec);
    return codec == ready;
}

PyDoc_STRVAR(loader_call_doc,
"call(events, start, mailbox, callback, ready, /)\n--\n\n"
"Load events and call `callback` with each, from `start` on. Return `(index, None, None)` of the first that `load` does\n"
"not load, or before which the mailbox was closed; the length if there is none. But `(index, result, None)` if the\n"
"callback returned something, and `(index, None, exception)` if it raised, for that event. With a codec as `ready`, an\n"
"event that was made with another is not loaded.");

static PyObject *
loader_call(PyObject *op, PyObject *const *args, Py_ssize_t nargs)
{
    Loader *const self = (Loader *)op;
    if (nargs != 5 || !PyList_CheckExact(args[0])) {
        PyErr_SetString(PyExc_TypeError, "call(list, int, mailbox, callback, ready)");
        return NULL;
    }
    PyObject *const events = args[0], *const mailbox = args[2], *const callback = args[3], *const ready = args[4];
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
        int is_loaded = !is_over && PyObject_TypeCheck(event, PyDescr_TYPE(self->values));
        if (is_loaded && ready != Py_None) {
            is_loaded = is_made_with(self, event, ready);
        }
        if (is_loaded > 0) {
            is_loaded = load_one(self, event);
        }
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
    {"call", FAST(loader_call), METH_FASTCALL, loader_call_doc},
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

PyType_Spec loader_spec = {
    .name = "websocket_v6.protocol._fast.Loader",
    .basicsize = sizeof(Loader),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = loader_slots,
};

int
is_loader(PyObject *object)
{
    return Py_TYPE(object)->tp_dealloc == loader_dealloc;
}
