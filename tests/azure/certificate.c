#include "certificate.h"

#include "der.h"

#include <gnutls/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Past this time the token service refuses a certificate that TLS still takes. The OID is from NET#6017. That its value
 * is a GeneralizedTime is our assumption: no client decodes it (docs/protocol.md 16, question 3). */
#define OID_TOKEN_NOT_AFTER "1.3.6.1.4.1.311.90.2.1"
#define YEAR_S (365L * 24 * 3600)

void az_key_pair_clear(struct az_key_pair *pair) {
  if (pair->key != NULL) gnutls_x509_privkey_deinit(pair->key);
  if (pair->certificate != NULL) gnutls_x509_crt_deinit(pair->certificate);
  *pair = (struct az_key_pair){NULL, NULL};
}

static void set_serial(gnutls_x509_crt_t certificate) {
  unsigned char serial[16];
  az_check(gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof serial), "serial number");
  serial[0] = (unsigned char)((serial[0] & 0x3f) | 0x40); /* positive, and of one length */
  az_check(gnutls_x509_crt_set_serial(certificate, serial, sizeof serial), "serial number");
}

static gnutls_x509_crt_t begin(time_t not_before, time_t not_after) {
  gnutls_x509_crt_t certificate;
  az_check(gnutls_x509_crt_init(&certificate), "certificate");
  az_check(gnutls_x509_crt_set_version(certificate, 3), "version");
  set_serial(certificate);
  az_check(gnutls_x509_crt_set_activation_time(certificate, not_before), "not-before");
  az_check(gnutls_x509_crt_set_expiration_time(certificate, not_after), "not-after");
  return certificate;
}

static void set_name(gnutls_x509_crt_t certificate, const char *oid, const char *value) {
  az_check(gnutls_x509_crt_set_dn_by_oid(certificate, oid, 0, value, (unsigned)strlen(value)), "subject");
}

static void set_key_ids(gnutls_x509_crt_t certificate, gnutls_x509_crt_t issuer) {
  unsigned char id[64];
  size_t len = sizeof id;
  az_check(gnutls_x509_crt_get_key_id(certificate, 0, id, &len), "key id");
  az_check(gnutls_x509_crt_set_subject_key_id(certificate, id, len), "subject key id");
  len = sizeof id;
  az_check(gnutls_x509_crt_get_key_id(issuer, 0, id, &len), "key id");
  az_check(gnutls_x509_crt_set_authority_key_id(certificate, id, len), "authority key id");
}

/* Answers the certificate as read back: GnuTLS finds the issuer of another by names that only an import fills in. */
static gnutls_x509_crt_t sign(gnutls_x509_crt_t certificate, gnutls_x509_crt_t issuer, gnutls_x509_privkey_t key) {
  set_key_ids(certificate, issuer);
  az_check(gnutls_x509_crt_sign2(certificate, issuer, key, GNUTLS_DIG_SHA256, 0), "certificate signature");
  gnutls_datum_t der;
  az_check(gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_DER, &der), "certificate");
  gnutls_x509_crt_t again;
  az_check(gnutls_x509_crt_init(&again), "certificate");
  az_check(gnutls_x509_crt_import(again, &der, GNUTLS_X509_FMT_DER), "certificate");
  gnutls_free(der.data);
  gnutls_x509_crt_deinit(certificate);
  return again;
}

gnutls_x509_crt_t az_certificate_new_ca(const char *common_name, gnutls_x509_privkey_t key,
                                        const struct az_key_pair *signer, time_t now) {
  gnutls_x509_crt_t certificate = begin(now - YEAR_S, now + YEAR_S);
  set_name(certificate, GNUTLS_OID_X520_COMMON_NAME, common_name);
  az_check(gnutls_x509_crt_set_key(certificate, key), "CA key");
  az_check(gnutls_x509_crt_set_basic_constraints(certificate, 1, -1), "basic constraints");
  az_check(gnutls_x509_crt_set_key_usage(certificate, GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN), "key usage");
  return sign(certificate, signer != NULL ? signer->certificate : certificate, signer != NULL ? signer->key : key);
}

