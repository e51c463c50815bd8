#include "der.h"

#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *az_der_parse_string(unsigned long expected, const gnutls_datum_t *der) {
  unsigned char class = 0;
  int tag_len = 0;
  unsigned long tag = 0;
  if (asn1_get_tag_der(der->data, (int)der->size, &class, &tag_len, &tag) != ASN1_SUCCESS) return NULL;
  if (class != ASN1_CLASS_UNIVERSAL || tag != expected) return NULL;
  int length_len = 0;
  long len = asn1_get_length_der(der->data + tag_len, (int)der->size - tag_len, &length_len);
  if (len < 0 || (unsigned long)(tag_len + length_len) + (unsigned long)len != der->size) return NULL;
  const unsigned char *text = der->data + tag_len + length_len;
  if (memchr(text, '\0', (size_t)len) != NULL) return NULL;
  char *copy = az_new((size_t)len + 1);
  memcpy(copy, text, (size_t)len);
  return copy;
}

void az_der_format_time(time_t when, gnutls_datum_t *der) {
  char text[] = "YYYYMMDDHHMMSSZ";
  unsigned char tag_and_length[ASN1_MAX_TL_SIZE];
  unsigned prefix = sizeof tag_and_length;
  struct tm utc;
  if (gmtime_r(&when, &utc) == NULL || strftime(text, sizeof text, "%Y%m%d%H%M%SZ", &utc) == 0) abort();
  unsigned len = (unsigned)strlen(text);
  if (asn1_encode_simple_der(ASN1_ETYPE_GENERALIZED_TIME, (unsigned char *)text, len, tag_and_length, &prefix) !=
      ASN1_SUCCESS)
    abort();
  der->data = az_new((size_t)prefix + len);
  memcpy(der->data, tag_and_length, prefix);
  memcpy(der->data + prefix, text, len);
  der->size = prefix + len;
}

/* Days from the civil date, so that no time zone of this machine comes in (timegm is not in POSIX 2008). */
static time_t seconds_since_epoch(int year, int month, int day, int hour, int minute, int second) {
  static const int before_month[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
  long y = month > 2 ? year : year - 1;
  long leap_days = y / 4 - y / 100 + y / 400 - (1969 / 4 - 1969 / 100 + 1969 / 400);
  long days = (year - 1970) * 365L + before_month[month - 1] + day - 1 + leap_days;
  return (time_t)(((days * 24 + hour) * 60 + minute) * 60 + second);
}

bool az_der_parse_time(const gnutls_datum_t *der, time_t *when) {
  char *text = az_der_parse_string(ASN1_TAG_GENERALIZEDTime, der);
  int year, month, day, hour, minute, second;
  bool good = text != NULL && strlen(text) == 15 && text[14] == 'Z' &&
              sscanf(text, "%4d%2d%2d%2d%2d%2d", &year, &month, &day, &hour, &minute, &second) == 6 && month >= 1 &&
              month <= 12;
  if (good) *when = seconds_since_epoch(year, month, day, hour, minute, second);
  free(text);
  return good;
}

bool az_der_read(asn1_node node, const char *name, gnutls_datum_t *bytes) {
  *bytes = (gnutls_datum_t){NULL, 0};
  int len = 0;
  if (asn1_read_value(node, name, NULL, &len) != ASN1_MEM_ERROR || len <= 0) return false;
  bytes->data = az_new((size_t)len + 1);
  if (asn1_read_value(node, name, bytes->data, &len) == ASN1_SUCCESS) {
    bytes->size = (unsigned)len;
    return true;
  }
  free(bytes->data);
  bytes->data = NULL;
  return false;
}

char *az_der_read_text(asn1_node node, const char *name) {
  gnutls_datum_t bytes;
  return az_der_read(node, name, &bytes) ? (char *)bytes.data : NULL;
}
