/* The command line. */
#ifndef AZURE_OPTIONS_H
#define AZURE_OPTIONS_H

#include "settings.h"

#include <stdbool.h>

enum az_tls_versions { AZ_TLS_12 = 1, AZ_TLS_13 = 2, AZ_TLS_BOTH = 3 };
enum az_signatures { AZ_SIGNATURES_ALL, AZ_SIGNATURES_PSS, AZ_SIGNATURES_PKCS1 };
enum az_client_auth {
  AZ_AUTH_INITIAL, /* asked for in the handshake */
  AZ_AUTH_TLS12,   /* likewise, but not in TLS 1.3 (JDESIGN: the token service today) */
  AZ_AUTH_LATE,    /* asked for after the request has come: renegotiation, or TLS 1.3's post-handshake authentication */
  AZ_AUTH_NEVER
};

enum az_ca_names { /* what the request for a certificate says of issuers; clients should not mind (GO/imdsv2_client.go)
                    */
                   AZ_CA_NAMES_ISSUER,
                   AZ_CA_NAMES_NONE,
                   AZ_CA_NAMES_OTHER
};

struct az_tls_mode {
  enum az_tls_versions versions;
  enum az_signatures signatures;
  enum az_client_auth auth;
  enum az_ca_names ca_names;
};

struct az_options {
  const char *directory;
  const char *secrets; /* file of --record-secrets; NULL: none */
  int ready_fd;        /* -1: none */
  int port;            /* 0: free ones */
  unsigned kinds;      /* of identities, a sum of enum az_identity_kind */
  bool intermediate, exit_with_parent, verbose;
  struct az_tls_mode token, resource;
  struct az_settings settings;
};

enum az_options_result { AZ_OPTIONS_RUN, AZ_OPTIONS_DONE /* help or version was printed */, AZ_OPTIONS_BAD };

/* What is wrong goes to stderr. The texts point into argv. */
enum az_options_result az_options_parse(struct az_options *options, int argc, char **argv);

#endif
