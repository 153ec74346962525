/* Fields of events as attributes: beside events/fields.py. */

#include <stddef.h>

#include "fast.h"
#include <structmember.h>

typedef struct {
    PyObject_HEAD
    PyObject *values; /* the member of an event that has a struct with the fields that are decoded; NULL: not bound */
    PyObject *name;   /* of the field, there */
    PyObject *read;   /* decodes one that is not there */
    PyObject *dict;
} Decoded;

/* Return what an event has of a field. */
static PyObject *
decoded_get(PyObject *op, PyObject *event, PyObject *Py_UNUSED(type))
{
    Decoded *const self = (Decoded *)op;
    if (event == NULL || event == Py_None) {
        return Py_NewRef(op);
    }
    if (self->values == NULL) {
        PyErr_SetString(PyExc_AttributeError, "a field of no class");
        return NULL;
    }
    PyObject *values = member(self->values, event); /* raises if it is an event of none of its classes */
    if (values == NULL) {
        return NULL;
    }
    PyObject *found = values == Py_None ? NULL : PyObject_GetAttr(values, self->name);
    Py_DECREF(values);
    if (found == NULL) {
        if (PyErr_Occurred()) {
            if (!PyErr_ExceptionMatches(PyExc_AttributeError)) {
                return NULL;
            }
            PyErr_Clear();
        }
        PyObject *const arguments[2] = {event, self->name};
        found = PyObject_Vectorcall(self->read, arguments, 2, NULL);
    }
    return found;
}

/* A field is not set: it stands before anything that an object has by that name. */
static int
decoded_set(PyObject *op, PyObject *Py_UNUSED(event), PyObject *Py_UNUSED(value))
{
    PyErr_Format(PyExc_AttributeError, "field %R of an event cannot be set", ((Decoded *)op)->name);
    return -1;
}

PyDoc_STRVAR(decoded_bind_doc,
"bind(values, name, read, /)\n--\n\n"
"Be the field `name`: that attribute of what the member `values` of an event holds. Where it holds None, or nothing of\n"
"that name, it is what `read(event, name)` returns.");

static PyObject *
decoded_bind(PyObject *op, PyObject *const *args, Py_ssize_t nargs)
{
    Decoded *const self = (Decoded *)op;
    if (nargs != 3 || !is_member(args[0]) || !PyUnicode_CheckExact(args[1])) {
        PyErr_SetString(PyExc_TypeError, "bind(member of a class, str, callable)");
        return NULL;
    }
    PyObject *name = Py_NewRef(args[1]);
    PyUnicode_InternInPlace(&name);
    Py_XSETREF(self->values, Py_NewRef(args[0]));
    Py_XSETREF(self->name, name);
    Py_XSETREF(self->read, Py_NewRef(args[2]));
    Py_RETURN_NONE;
}

static int
decoded_traverse(PyObject *op, visitproc visit, void *arg)
{
    Decoded *const self = (Decoded *)op;
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(self->values);
    Py_VISIT(self->read);
    Py_VISIT(self->dict);
    return 0;
}

static int
decoded_clear(PyObject *op)
{
    Decoded *const self = (Decoded *)op;
    Py_CLEAR(self->values);
    Py_CLEAR(self->name);
    Py_CLEAR(self->read);
    Py_CLEAR(self->dict);
    return 0;
}

static void
decoded_dealloc(PyObject *op)
{
    PyTypeObject *const type = Py_TYPE(op);
    PyObject_GC_UnTrack(op);
    decoded_clear(op);
    type->tp_free(op);
    Py_DECREF(type);
}

static PyMethodDef decoded_methods[] = {
    {"bind", FAST(decoded_bind), METH_FASTCALL, decoded_bind_doc},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef decoded_members[] = {
    {"__dictoffset__", T_PYSSIZET, offsetof(Decoded, dict), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

PyDoc_STRVAR(decoded_doc,
"Decoded()\n--\n\n"
"A read-only attribute of events that is decoded when it is first read.");

static PyType_Slot decoded_slots[] = {
    {Py_tp_doc, (void *)decoded_doc},
    {Py_tp_dealloc, decoded_dealloc},
    {Py_tp_traverse, decoded_traverse},
    {Py_tp_clear, decoded_clear},
    {Py_tp_descr_get, decoded_get},
    {Py_tp_descr_set, decoded_set},
    {Py_tp_methods, decoded_methods},
    {Py_tp_members, decoded_members},
    {0, NULL},
};

PyType_Spec decoded_spec = {
    .name = "websocket_v6.protocol._fast.Decoded",
    .basicsize = sizeof(Decoded),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE,
    .slots = decoded_slots,
};
