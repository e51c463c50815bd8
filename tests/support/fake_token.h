/* The controls of fake_limited_token.so, a PKCS#11 library that passes everything on to SoftHSM2 (FAKE_TOKEN_LIBRARY in
 * the environment; kg_softhsm_new sets it) and can be told to behave like other tokens. A test reaches them by
 * dlsym("fake_token") on the loaded file; they are shared by all users of the library in the process. */
#ifndef KG_TESTS_SUPPORT_FAKE_TOKEN_H
#define KG_TESTS_SUPPORT_FAKE_TOKEN_H

#include "keyguard/cryptoki.h"

#include <stdatomic.h>

struct fake_token {
  /* What it is to do. Zero: like SoftHSM2. */
  atomic_int max_sessions;                         /* more are refused */
  atomic_ulong refuse_with;                        /* the code for that; 0: CKR_SESSION_COUNT */
  _Atomic(const char *) manufacturer, description; /* of CK_INFO */
  _Atomic(const char *) token_manufacturer;        /* of CK_TOKEN_INFO */
  _Atomic(const char *) token_serial;
  atomic_ulong more_slots;   /* empty ones, in front of the others */
  atomic_bool hardware_slot; /* CKF_HW_SLOT */
  atomic_ulong token_flags;  /* set in CK_TOKEN_INFO as well */
  atomic_bool no_public_key, no_pss, wrong_signature, salt_is_hash;
  atomic_bool canned; /* signatures are 256 zeros and take 0.2 ms, so that the machine does not calculate meanwhile */
  atomic_ulong fail_sign;      /* the next C_Sign answers this, once, and keeps the operation */
  atomic_ulong fail_sign_init; /* every C_SignInit answers this */
  atomic_ulong fail_initialize, fail_random, fail_generate, fail_token_info;
  atomic_bool incomplete_list; /* a function list without C_Sign */
  _Atomic(void (*)(void)) during_sign_init, during_sign, during_initialize;
  /* Asked at each call, by the name of its function: what it answers instead of doing it, or CKR_OK. */
  _Atomic(CK_RV (*)(const char *function)) decide;
  /* What happened. */
  atomic_int initialized, finalized;          /* successful calls */
  atomic_int opened, closed, open, most_open; /* sessions */
  atomic_int logins, refused_logins;
  atomic_int pinless; /* so many times C_Login finds no PIN, as where another process is writing the token */
  atomic_int inside, most_inside; /* threads in a call */
  atomic_int signatures;
};

#endif
