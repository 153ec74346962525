/* The last books of markets: levels and numbers that stood in one, word for word, are not made again. */

#ifndef WEBSOCKET_V6_BOOKS_H
#define WEBSOCKET_V6_BOOKS_H

#include "fast.h"

#define MOST_LEVELS 32  /* of a book that is read here; the exchange has 30 */
#define COLUMNS 4       /* of a level: its prices, ask and bid, then their sizes */

/* Where a level is in the text of its book, which has less than 64 KiB. */
typedef struct {
    uint16_t numbers[COLUMNS];  /* where each begins */
    uint16_t end;               /* what is behind the closing brace */
} Place;

/* What was read of a market last: all levels, or the first few. */
typedef struct {
    int is_used;      /* it is being compared with what is to take its place: not by two at once */
    int is_full;      /* the names are the long ones */
    PyObject *units;  /* a tuple with the levels, NULL: nothing is remembered */
    char *text;
    Py_ssize_t capacity;
    int rest;         /* books for which nothing will be remembered */
    int pause;        /* for how many, should the next one be all new as well */
    Place places[MOST_LEVELS];
} Book;

/* Return the book of `key`, an empty one if it has none yet, and in `holder` a reference to what keeps it alive; NULL
   with an exception. Instead of more than `most` none are remembered. */
Book *book_of(PyObject *books, PyObject *key, Py_ssize_t most, PyObject **holder);

/* Look at how many of its numbers were `made` because the last book has not got them; whether it is worth keeping. */
int book_is_worth_it(Book *book, Py_ssize_t made, Py_ssize_t numbers);

/* Put what was read into it. 0, or -1 and an exception. */
int book_keep(Book *book, PyObject *units, int is_full, const char *text, const Place *places);

/* Visit what all of them hold, for the collector. */
int books_visit(PyObject *books, visitproc visit, void *arg);

/* What levels and their numbers are made with. */
typedef struct {
    PyObject *unit;              /* makes a level of four numbers */
    PyObject *members[COLUMNS];  /* of a level: its numbers */
    PyObject *number;            /* makes a number of its text */
    PyObject *spelled;           /* makes one of a text whose number would be shown with an exponent */
} Makers;

/* Return the levels, `most` of them or, with -1, all, and have them remembered in `book`, where that pays; NULL without an
   exception if they are not plain. */
PyObject *read_book(const Makers *makers, const char *text, const char *end, int is_full, Py_ssize_t most, Book *book);

/* Whether the bytes from `begin` to `end` of its text stand at `at` as well, with something behind them. */
static inline int
book_has(const Book *book, Py_ssize_t begin, Py_ssize_t end, const char *at, const char *last)
{
    return last - at > end - begin && memcmp(at, book->text + begin, (size_t)(end - begin)) == 0;
}

#endif
