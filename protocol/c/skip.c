/* The levels of a book that nobody has read yet are most of its bytes: they are checked here, and cut out for whoever
   checks and decodes the rest. Beside events/codec.py, which does all of it in one go. */

#include "fast.h"

static const char *
skip_digits(const char *at, const char *end)
{
    const char *const first = at;
    while (at < end && *at >= '0' && *at <= '9') {
        at++;
    }
    return at == first ? NULL : at;
}

/* Return where a number of JSON ends that is not negative; NULL if there is none. */
static const char *
skip_number(const char *at, const char *end)
{
    const char *const first = at;
    at = skip_digits(at, end);
    if (at == NULL || (*first == '0' && at - first > 1)) {
        return NULL;
    }
    if (at < end && *at == '.') {
        at = skip_digits(at + 1, end);
        if (at == NULL) {
            return NULL;
        }
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        if (at < end && (*at == '-' || *at == '+')) {
            at++;
        }
        at = skip_digits(at, end);
    }
    return at;
}

/* Return where objects of names and numbers end that stand in an array without a space: at its bracket. NULL: it is
   something else. */
static const char *
skip_levels(const char *at, const char *end)
{
    for (;;) {
        if (at == end || *at++ != '{') {
            return NULL;
        }
        for (;;) {
            if (at == end || *at++ != '"') {
                return NULL;
            }
            while (at < end && ((*at >= 'a' && *at <= 'z') || *at == '_')) {
                at++;
            }
            if (end - at < 2 || at[0] != '"' || at[1] != ':') {
                return NULL;
            }
            at = skip_number(at + 2, end);
            if (at == NULL || at == end) {
                return NULL;
            }
            if (*at == '}') {
                break;
            }
            if (*at++ != ',') {
                return NULL;
            }
        }
        at++;
        if (at == end || *at == ']') {
            return at == end ? NULL : at;
        }
        if (*at++ != ',') {
            return NULL;
        }
    }
}

static const char *
find(const char *at, const char *end, const char *what, Py_ssize_t size)
{
    for (; end - at >= size; at++) {
        at = memchr(at, what[0], (size_t)(end - at - size + 1));
        if (at == NULL || memcmp(at, what, (size_t)size) == 0) {
            return at;
        }
    }
    return NULL;
}

/* Whether the name of a `"name":[` stands between these, or something does that may be it, spelled in another way: which of
   two counts is not known here, nor whether what follows an escaped quote is a name. */
static int
is_spelled(const char *at, const char *end, const char *name, Py_ssize_t size)
{
    return memchr(at, '\\', (size_t)(end - at)) != NULL || find(at, end, name + 1, size - 3) != NULL;
}

/* Cut levels out of a message. 1: `message` is without them, and `levels` are they: new references. 0: they are not
   plain. -1: an exception. */
static int
cut_levels(PyObject *payload, PyObject *key, PyObject **message, PyObject **levels)
{
    const char *const data = PyBytes_AS_STRING(payload), *const end = data + PyBytes_GET_SIZE(payload);
    const Py_ssize_t size = PyBytes_GET_SIZE(key);
    const char *const name = PyBytes_AS_STRING(key); /* "name":[ */
    *message = *levels = NULL;
    const char *const begin = find(data, end, name, size);
    if (begin == NULL) {
        return 0;
    }
    const char *const first = begin + size, *const last = skip_levels(first, end);
    if (last == NULL || is_spelled(data, begin, name, size) || is_spelled(last, end, name, size)) {
        return 0;
    }
    *levels = PyBytes_FromStringAndSize(first - 1, last - first + 2);
    *message = PyBytes_FromStringAndSize(NULL, (first - data) + (end - last));
    if (*levels == NULL || *message == NULL) {
        Py_CLEAR(*levels);
        Py_CLEAR(*message);
        return -1;
    }
    memcpy(PyBytes_AS_STRING(*message), data, (size_t)(first - data));
    memcpy(PyBytes_AS_STRING(*message) + (first - data), last, (size_t)(end - last));
    return 1;
}

/* Whether an object has the bytes of an empty array. */
static int
is_empty_array(PyObject *object)
{
    Py_buffer view;
    if (PyObject_GetBuffer(object, &view, PyBUF_SIMPLE) < 0) {
        PyErr_Clear();
        return 0;
    }
    const int is_so = view.len == 2 && memcmp(view.buf, "[]", 2) == 0;
    PyBuffer_Release(&view);
    return is_so;
}

PyObject *
decode_without_levels(PyObject *decode, PyObject *payload, PyObject *cut)
{
    PyObject *message, *levels, *values = NULL, *found = NULL, *kept = NULL;
    if (!PyTuple_CheckExact(cut) || PyTuple_GET_SIZE(cut) != 3 || !PyBytes_CheckExact(PyTuple_GET_ITEM(cut, 0)) ||
        PyBytes_GET_SIZE(PyTuple_GET_ITEM(cut, 0)) < 4) {
        PyErr_SetString(PyExc_TypeError, "what is cut out is no key, name and class");
        return NULL;
    }
    PyObject *const key = PyTuple_GET_ITEM(cut, 0), *const name = PyTuple_GET_ITEM(cut, 1);
    if (cut_levels(payload, key, &message, &levels) <= 0) {
        return NULL;
    }
    values = PyObject_CallOneArg(decode, message);
    found = values == NULL ? NULL : PyObject_GetAttr(values, name);
    kept = found == NULL || !is_empty_array(found) ? NULL : PyObject_CallOneArg(PyTuple_GET_ITEM(cut, 2), levels);
    if (kept == NULL || PyObject_SetAttr(values, name, kept) < 0) {
        Py_CLEAR(values); /* without an exception if it stood elsewhere: inside of something */
    }
    Py_DECREF(message);
    Py_DECREF(levels);
    Py_XDECREF(found);
    Py_XDECREF(kept);
    return values;
}
