#include "plugin/certificate_check.h"

#include "core/base/clock.h"
#include "core/base/encoding.h"
#include "wire/x509.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#define DER_MAX (32 * 1024) /* ours have 2 KiB; a binding holds the names once more */
#define SERIAL_MAX 64       /* RFC 5280 section 4.1.2.2: 20 */
#define FUTURE_S 300        /* docs/pitfalls.md 46: an issuer's clock may be this much ahead of ours */

static enum kg_status refuse(struct kg_error *error, const char *why) {
  return kg_error_set(error, KG_E_INVALID_CERTIFICATE, "the issued certificate %s", why);
}

static bool has_key(X509 *certificate, struct kg_span public_key_info) {
  EVP_PKEY *ours = kg_x509_parse_public_key(public_key_info);
  EVP_PKEY *theirs = X509_get0_pubkey(certificate);
  bool same = ours != NULL && theirs != NULL && EVP_PKEY_eq(ours, theirs) == 1;
  EVP_PKEY_free(ours);
  return same;
}

/* Exactly one common name, and nothing hidden behind a NUL in it. */
static bool names(X509 *certificate, const char *client_id) {
  const X509_NAME *subject = X509_get_subject_name(certificate);
  int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0) return false;
  unsigned char *text = NULL;
  int len = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
  bool same = len > 0 && strlen((char *)text) == (size_t)len && OPENSSL_strcasecmp((char *)text, client_id) == 0;
  OPENSSL_free(text);
  return same;
}

static bool may_authenticate_clients(X509 *certificate) {
  uint32_t use = X509_get_key_usage(certificate), purpose = X509_get_extended_key_usage(certificate);
  if (X509_get_extension_flags(certificate) & EXFLAG_INVALID) return false;
  return (use == UINT32_MAX || (use & KU_DIGITAL_SIGNATURE)) &&
         (purpose == UINT32_MAX || (purpose & (XKU_SSL_CLIENT | XKU_ANYEKU)));
}

/* Both clocks, since one of them is wrong and only the reader can tell which. */
static enum kg_status refuse_time(const struct kg_certificate_rules *rules, const char *what, int64_t when,
                                  struct kg_error *error) {
  char limit[KG_TIME_TEXT_SIZE], server[KG_TIME_TEXT_SIZE] = "unknown";
  kg_time_format(when, limit);
  char local[KG_TIME_TEXT_SIZE];
  kg_time_format(rules->now, local);
  if (rules->server_time) kg_time_format(rules->server_time, server);
  return kg_error_set(error, KG_E_INVALID_CERTIFICATE,
                      "the issued certificate %s %s; this machine's clock says %s, the service's %s", what, limit,
                      local, server);
}

static enum kg_status check_times(X509 *certificate, const struct kg_certificate_rules *rules,
                                  struct kg_certificate_times *times, struct kg_error *error) {
  if (!kg_x509_time(X509_get0_notBefore(certificate), &times->not_before) ||
      !kg_x509_time(X509_get0_notAfter(certificate), &times->not_after))
    return refuse(error, "has no readable validity");
  if (times->not_before <= 0 || times->not_after <= times->not_before)
    return refuse(error, "begins before 1970, or ends before it begins");
  if (times->not_before > rules->now + FUTURE_S) return refuse_time(rules, "begins at", times->not_before, error);
  if (times->not_after <= rules->now) return refuse_time(rules, "ended at", times->not_after, error);
  return KG_OK;
}

static enum kg_status check(X509 *certificate, const struct kg_certificate_rules *rules,
                            struct kg_certificate_times *times, struct kg_error *error) {
  if (ASN1_STRING_length(X509_get0_serialNumber(certificate)) > SERIAL_MAX)
    return refuse(error, "has a serial number that is too long");
  if (!has_key(certificate, rules->public_key_info)) return refuse(error, "is for another key than ours");
  if (!names(certificate, rules->client_id)) return refuse(error, "does not name the client id as its common name");
  if (!may_authenticate_clients(certificate))
    return refuse(
        error, "is not for a TLS client: its key usage lacks digitalSignature, or its extended key usage clientAuth");
  return check_times(certificate, rules, times, error);
}

enum kg_status kg_certificate_check(const char *base64, const struct kg_certificate_rules *rules, struct kg_buf *der,
                                    struct kg_certificate_times *times, struct kg_error *error) {
  if (kg_base64_parse(base64, der) != KG_OK) return refuse(error, "is not base64");
  if (der->len > DER_MAX) {
    kg_buf_clear(der);
    return refuse(error, "is too large");
  }
  X509 *certificate = kg_x509_parse(kg_buf_span(der));
  enum kg_status status =
      certificate != NULL ? check(certificate, rules, times, error) : refuse(error, "is not one DER certificate");
  X509_free(certificate);
  ERR_clear_error();
  if (status != KG_OK) kg_buf_clear(der);
  return status;
}
