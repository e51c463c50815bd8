/* What every fuzz target is made of: one function that takes any bytes, and promises that must hold whatever they are.
 * With clang and KEYGUARD_FUZZ libFuzzer drives it; else main.c runs it over its corpus. */
#ifndef KG_TESTS_FUZZ_H
#define KG_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the process with the place and the condition, as a sanitizer would. */
#define promise(condition) ((condition) ? (void)0 : fuzz_fail(__FILE__, __LINE__, #condition))
void fuzz_fail(const char *file, int line, const char *what) __attribute__((noreturn));

#endif
