/* The loop over the records of a replay: beside actors/replay/playing.py. */

#include "play.h"

/* How a stream goes: see Way in playing.py. */
enum { ROOM, IS_LATEST, ROUTE, CLS, SYMBOL, CODEC, NAME, BOUNDS, WAY };

/* --- one record */

/* Return how a stream goes: a new reference; NULL with an exception. */
static PyObject *
way_of(Playing *self, PyObject *stream)
{
    PyObject *way = Py_XNewRef(PyDict_GetItemWithError(self->ways, stream));
    if (way == NULL && !PyErr_Occurred()) {
        way = PyObject_GetItem(self->ways, stream);  /* its `__missing__` */
    }
    if (way == NULL) {
        return NULL;
    }
    if (!PyTuple_Check(way) || PyTuple_GET_SIZE(way) != WAY || !PyBool_Check(PyTuple_GET_ITEM(way, IS_LATEST)) ||
        !PyBytes_CheckExact(PyTuple_GET_ITEM(way, NAME)) || !PyTuple_CheckExact(PyTuple_GET_ITEM(way, BOUNDS))) {
        PyErr_SetString(PyExc_TypeError, "ways have no such tuple for a stream");
        Py_CLEAR(way);
    }
    return way;
}

/* Return what a column has at `index`: a new reference; NULL and an exception if it is as long no more. */
static PyObject *
item(Playing *self, int column, Py_ssize_t index)
{
    if (index >= PyList_GET_SIZE(self->columns[column])) {
        PyErr_SetString(PyExc_IndexError, "the columns of messages are not of the same length");
        return NULL;
    }
    return Py_NewRef(PyList_GET_ITEM(self->columns[column], index));
}

/* Whether one of `count` messages may pass where it goes, behind those of `before`; -1 with an exception. */
static int
passes_one(PyObject *way, PyObject *payload, Py_ssize_t count, PyObject *const *before, Py_ssize_t index)
{
    const Py_ssize_t room = PyLong_AsSsize_t(PyTuple_GET_ITEM(way, ROOM));
    if (room == -1 && PyErr_Occurred()) {
        return -1;
    }
    if (room < count || !PyBytes_CheckExact(payload)) {
        return 0;
    }
    if (PyTuple_GET_ITEM(way, IS_LATEST) == Py_True) {
        while (index > 0) {
            if (before[--index] == way) { /* of each stream there is one, which the dict keeps */
                return 0;
            }
        }
    }
    return 1;
}

/* Whether `count` messages from `row` on all pass the mailboxes that they are for; -1 with an exception. */
static int
passes(Playing *self, Py_ssize_t count)
{
    if (count <= 0 || count > MOST_AT_ONCE) {
        return 0;
    }
    PyObject *ways[MOST_AT_ONCE]; /* only compared */
    int64_t size = 0;
    int answer = 1;
    for (Py_ssize_t index = 0; answer > 0 && index < count; index++) {
        PyObject *stream = item(self, STREAMS, self->row + index);
        PyObject *way = stream == NULL ? NULL : way_of(self, stream);
        PyObject *payload = way == NULL ? NULL : item(self, PAYLOADS, self->row + index);
        answer = payload == NULL ? -1 : passes_one(way, payload, count, ways, index);
        if (answer > 0) {
            size += PyBytes_GET_SIZE(payload);
            ways[index] = way;
            if (index == 0) {
                Py_XSETREF(self->way, Py_NewRef(way)); /* mostly it is the only one */
            }
        }
        Py_XDECREF(stream);
        Py_XDECREF(way);
        Py_XDECREF(payload);
    }
    return answer > 0 ? size <= (int64_t)self->player->small * count : answer;
}

/* Look at the record at `place`, whose `columns` are those from its count on. As `take_up`. */
static int
look_at(Playing *self, PyObject *const *columns)
{
    PyObject *const mono = columns[MONOS - COUNTS];
    const int64_t mono_ns = PyLong_AsLongLong(mono);
    if (mono_ns == -1 && PyErr_Occurred()) {
        return -1;
    }
    const Py_ssize_t count = PyLong_AsSsize_t(columns[0]);
    if (count == -1 && PyErr_Occurred()) {
        return -1;
    }
    if (mono_ns >= self->until_ns) {
        return 0;
    }
    Py_XSETREF(self->epoch, Py_NewRef(columns[EPOCHS - COUNTS]));
    Py_XSETREF(self->received_ns, Py_NewRef(columns[RECEIVED - COUNTS]));
    const int answer = passes(self, count);
    if (answer > 0 && set_member(self->player->members[MONO], self->clock, mono) < 0) {
        return -1;
    }
    self->left = count;
    self->is_first = 1;
    return answer;
}