gnutls_x509_crt_t az_certificate_new_server(gnutls_x509_privkey_t key, const struct az_key_pair *signer, time_t now) {
  static const unsigned char loopback[] = {127, 0, 0, 1};
  gnutls_x509_crt_t certificate = begin(now - YEAR_S, now + YEAR_S);
  set_name(certificate, GNUTLS_OID_X520_COMMON_NAME, "localhost");
  az_check(gnutls_x509_crt_set_key(certificate, key), "server key");
  az_check(gnutls_x509_crt_set_basic_constraints(certificate, 0, -1), "basic constraints");
  az_check(gnutls_x509_crt_set_key_usage(certificate, GNUTLS_KEY_DIGITAL_SIGNATURE | GNUTLS_KEY_KEY_ENCIPHERMENT),
           "key usage");
  az_check(gnutls_x509_crt_set_key_purpose_oid(certificate, GNUTLS_KP_TLS_WWW_SERVER, 0), "key purpose");
  az_check(gnutls_x509_crt_set_subject_alt_name(certificate, GNUTLS_SAN_DNSNAME, "localhost", 9, GNUTLS_FSAN_SET),
           "host name");
  az_check(gnutls_x509_crt_set_subject_alt_name(certificate, GNUTLS_SAN_IPADDRESS, loopback, sizeof loopback,
                                                GNUTLS_FSAN_APPEND),
           "address");
  return sign(certificate, signer->certificate, signer->key);
}

static void set_token_not_after(gnutls_x509_crt_t certificate, time_t when) {
  gnutls_datum_t der;
  az_der_format_time(when, &der);
  az_check(gnutls_x509_crt_set_extension_by_oid(certificate, OID_TOKEN_NOT_AFTER, der.data, der.size, 0),
           "token_not_after");
  free(der.data);
}

gnutls_x509_crt_t az_certificate_issue(const struct az_certificate_order *order, const struct az_key_pair *issuer) {
  gnutls_x509_crt_t certificate = begin(order->not_before, order->not_after);
  set_name(certificate, GNUTLS_OID_LDAP_DC, order->tenant_id);
  set_name(certificate, GNUTLS_OID_X520_COMMON_NAME, order->client_id);
  az_check(gnutls_x509_crt_set_pubkey(certificate, order->key), "certificate key");
  az_check(gnutls_x509_crt_set_basic_constraints(certificate, 0, -1), "basic constraints");
  az_check(gnutls_x509_crt_set_key_usage(certificate, GNUTLS_KEY_DIGITAL_SIGNATURE), "key usage");
  az_check(gnutls_x509_crt_set_key_purpose_oid(certificate, order->purpose, 0), "key purpose");
  if (order->token_not_after) set_token_not_after(certificate, order->token_not_after);
  return sign(certificate, issuer->certificate, issuer->key);
}

static void read_name(gnutls_x509_crt_t certificate, const char *oid, char *value, size_t size) {
  if (gnutls_x509_crt_get_dn_by_oid(certificate, oid, 0, 0, value, &size) != 0) value[0] = '\0';
}

static time_t read_token_not_after(gnutls_x509_crt_t certificate) {
  unsigned char bytes[64];
  size_t len = sizeof bytes;
  unsigned critical;
  if (gnutls_x509_crt_get_extension_by_oid(certificate, OID_TOKEN_NOT_AFTER, 0, bytes, &len, &critical) != 0) return 0;
  gnutls_datum_t der = {bytes, (unsigned)len};
  time_t when = 0;
  return az_der_parse_time(&der, &when) ? when : 0;
}

void az_certificate_read(gnutls_x509_crt_t certificate, struct az_certificate_facts *facts) {
  read_name(certificate, GNUTLS_OID_X520_COMMON_NAME, facts->client_id, sizeof facts->client_id);
  read_name(certificate, GNUTLS_OID_LDAP_DC, facts->tenant_id, sizeof facts->tenant_id);
  facts->not_before = gnutls_x509_crt_get_activation_time(certificate);
  facts->not_after = gnutls_x509_crt_get_expiration_time(certificate);
  facts->token_not_after = read_token_not_after(certificate);
  gnutls_datum_t der;
  az_check(gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_DER, &der), "certificate");
  az_text_thumbprint(&der, facts->thumbprint);
  gnutls_free(der.data);
}

char *az_certificate_format_pem(gnutls_x509_crt_t certificate) {
  gnutls_datum_t pem;
  az_check(gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_PEM, &pem), "certificate");
  return az_text_take(&pem);
}

char *az_certificate_format_base64(gnutls_x509_crt_t certificate) {
  gnutls_datum_t der;
  az_check(gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_DER, &der), "certificate");
  char *text = az_text_base64(der.data, der.size);
  gnutls_free(der.data);
  return text;
}
