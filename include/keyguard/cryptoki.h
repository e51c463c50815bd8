/* The only includer of PKCS#11 headers: p11-kit's by default, the official OASIS text with KEYGUARD_OASIS_HEADERS
 * (CMake: KEYGUARD_PKCS11_HEADERS). Either way what follows sees PKCS#11 3.0, packed to one byte on Windows and not
 * packed elsewhere (PKCS#11 2.40 section 3.1: "structures are packed to occupy as little space as is possible", which
 * only Windows ever did). A translation unit that includes a p11-kit header of its own must not include this file in
 * an OASIS build: both declare the same names. A plugin does not need it; who includes it needs the flags of p11-kit-1
 * (pkg-config). */
#ifndef KEYGUARD_CRYPTOKI_H
#define KEYGUARD_CRYPTOKI_H

#include <stddef.h>

#ifdef KEYGUARD_OASIS_HEADERS

#define CK_PTR *
#if defined(_WIN32) && defined(CRYPTOKI_EXPORTS)
#define CK_SPEC __declspec(dllexport)
#elif defined(_WIN32)
#define CK_SPEC __declspec(dllimport)
#else
#define CK_SPEC
#endif
#define CK_DEFINE_FUNCTION(type, name) type CK_SPEC name
#define CK_DECLARE_FUNCTION(type, name) type CK_SPEC name
#define CK_DECLARE_FUNCTION_POINTER(type, name) type(*name)
#define CK_CALLBACK_FUNCTION(type, name) type(*name)
#ifndef NULL_PTR
#define NULL_PTR NULL
#endif
#if defined(_WIN32)
#pragma pack(push, cryptoki, 1) /* the OASIS text does not pack itself */
#endif
#include <pkcs11.h>
#if defined(_WIN32)
#pragma pack(pop, cryptoki)
#endif

#else
#include <p11-kit/pkcs11.h>
#endif

#include "keyguard/cryptoki_v3.h"

/* A header with another packing compiles and then crashes inside the application, so the sizes are said here.
 * Measured with p11-kit 0.24.1 and the OASIS text, by gcc and mingw-w64. */
#if defined(_WIN32)
_Static_assert(sizeof(CK_ULONG) == 4, "CK_ULONG is a Windows long");
_Static_assert(sizeof(CK_INFO) == 72 && sizeof(CK_TOKEN_INFO) == 160, "Windows structures are packed to 1");
_Static_assert(offsetof(CK_FUNCTION_LIST, C_Initialize) == 2, "the function list is packed to 1");
#if defined(_WIN64)
_Static_assert(sizeof(CK_MECHANISM) == 16 && sizeof(CK_ATTRIBUTE) == 16, "Windows structures are packed to 1");
_Static_assert(sizeof(CK_FUNCTION_LIST) == 2 + 68 * 8, "68 functions of PKCS#11 2.40");
_Static_assert(sizeof(CK_FUNCTION_LIST_3_0) == 2 + 92 * 8, "92 functions of PKCS#11 3.0");
_Static_assert(sizeof(CK_INTERFACE) == 20, "the interface is packed to 1");
#endif
#elif defined(__LP64__)
_Static_assert(sizeof(CK_ULONG) == 8, "CK_ULONG is a long");
_Static_assert(sizeof(CK_INFO) == 88 && sizeof(CK_TOKEN_INFO) == 208, "structures are not packed here");
_Static_assert(sizeof(CK_MECHANISM) == 24 && sizeof(CK_ATTRIBUTE) == 24, "structures are not packed here");
_Static_assert(offsetof(CK_FUNCTION_LIST, C_Initialize) == 8, "the function list is not packed here");
_Static_assert(sizeof(CK_FUNCTION_LIST) == 8 + 68 * 8, "68 functions of PKCS#11 2.40");
_Static_assert(sizeof(CK_FUNCTION_LIST_3_0) == 8 + 92 * 8, "92 functions of PKCS#11 3.0");
_Static_assert(sizeof(CK_INTERFACE) == 24, "the interface is not packed here");
#endif
_Static_assert(offsetof(CK_FUNCTION_LIST_3_0, C_Initialize) == offsetof(CK_FUNCTION_LIST, C_Initialize) &&
                   offsetof(CK_FUNCTION_LIST_3_0, C_WaitForSlotEvent) == offsetof(CK_FUNCTION_LIST, C_WaitForSlotEvent),
               "a 3.0 list begins with the 2.40 list");

#endif