/* Take up the record at `place`. 1: it is at hand, and the clock is its own. 0: the run is over. -1: an exception. */
static int
take_up(Playing *self)
{
    if (self->place >= PyList_GET_SIZE(self->columns[COUNTS])) {
        return 0;
    }
    PyObject *flag = member(self->player->members[IS_RECALLED], self->run);
    if (flag == NULL) {
        return -1;
    }
    Py_DECREF(flag);
    if (flag == Py_True) {
        return 0;
    }
    PyObject *columns[COLUMNS - COUNTS];
    int taken = 0;
    while (taken < COLUMNS - COUNTS && (columns[taken] = item(self, COUNTS + taken, self->place)) != NULL) {
        taken++;
    }
    const int answer = taken == COLUMNS - COUNTS ? look_at(self, columns) : -1;
    while (taken > 0) {
        Py_DECREF(columns[--taken]);
    }
    return answer;
}

/* --- one message */

/* Make the event of the message at hand, the last one of its route. 1: there is one. 0: nobody has a route for it. */
static int
make_event(Playing *self)
{
    PyObject *stream = item(self, STREAMS, self->row);
    PyObject *payload = stream == NULL ? NULL : item(self, PAYLOADS, self->row);
    if (payload == NULL) {
        Py_XDECREF(stream);
        return -1;
    }
    Py_XSETREF(self->stream, stream);
    Py_XSETREF(self->payload, payload);
    if (!self->is_first) {
        PyObject *found = way_of(self, self->stream);
        if (found == NULL) {
            return -1;
        }
        Py_XSETREF(self->way, found);
    }
    self->is_first = 0;
    self->messages++;
    PyObject *const way = self->way, *const route = PyTuple_GET_ITEM(way, ROUTE);
    if (route == Py_None) {
        return 0;
    }
    PyObject *const fields[6] = {self->stream, PyTuple_GET_ITEM(way, SYMBOL), self->received_ns,
                                 self->epoch,  self->payload,                 PyTuple_GET_ITEM(way, CODEC)};
    self->message = PyObject_Vectorcall(PyTuple_GET_ITEM(way, CLS), fields, 6, NULL);
    if (self->message == NULL) {
        return -1;
    }
    return set_member(self->player->members[LAST], route, self->message) < 0 ? -1 : 1;
}

static int
count_up(PyObject *descriptor, PyObject *object)
{
    PyObject *before = member(descriptor, object);
    if (before == NULL) {
        return -1;
    }
    const Py_ssize_t number = PyLong_AsSsize_t(before);
    Py_DECREF(before);
    if (number == -1 && PyErr_Occurred()) {
        return -1;
    }
    PyObject *after = PyLong_FromSsize_t(number + 1);
    const int failed = after == NULL || set_member(descriptor, object, after) < 0;
    Py_XDECREF(after);
    return failed ? -1 : 0;
}

static char *
put(char *to, uint64_t number, int size)
{
    for (int index = 0; index < size; index++) {
        *to++ = (char)(number >> (8 * index));
    }
    return to;
}

/* Have a hash count the message at hand, as ReplayEdge._note does: one that has no marks. In two pieces, for to put them
   together takes longer than to hash them. 0, or -1 and an exception. */
