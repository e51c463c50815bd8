/* cmocka wants these four before its own header. A case has a path for a name: CASE("/buf/set_copies", set_copies). */
#ifndef KG_TESTS_UNIT_H
#define KG_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define CASE(path, function)                                                                                           \
  { path, function, NULL, NULL, NULL }

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
