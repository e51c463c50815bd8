/* Single DER values, through libtasn1. */
#ifndef AZURE_DER_H
#define AZURE_DER_H

#include <gnutls/gnutls.h>
#include <libtasn1.h>
#include <stdbool.h>
#include <time.h>

/* The text of a value with this very tag (ASN1_TAG_IA5_STRING, ...); NULL if it has another, holds a NUL, or
 * has anything after it. The caller frees it. */
char *az_der_parse_string(unsigned long tag, const gnutls_datum_t *der);

/* GeneralizedTime, YYYYMMDDHHMMSSZ. The caller frees der->data with free. */
void az_der_format_time(time_t when, gnutls_datum_t *der);
bool az_der_parse_time(const gnutls_datum_t *der, time_t *when);

/* One element of a decoded structure as it stands in it; an OBJECT IDENTIFIER as dotted text. NULL if absent. The
 * caller frees it. */
char *az_der_read_text(asn1_node node, const char *name);
bool az_der_read(asn1_node node, const char *name, gnutls_datum_t *bytes); /* freed with free */

#endif
