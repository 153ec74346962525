/* What flat JSON without a space is made of. Each of these returns where that ends, NULL if something else begins there; in
   a header, for they are called for every byte. */

#ifndef WEBSOCKET_V6_SKIP_H
#define WEBSOCKET_V6_SKIP_H

#include "fast.h"

static inline const char *
skip_digits(const char *at, const char *end)
{
    const char *const first = at;
    while (at < end && *at >= '0' && *at <= '9') {
        at++;
    }
    return at == first ? NULL : at;
}

/* A number that is not negative. */
static inline const char *
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

/* Objects of names and numbers in an array without a space: up to its bracket. */
static inline const char *
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

/* The rest of a string without a backslash: up to its quote. Its bytes are added to `seen`, to tell ASCII by. */
static inline const char *
skip_text(const char *at, const char *end, unsigned char *seen)
{
    unsigned char all = 0;
    for (; at < end && *at != '"'; at++) {
        const unsigned char one = (unsigned char)*at;
        if (one < ' ' || one == '\\') {
            return NULL;
        }
        all |= one;
    }
    *seen |= all;
    return at == end ? NULL : at;
}

/* true, false or null. */
static inline const char *
skip_word(const char *at, const char *end)
{
    static const struct {
        const char *text;
        Py_ssize_t size;
    } words[] = {{"true", 4}, {"false", 5}, {"null", 4}};
    for (size_t index = 0; index < Py_ARRAY_LENGTH(words); index++) {
        if (end - at >= words[index].size && memcmp(at, words[index].text, (size_t)words[index].size) == 0) {
            return at + words[index].size;
        }
    }
    return NULL;
}

#endif
