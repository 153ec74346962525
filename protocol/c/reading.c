/* One order book, from its text to its levels, for levels.c. */

#include "books.h"

#define TEXT 24  /* bytes of a number, with what ends it, beyond which it is not read here */

/* Tell the length of the JSON number at `at`, 0 if there is none, or none that is done here: negative, too long, or with
   an exponent of more than two digits. */
static Py_ssize_t
number_at(const char *at, const char *end, int *is_zero, int *is_plain)
{
    const char *p = at;
    const char *const last = end - at < TEXT ? end : at + TEXT;
    char seen = '0';
    int is_shown_so = 1;

    if (p == last || *p < '0' || *p > '9') {
        return 0;
    }
    if (*p == '0') {
        p++;
    }
    else {
        for (; p < last && *p >= '0' && *p <= '9'; p++) {
            seen |= *p;
        }
    }
    if (p < last && *p == '.') {
        const char *const point = p++;
        for (; p < last && *p >= '0' && *p <= '9'; p++) {
            seen |= *p;
        }
        if (p == point + 1) {
            return 0;
        }
    }
    if (p < last && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < last && (*p == '+' || *p == '-')) {
            p++;
        }
        const char *const digits = p;
        for (; p < last && *p >= '0' && *p <= '9'; p++) {
        }
        if (p == digits || p - digits > 2) {
            return 0;
        }
        /* Decimal shows what is not below 0.000001 in plain digits, where the exponent makes it no larger. */
        is_shown_so = *at != '0' && p - digits == 1 && digits[-1] == '-' && *digits >= '1' && *digits <= '6';
    }
    else if (p - at >= 8 && memcmp(at, "0.000000", 8) == 0) {
        is_shown_so = 0;
    }
    if (p == last) {  /* it goes on behind it, or it is not known how it ends */
        return 0;
    }
    *is_zero = seen == '0';
    *is_plain = is_shown_so;
    return p - at;
}

static PyObject *
make_number(const Makers *makers, const char *at, Py_ssize_t length, int is_plain)
{
    PyObject *text = PyUnicode_New(length, 127);
    if (text == NULL) {
        return NULL;
    }
    memcpy(PyUnicode_1BYTE_DATA(text), at, (size_t)length);
    PyObject *value = PyObject_CallOneArg(is_plain ? makers->number : makers->spelled, text);
    Py_DECREF(text);
    return value;
}

typedef struct {
    const char *text;
    Py_ssize_t size;
} Key;

#define KEY(literal) {literal, (Py_ssize_t)sizeof(literal) - 1}

/* In the exchange's order; by whether the names are full. */
static const Key KEYS[2][COLUMNS] = {
    {KEY("{\"ap\":"), KEY(",\"bp\":"), KEY(",\"as\":"), KEY(",\"bs\":")},
    {KEY("{\"ask_price\":"), KEY(",\"bid_price\":"), KEY(",\"ask_size\":"), KEY(",\"bid_size\":")},
};

/* A book as it is read. */
typedef struct {
    const Makers *makers;
    const Key *keys;
    const char *text, *end;
    const Book *last;       /* the one before it */
    Py_ssize_t in_common;   /* levels of that, if they are written alike */
    Py_ssize_t moved[2];    /* how far each side has moved since, in levels */
    Py_ssize_t made;        /* numbers that were not in it */
    Py_ssize_t count;       /* levels that are read, and */
    PyObject *units[MOST_LEVELS];
    Place places[MOST_LEVELS];
} Reading;

/* Return the length of a number of the last book with the byte that ends it, if both stand at `at` too, else 0. */
static Py_ssize_t
same_number(const Reading *reading, Py_ssize_t index, int column, const char *at)
{
    const Place *const place = &reading->last->places[index];
    const Py_ssize_t begin = place->numbers[column];
    const Py_ssize_t end = column + 1 < COLUMNS ? place->numbers[column + 1] - reading->keys[column + 1].size
                                                : place->end - 1;
    return book_has(reading->last, begin, end + 1, at, reading->end) ? end - begin : 0;
}

/* Find the price at `at` in the last book, where it is, or one level from there: a price that comes or goes moves what is
   behind it. Return its length, 0 if it is not there. */
static Py_ssize_t
same_price(Reading *reading, int side, const char *at)
{
    static const int STEPS[] = {0, -1, 1};
    for (size_t index = 0; index < sizeof(STEPS) / sizeof(*STEPS); index++) {
        const Py_ssize_t moved = reading->moved[side] + STEPS[index], other = reading->count + moved;
        const int is_there = other >= 0 && other < reading->in_common;
        const Py_ssize_t length = is_there ? same_number(reading, other, side, at) : 0;
        if (length > 0) {
            reading->moved[side] = moved;
            return length;
        }
    }
    return 0;
}

