/* Frames, and the streams of messages: beside websocket/frames.py and exchange/heads.py. */

#include "fast.h"

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

PyMethodDef scan_methods[] = {
    {"scan", FAST(scan), METH_FASTCALL, scan_doc},
    {"streams_of", FAST(streams_of), METH_FASTCALL, streams_of_doc},
    {NULL, NULL, 0, NULL},
};
