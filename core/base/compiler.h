/* What the compiler is to watch. */
#ifndef KG_CORE_BASE_COMPILER_H
#define KG_CORE_BASE_COMPILER_H

#if defined(__MINGW32__) /* whose "printf" would be the old Microsoft runtime's, without %zu */
#define KG_MUST_USE __attribute__((warn_unused_result))
#define KG_PRINTF(f, a) __attribute__((format(gnu_printf, f, a)))
#elif defined(__GNUC__) || defined(__clang__)
#define KG_MUST_USE __attribute__((warn_unused_result))
#define KG_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define KG_MUST_USE
#define KG_PRINTF(f, a)
#endif

#endif
