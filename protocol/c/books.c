/* The last books of markets, for levels.c. */

#include "books.h"

#define FEW (5 * COLUMNS)  /* numbers, of which not one has to be known; this and the pause as in events/levels.py */
#define LONGEST_PAUSE 255  /* books */

static const char NAME[] = "websocket_v6.protocol._fast.book";

static void
book_free(PyObject *holder)
{
    Book *const book = PyCapsule_GetPointer(holder, NAME);
    if (book != NULL) {
        Py_XDECREF(book->units);
        PyMem_Free(book->text);
        PyMem_Free(book);
    }
}

static PyObject *
new_holder(void)
{
    Book *const book = PyMem_Calloc(1, sizeof(Book));
    if (book == NULL) {
        return PyErr_NoMemory();
    }
    PyObject *const holder = PyCapsule_New(book, NAME, book_free);
    if (holder == NULL) {
        PyMem_Free(book);
    }
    return holder;
}

Book *
book_of(PyObject *books, PyObject *key, Py_ssize_t most, PyObject **holder)
{
    *holder = Py_XNewRef(PyDict_GetItemWithError(books, key));
    if (*holder == NULL) {
        if (PyErr_Occurred()) {
            return NULL;
        }
        if (PyDict_GET_SIZE(books) >= most) {
            PyDict_Clear(books);
        }
        *holder = new_holder();
        if (*holder == NULL || PyDict_SetItem(books, key, *holder) < 0) {
            Py_CLEAR(*holder);
            return NULL;
        }
    }
    return PyCapsule_GetPointer(*holder, NAME);
}

int
book_is_worth_it(Book *book, Py_ssize_t made, Py_ssize_t numbers)
{
    if (book->rest > 0) {
        book->rest--;
        return 0;
    }
    if (book->units == NULL) {
        return 1;
    }
    if (made <= FEW || made * 3 <= numbers) {
        book->pause = 0;
        return 1;
    }
    /* The first time it begins anew at once, the second time in a row after a while. What is kept for nothing drives what
       is needed out of the caches: that costs more than to make it. */
    book->rest = book->pause;
    book->pause = book->pause * 2 + 1 < LONGEST_PAUSE ? book->pause * 2 + 1 : LONGEST_PAUSE;
    if (book->rest > 0) {
        Py_CLEAR(book->units);
    }
    return book->rest == 0;
}

int
book_keep(Book *book, PyObject *units, int is_full, const char *text, const Place *places)
{
    const Py_ssize_t count = PyTuple_GET_SIZE(units);
    const Py_ssize_t size = count == 0 ? 0 : places[count - 1].end;
    if (size > book->capacity) {
        char *const larger = PyMem_Realloc(book->text, (size_t)size);
        if (larger == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        book->text = larger;
        book->capacity = size;
    }
    if (size > 0) {
        memcpy(book->text, text, (size_t)size);
        memcpy(book->places, places, (size_t)count * sizeof(Place));
    }
    book->is_full = is_full;
    Py_XSETREF(book->units, Py_NewRef(units));
    return 0;
}

int
books_visit(PyObject *books, visitproc visit, void *arg)
{
    PyObject *key, *holder;
    Py_ssize_t position = 0;
    while (books != NULL && PyDict_Next(books, &position, &key, &holder)) {
        const Book *const book = PyCapsule_GetPointer(holder, NAME);
        if (book != NULL) {
            Py_VISIT(book->units);
        }
    }
    return 0;
}