/* Return the number at `at`, and its length in `length`; NULL without an exception if it is not plain. */
static PyObject *
number_of(Reading *reading, int column, int *is_price_known, const char *at, Py_ssize_t *length)
{
    const int side = column & 1, is_price = column < 2;

    if (is_price) {
        *length = same_price(reading, side, at);
        is_price_known[side] = *length > 0;
    }
    else {
        const Py_ssize_t other = reading->count + reading->moved[side];
        *length = is_price_known[side] ? same_number(reading, other, column, at) : 0;
    }
    if (*length > 0) {
        PyObject *const unit = PyTuple_GET_ITEM(reading->last->units, reading->count + reading->moved[side]);
        return member(reading->makers->members[column], unit);
    }
    int is_zero, is_plain;
    *length = number_at(at, reading->end, &is_zero, &is_plain);
    if (*length == 0 || (is_zero && is_price)) {  /* a price of 0: one side is empty there */
        return NULL;
    }
    reading->made++;
    return make_number(reading->makers, at, *length, is_plain);
}

/* Read the level at `at`, and return what is behind it; NULL, without an exception, if it is not plain. */
static const char *
read_level(Reading *reading, const char *at)
{
    PyObject *values[COLUMNS] = {NULL, NULL, NULL, NULL};
    int is_price_known[2] = {0, 0};
    PyObject *unit = NULL;
    Place *const place = &reading->places[reading->count];
    const char *p = at;

    for (int column = 0; column < COLUMNS; column++) {
        const Key *const key = &reading->keys[column];
        if (reading->end - p < key->size || memcmp(p, key->text, (size_t)key->size) != 0) {
            goto done;
        }
        p += key->size;
        place->numbers[column] = (uint16_t)(p - reading->text);
        Py_ssize_t length;
        values[column] = number_of(reading, column, is_price_known, p, &length);
        if (values[column] == NULL) {
            goto done;
        }
        p += length;
    }
    if (p == reading->end || *p++ != '}') {
        goto done;
    }
    place->end = (uint16_t)(p - reading->text);
    unit = PyObject_Vectorcall(reading->makers->unit, values, COLUMNS, NULL);
done:
    for (int column = 0; column < COLUMNS; column++) {
        Py_XDECREF(values[column]);
    }
    if (unit == NULL) {
        return NULL;
    }
    reading->units[reading->count++] = unit;
    return p;
}

/* Take the level at `at` from the last book, if it is the same there; return what is behind it, else NULL. */
static const char *
same_level(Reading *reading, const char *at)
{
    const Py_ssize_t index = reading->count;
    if (index >= reading->in_common) {
        return NULL;
    }
    const Place *const before = &reading->last->places[index];
    const Py_ssize_t begin = before->numbers[0] - reading->keys[0].size;
    if (!book_has(reading->last, begin, before->end, at, reading->end)) {
        return NULL;
    }
    const Py_ssize_t shift = at - reading->text - begin;
    Place *const place = &reading->places[index];
    for (int column = 0; column < COLUMNS; column++) {
        place->numbers[column] = (uint16_t)(before->numbers[column] + shift);
    }
    place->end = (uint16_t)(before->end + shift);
    reading->units[reading->count++] = Py_NewRef(PyTuple_GET_ITEM(reading->last->units, index));
    return reading->text + place->end;
}

/* Whether all levels up to the `most`th were read, and no others follow. */
static int
read_levels(Reading *reading, Py_ssize_t most)
{
    const char *at = reading->text;
    const char *const end = reading->end;

    if (at == end || *at++ != '[') {
        return 0;
    }
    if (end - at == 1 && *at == ']') {  /* there is none */
        return 1;
    }
    while (reading->count < MOST_LEVELS) {
        const char *next = same_level(reading, at);
        at = next != NULL ? next : read_level(reading, at);
        if (at == NULL) {
            return 0;
        }
        if (reading->count == most || (end - at == 1 && *at == ']')) {
            return 1;
        }
        if (at == end || *at++ != ',') {
            return 0;
        }
    }
    return 0;
}

/* Return a tuple of the levels that were read; they are the reading's no more. */
static PyObject *
units_of(Reading *reading)
{
    PyObject *units = PyTuple_New(reading->count);
    for (Py_ssize_t index = 0; index < reading->count; index++) {
        if (units == NULL) {
            Py_DECREF(reading->units[index]);
        }
        else {
            PyTuple_SET_ITEM(units, index, reading->units[index]);
        }
    }
    return units;
}

PyObject *
read_book(const Makers *makers, const char *text, const char *end, int is_full, Py_ssize_t most, Book *book)
{
    Reading reading;  /* not cleared: what is read is written before */
    reading.makers = makers;
    reading.keys = KEYS[is_full];
    reading.text = text;
    reading.end = end;
    reading.last = book;
    reading.in_common = book->units != NULL && book->is_full == is_full ? PyTuple_GET_SIZE(book->units) : 0;
    reading.moved[0] = reading.moved[1] = reading.made = reading.count = 0;
    if (!read_levels(&reading, most)) {
        for (Py_ssize_t index = 0; index < reading.count; index++) {
            Py_DECREF(reading.units[index]);
        }
        return NULL;
    }
    PyObject *units = units_of(&reading);
    if (units == NULL) {
        return NULL;
    }
    const int is_kept = book_is_worth_it(book, reading.made, COLUMNS * reading.count);
    if (is_kept && book_keep(book, units, is_full, text, reading.places) < 0) {
        Py_CLEAR(units);
    }
    return units;
}
