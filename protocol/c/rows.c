/* Messages as they stand in a recording: beside recording/records.py. */

#include "fast.h"

typedef struct {
    const unsigned char *at, *end;
} Reader;

/* Read a big-endian number of `size` bytes. 1, or 0 if there are not so many. */
static int
read_big(Reader *reader, int size, uint64_t *number)
{
    if (reader->end - reader->at < size) {
        return 0;
    }
    *number = 0;
    for (int index = 0; index < size; index++) {
        *number = *number << 8 | *reader->at++;
    }
    return 1;
}

/* Read the head of what has a length: `fixed` to `fixed + most` have it in themselves, `first` and those behind it in 1,
   2 or 4 bytes, or in 2 or 4 with `shift`. 1, or 0 if it is something else. */
static int
read_length(Reader *reader, int fixed, int most, int first, int shift, uint64_t *length)
{
    if (reader->at == reader->end) {
        return 0;
    }
    const int head = *reader->at++;
    if (most >= 0 && head >= fixed && head <= fixed + most) {
        *length = (uint64_t)(head - fixed);
        return 1;
    }
    const int which = head - first + shift;
    return which >= shift && which <= 2 && read_big(reader, 1 << which, length);
}

static int
read_bin(Reader *reader, uint64_t *length)
{
    return read_length(reader, 0, -1, 0xc4, 0, length) && *length <= (uint64_t)(reader->end - reader->at);
}

static int
read_text(Reader *reader, uint64_t *length)
{
    return read_length(reader, 0xa0, 31, 0xd9, 0, length) && *length <= (uint64_t)(reader->end - reader->at);
}

static int
read_array(Reader *reader, uint64_t *length)
{
    return read_length(reader, 0x90, 15, 0xdc, 1, length);
}

/* Read a number from 0 to 2**63 - 1. 1, or 0 if it is another, or none. */
static int
read_number(Reader *reader, int64_t *number)
{
    if (reader->at == reader->end) {
        return 0;
    }
    const int head = *reader->at++;
    uint64_t found = (uint64_t)head;
    if (head > 0x7f && (head < 0xcc || head > 0xcf || !read_big(reader, 1 << (head - 0xcc), &found))) {
        return 0;
    }
    *number = (int64_t)found;
    return found <= INT64_MAX;
}

enum { COLUMN_STREAMS, COLUMN_PAYLOADS, COLUMN_COUNTS, COLUMN_MONOS, COLUMN_EPOCHS, COLUMN_RECEIVED, COLUMNS };

typedef struct {
    PyObject *columns[COLUMNS]; /* lists */
    PyObject *known;            /* streams */
    uint64_t most, most_characters;
} Reading;

/* Read streams, each of which is the one that is known. 1, or 0 if they are something else; -1 with an exception. */
static int
read_streams(Reader *reader, const Reading *reading, uint64_t *count)
{
    uint64_t length;
    if (!read_array(reader, count) || *count > reading->most) {
        return 0;
    }
    for (uint64_t index = 0; index < *count; index++) {
        if (!read_text(reader, &length) || length > reading->most_characters) {
            return 0;
        }
        PyObject *text = PyUnicode_DecodeUTF8((const char *)reader->at, (Py_ssize_t)length, NULL);
        if (text == NULL) {
            if (!PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)) {
                return -1;
            }
            PyErr_Clear(); /* Python meets it again, and knows what it says */
            return 0;
        }
        PyObject *const stream = PyDict_SetDefault(reading->known, text, text);
        Py_DECREF(text);
        if (stream == NULL || PyList_Append(reading->columns[COLUMN_STREAMS], stream) < 0) {
            return -1;
        }
        reader->at += length;
    }
    return 1;
}

/* Read so many payloads. 1, or 0 if they are something else; -1 with an exception. */
static int
read_payloads(Reader *reader, const Reading *reading, uint64_t count)
{
    uint64_t found, length;
    if (!read_array(reader, &found) || found != count) {
        return 0;
    }
    for (uint64_t index = 0; index < count; index++) {
        if (!read_bin(reader, &length)) {
            return 0;
        }
        PyObject *payload = PyBytes_FromStringAndSize((const char *)reader->at, (Py_ssize_t)length);
        const int failed = payload == NULL || PyList_Append(reading->columns[COLUMN_PAYLOADS], payload) < 0;
        Py_XDECREF(payload);
        if (failed) {
            return -1;
        }
        reader->at += length;
    }
    return 1;
}

static int
append_number(PyObject *column, int64_t number)
{
    PyObject *object = PyLong_FromLongLong(number);
    const int failed = object == NULL || PyList_Append(column, object) < 0;
    Py_XDECREF(object);
    return failed ? -1 : 0;
}

