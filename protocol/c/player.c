/* Who plays the records of a replay, and one such play, as Python has them: what they do is in play.c. */

#include "play.h"

PyDoc_STRVAR(player_play_doc,
"play(columns, place, row, until_ns, ways, clock, run, turn, /)\n--\n\n"
"Play records from one on as far as they are plain: an iterator that yields what `plays_in_python` does in playing.py,\n"
"but of the events only those that are not plain, and what their callbacks returned or raised.");

static PyObject *
player_play(PyObject *op, PyObject *const *args, Py_ssize_t nargs)
{
    Player *const self = (Player *)op;
    int is_sound = nargs == 8 && PyTuple_CheckExact(args[0]) && PyTuple_GET_SIZE(args[0]) == COLUMNS && PyDict_Check(args[4]);
    for (Py_ssize_t index = 0; is_sound && index < COLUMNS; index++) {
        is_sound = PyList_CheckExact(PyTuple_GET_ITEM(args[0], index));
    }
    if (!is_sound) {
        PyErr_SetString(PyExc_TypeError, "play(tuple of six lists, int, int, int, dict, clock, run, int)");
        return NULL;
    }
    const Py_ssize_t place = PyLong_AsSsize_t(args[1]), row = PyLong_AsSsize_t(args[2]), turn = PyLong_AsSsize_t(args[7]);
    const int64_t until_ns = PyErr_Occurred() ? -1 : PyLong_AsLongLong(args[3]);
    if (PyErr_Occurred()) {
        return NULL;
    }
    if (place < 0 || row < 0 || turn < 1) {
        PyErr_SetString(PyExc_ValueError, "place, row or turn is out of range");
        return NULL;
    }
    Playing *playing = (Playing *)((PyTypeObject *)self->playing)->tp_alloc((PyTypeObject *)self->playing, 0);
    if (playing == NULL) {
        return NULL;
    }
    playing->player = (Player *)Py_NewRef(op);
    for (Py_ssize_t index = 0; index < COLUMNS; index++) {
        playing->columns[index] = Py_NewRef(PyTuple_GET_ITEM(args[0], index));
    }
    playing->ways = Py_NewRef(args[4]);
    playing->clock = Py_NewRef(args[5]);
    playing->run = Py_NewRef(args[6]);
    playing->until_ns = until_ns;
    playing->turn = turn;
    playing->place = place;
    playing->row = row;
    playing->left = -1;
    return (PyObject *)playing;
}

