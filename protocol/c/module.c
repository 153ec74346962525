/* The module websocket_v6.protocol._fast. */

#include "fast.h"

static int
fast_exec(PyObject *module)
{
    PyType_Spec *const specs[] = {&decoded_spec, &levels_spec, &loader_spec, &numbers_spec,
                                  &picker_spec,  &plain_spec,  &player_spec, &playing_spec};
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
    return PyModule_AddFunctions(module, rows_methods);
}

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
    .m_methods = scan_methods,
    .m_slots = fast_slots,
};

PyMODINIT_FUNC
PyInit__fast(void)
{
    return PyModuleDef_Init(&fast_module);
}