static int
note(Playing *self, PyObject *update)
{
    PyObject *const name = PyTuple_GET_ITEM(self->way, NAME);
    PyObject *const payload = self->payload;
    const int64_t received_ns = PyLong_AsLongLong(self->received_ns);
    if (received_ns == -1 && PyErr_Occurred()) {
        return -1;
    }
    const int64_t epoch = PyLong_AsLongLong(self->epoch);
    if (epoch == -1 && PyErr_Occurred()) {
        return -1;
    }
    if (!PyBytes_CheckExact(payload)) {
        PyErr_SetString(PyExc_TypeError, "a payload is no bytes");
        return -1;
    }
    const Py_ssize_t length = PyBytes_GET_SIZE(name), size = PyBytes_GET_SIZE(payload);
    PyObject *head = PyBytes_FromStringAndSize(NULL, length + 21);
    if (head == NULL) {
        return -1;
    }
    char *to = PyBytes_AS_STRING(head);
    memcpy(to, PyBytes_AS_STRING(name), (size_t)length);
    to = put(to + length, (uint64_t)received_ns, 8);
    to = put(to, (uint64_t)epoch, 8);
    *to++ = 0;
    put(to, (uint64_t)size, 4);
    PyObject *done = PyObject_CallOneArg(update, head);
    Py_DECREF(head);
    Py_XDECREF(done);
    done = done == NULL ? NULL : PyObject_CallOneArg(update, payload);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

/* Return the message at hand with one of its takers, as it is yielded. */
static PyObject *
yielded(Playing *self, PyObject *bound, PyObject *result, PyObject *error)
{
    return PyTuple_Pack(4, self->message, bound, result, error);
}

/* Whether the message at hand is plain for a taker that has such a `ready`, and loaded; -1 with an exception. */
static int
is_ready(Playing *self, PyObject *ready)
{
    if (ready != Py_None && ready != PyTuple_GET_ITEM(self->way, CODEC)) {
        return 0;
    }
    if (!PyObject_TypeCheck(self->message, (PyTypeObject *)self->player->event)) {
        return 0;
    }
    return load_event(self->player->loader, self->message);
}

/* Give the message at hand to one taker. NULL without an exception: it is done, or nobody is there. */
static PyObject *
hand_out(Playing *self, PyObject *bound)
{
    PyObject *const *const members = self->player->members;
    PyObject *answer = NULL, *callback = NULL, *ready = NULL, *update = NULL, *is_closed = NULL;
    PyObject *mailbox = member(members[MAILBOX], bound);
    if (mailbox == NULL) {
        goto done;
    }
    is_closed = member(members[IS_CLOSED], mailbox);
    if (is_closed == NULL || is_closed == Py_True || count_up(members[PASSED], mailbox) < 0) {
        goto done;
    }
    self->given++;
    callback = member(members[CALLBACK], bound);
    if (callback == NULL || callback == Py_None) {
        goto done;
    }
    self->called++;
    ready = member(members[READY], bound);
    const int is_plain = ready == NULL ? -1 : is_ready(self, ready);
    if (is_plain < 0) {
        goto done;
    }
    if (!is_plain) {
        answer = yielded(self, bound, Py_None, Py_None);
        goto done;
    }
    update = member(members[UPDATE], bound);
    if (update == NULL || (update != Py_None && note(self, update) < 0)) {
        goto done;
    }
    PyObject *result = PyObject_CallOneArg(callback, self->message);
    PyObject *error = result == NULL ? taken_exception() : NULL;
    if (result != Py_None) {
        answer = yielded(self, bound, result == NULL ? Py_None : result, error == NULL ? Py_None : error);
    }
    Py_XDECREF(result);
    Py_XDECREF(error);
done:
    Py_XDECREF(mailbox);
    Py_XDECREF(is_closed);
    Py_XDECREF(callback);
    Py_XDECREF(ready);
    Py_XDECREF(update);
    return answer;
}

/* --- all of them */

/* Have the run know how far it is. 0, or -1 and an exception. */
static int
tell_run(Playing *self)
{
    const Py_ssize_t numbers[3] = {self->done, self->messages, self->given};
    const int which[3] = {DONE, MESSAGES, GIVEN};
    for (int index = 0; index < 3; index++) {
        PyObject *number = PyLong_FromSsize_t(numbers[index]);
        const int failed = number == NULL || set_member(self->player->members[which[index]], self->run, number) < 0;
        Py_XDECREF(number);
        if (failed) {
            return -1;
        }
    }
    return 0;
}

/* Go on up to what is to be yielded. NULL: it is over, or there is an exception. */
static PyObject *
go_on(Playing *self)
{
    for (;;) {
        if (self->left < 0) {
            if (self->called >= self->turn) {
                self->called = 0;
                PyObject *told = tell_run(self) < 0 ? NULL : PyObject_CallMethodNoArgs(self->run, self->player->tell_stage);
                Py_XDECREF(told);
                return told == NULL ? NULL : PyTuple_Pack(4, Py_None, Py_None, Py_None, Py_None);
            }
            if (take_up(self) <= 0) {
                self->left = -1;
                return NULL;
            }
            self->done++;
            self->place++;
        }
        for (; self->left > 0; self->left--, self->row++) {
            if (self->message == NULL) {
                const int is_there = make_event(self);
                if (is_there < 0) {
                    return NULL;
                }
                if (!is_there) {
                    continue;
                }
                self->taker = 0;
            }
            PyObject *const bounds = PyTuple_GET_ITEM(self->way, BOUNDS);
            while (self->taker < PyTuple_GET_SIZE(bounds)) {
                PyObject *answer = hand_out(self, PyTuple_GET_ITEM(bounds, self->taker++));
                if (answer != NULL || PyErr_Occurred()) {
                    return answer;
                }
            }
            Py_CLEAR(self->message);
        }
        self->left = -1;
    }
}

/* As a generator: not by two at once, nothing more behind its end, and what was done is told, however it ends. */
PyObject *
playing_next(PyObject *op)
{
    Playing *const self = (Playing *)op;
    if (self->is_over) {
        return NULL;
    }
    if (self->is_running) {
        PyErr_SetString(PyExc_ValueError, "it is playing already");
        return NULL;
    }
    self->is_running = 1;
    PyObject *answer = go_on(self);
    PyObject *error = answer == NULL && PyErr_Occurred() ? taken_exception() : NULL;
    self->is_over = answer == NULL;
    self->is_running = 0;
    if (tell_run(self) < 0) {
        Py_CLEAR(answer);
    }
    else if (error != NULL) {
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
    }
    Py_XDECREF(error);
    return answer;
}