static PyObject *
player_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *loader, *members, *event;
    Py_ssize_t small;
    if (kwargs != NULL && PyDict_GET_SIZE(kwargs) != 0) {
        PyErr_SetString(PyExc_TypeError, "Player takes no keyword arguments");
        return NULL;
    }
    if (!PyArg_ParseTuple(args, "OO!O!n:Player", &loader, &PyTuple_Type, &members, &PyType_Type, &event, &small)) {
        return NULL;
    }
    int is_sound = is_loader(loader) && PyTuple_GET_SIZE(members) == MEMBERS;
    for (Py_ssize_t index = 0; is_sound && index < MEMBERS; index++) {
        is_sound = is_member(PyTuple_GET_ITEM(members, index));
    }
    if (!is_sound) {
        PyErr_SetString(PyExc_TypeError, "Player takes a Loader and so many members of classes first");
        return NULL;
    }
    if (small < 0 || small > PY_SSIZE_T_MAX / MOST_AT_ONCE) {
        PyErr_SetString(PyExc_ValueError, "small is out of range");
        return NULL;
    }
    PyObject *const module = PyType_GetModule(type);
    if (module == NULL) {
        return NULL;
    }
    Player *self = (Player *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    self->loader = Py_NewRef(loader);
    for (Py_ssize_t index = 0; index < MEMBERS; index++) {
        self->members[index] = Py_NewRef(PyTuple_GET_ITEM(members, index));
    }
    self->event = Py_NewRef(event);
    self->small = small;
    self->tell_stage = PyUnicode_InternFromString("tell_stage");
    self->playing = PyObject_GetAttrString(module, "Playing");
    if (self->tell_stage == NULL || self->playing == NULL) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

static int
player_traverse(PyObject *op, visitproc visit, void *arg)
{
    Player *const self = (Player *)op;
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(self->loader);
    for (int index = 0; index < MEMBERS; index++) {
        Py_VISIT(self->members[index]);
    }
    Py_VISIT(self->event);
    Py_VISIT(self->playing);
    return 0;
}

static void
player_dealloc(PyObject *op)
{
    Player *const self = (Player *)op;
    PyTypeObject *const type = Py_TYPE(op);
    PyObject_GC_UnTrack(op);
    Py_XDECREF(self->loader);
    for (int index = 0; index < MEMBERS; index++) {
        Py_XDECREF(self->members[index]);
    }
    Py_XDECREF(self->event);
    Py_XDECREF(self->tell_stage);
    Py_XDECREF(self->playing);
    type->tp_free(op);
    Py_DECREF(type);
}

static PyMethodDef player_methods[] = {
    {"play", FAST(player_play), METH_FASTCALL, player_play_doc},
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(player_doc,
"Player(loader, members, event, small, /)\n--\n\n"
"Plays the records of a replay. `members` are those that playing.py names, `event` the class of events, `small` the bytes\n"
"that a message of a record may have.");

static PyType_Slot player_slots[] = {
    {Py_tp_doc, (void *)player_doc},
    {Py_tp_new, player_new},
    {Py_tp_dealloc, player_dealloc},
    {Py_tp_traverse, player_traverse},
    {Py_tp_methods, player_methods},
    {0, NULL},
};

PyType_Spec player_spec = {
    .name = "websocket_v6.protocol._fast.Player",
    .basicsize = sizeof(Player),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = player_slots,
};

static int
playing_traverse(PyObject *op, visitproc visit, void *arg)
{
    Playing *const self = (Playing *)op;
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(self->player);
    for (int index = 0; index < COLUMNS; index++) {
        Py_VISIT(self->columns[index]);
    }
    Py_VISIT(self->ways);
    Py_VISIT(self->clock);
    Py_VISIT(self->run);
    Py_VISIT(self->stream);
    Py_VISIT(self->payload);
    Py_VISIT(self->received_ns);
    Py_VISIT(self->epoch);
    Py_VISIT(self->way);
    Py_VISIT(self->message);
    return 0;
}

static int
playing_clear(PyObject *op)
{
    Playing *const self = (Playing *)op;
    self->is_over = 1;  /* whoever comes here meanwhile finds nothing */
    Py_CLEAR(self->player);
    for (int index = 0; index < COLUMNS; index++) {
        Py_CLEAR(self->columns[index]);
    }
    Py_CLEAR(self->ways);
    Py_CLEAR(self->clock);
    Py_CLEAR(self->run);
    Py_CLEAR(self->stream);
    Py_CLEAR(self->payload);
    Py_CLEAR(self->received_ns);
    Py_CLEAR(self->epoch);
    Py_CLEAR(self->way);
    Py_CLEAR(self->message);
    return 0;
}

static void
playing_dealloc(PyObject *op)
{
    PyTypeObject *const type = Py_TYPE(op);
    PyObject_GC_UnTrack(op);
    playing_clear(op);
    type->tp_free(op);
    Py_DECREF(type);
}

static PyType_Slot playing_slots[] = {
    {Py_tp_doc, "What Player.play returns."},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, playing_next},
    {Py_tp_dealloc, playing_dealloc},
    {Py_tp_traverse, playing_traverse},
    {Py_tp_clear, playing_clear},
    {0, NULL},
};

PyType_Spec playing_spec = {
    .name = "websocket_v6.protocol._fast.Playing",
    .basicsize = sizeof(Playing),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = playing_slots,
};