/* Read the record that fills all of `reader`. 1, or 0 if it is no plain one of messages; -1 with an exception. */
static int
read_record(Reader *reader, const Reading *reading)
{
    static const unsigned char begin[2] = {0x93, 1}; /* an array of three, the first a kind */
    int64_t mono_ns, epoch, received_ns, marks;
    uint64_t count;
    if (reader->end - reader->at < 2 || memcmp(reader->at, begin, 2) != 0) {
        return 0;
    }
    reader->at += 2;
    if (!read_number(reader, &mono_ns) || reader->at == reader->end || *reader->at++ != 0x95 ||
        !read_number(reader, &epoch) || epoch > UINT32_MAX || !read_number(reader, &received_ns) ||
        !read_number(reader, &marks) || marks != 0) {
        return 0;
    }
    int is_read = read_streams(reader, reading, &count);
    if (is_read > 0) {
        is_read = read_payloads(reader, reading, count);
    }
    if (is_read <= 0 || reader->at != reader->end) {
        return is_read < 0 ? -1 : 0;
    }
    const int64_t numbers[4] = {(int64_t)count, mono_ns, epoch, received_ns};
    for (int index = 0; index < 4; index++) {
        if (append_number(reading->columns[COLUMN_COUNTS + index], numbers[index]) < 0) {
            return -1;
        }
    }
    return 1;
}

/* Shorten a column to `size`. 0, or -1 and an exception. */
static int
shorten(PyObject *column, Py_ssize_t size)
{
    return PyList_SetSlice(column, size, PyList_GET_SIZE(column), NULL);
}

PyDoc_STRVAR(rows_doc,
"rows(data, start, columns, known, most, most_characters, /)\n--\n\n"
"Read records of messages from `start` on, up to the first that is not plain, or has marks, and append them to `columns`,\n"
"those of Messages; return where that one begins, or all of them end. Streams that are `known` are the ones there, where\n"
"others are added. A record has `most` messages or less, a stream so many bytes.");

static PyObject *
read_rows(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    (void)module;
    int is_sound = nargs == 6 && PyBytes_CheckExact(args[0]) && PyTuple_CheckExact(args[2]) &&
                   PyTuple_GET_SIZE(args[2]) == COLUMNS && PyDict_CheckExact(args[3]);
    for (Py_ssize_t index = 0; is_sound && index < COLUMNS; index++) {
        is_sound = PyList_CheckExact(PyTuple_GET_ITEM(args[2], index));
    }
    if (!is_sound) {
        PyErr_SetString(PyExc_TypeError, "rows(bytes, int, tuple of six lists, dict, int, int)");
        return NULL;
    }
    const Py_ssize_t start = PyLong_AsSsize_t(args[1]);
    const Py_ssize_t most = PyLong_AsSsize_t(args[4]), most_characters = PyLong_AsSsize_t(args[5]);
    if (PyErr_Occurred()) {
        return NULL;
    }
    if (start < 0 || start > PyBytes_GET_SIZE(args[0]) || most < 0 || most_characters < 0) {
        PyErr_SetString(PyExc_ValueError, "start, or a limit, is out of range");
        return NULL;
    }
    const unsigned char *const data = (const unsigned char *)PyBytes_AS_STRING(args[0]);
    Reader all = {data + start, data + PyBytes_GET_SIZE(args[0])};
    Reading reading = {.known = args[3], .most = (uint64_t)most, .most_characters = (uint64_t)most_characters};
    for (int index = 0; index < COLUMNS; index++) {
        reading.columns[index] = PyTuple_GET_ITEM(args[2], index);
    }
    PyObject *const streams = reading.columns[COLUMN_STREAMS], *const payloads = reading.columns[COLUMN_PAYLOADS];
    const unsigned char *done = all.at;
    uint64_t length;
    while (all.at < all.end && read_bin(&all, &length)) {
        Reader one = {all.at, all.at + length};
        const Py_ssize_t before[2] = {PyList_GET_SIZE(streams), PyList_GET_SIZE(payloads)};
        const int is_read = read_record(&one, &reading);
        if (is_read < 0) {
            return NULL;
        }
        if (is_read == 0) { /* perhaps in part */
            if (shorten(streams, before[0]) < 0 || shorten(payloads, before[1]) < 0) {
                return NULL;
            }
            break;
        }
        done = all.at = one.end;
    }
    return PyLong_FromSsize_t(done - data);
}

PyMethodDef rows_methods[] = {
    {"rows", FAST(read_rows), METH_FASTCALL, rows_doc},
    {NULL, NULL, 0, NULL},
};
