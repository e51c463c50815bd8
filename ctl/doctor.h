/* Findings about this machine, as the calling user sees it: each with a symptom, and with a cure where one is known. */
#ifndef KG_CTL_DOCTOR_H
#define KG_CTL_DOCTOR_H

#include "core/base/error.h"
#include "ctl/command.h"

enum kg_finding_level { KG_FINDING_OK = 0, KG_FINDING_WARN, KG_FINDING_FAIL };

struct kg_finding {
  enum kg_finding_level level;
  enum kg_status status; /* KG_FINDING_FAIL: decides the exit code */
  char check[32], identity[KG_IDENTITY_NAME_MAX + 1];
  char symptom[512], cure[256];
};

struct kg_doctor {
  struct kg_run *run;
  const char *identity;        /* the one that is looked at; NULL: the machine */
  struct kg_finding *findings; /* free() it */
  size_t count, room;
  bool incomplete;                               /* no memory for one of them */
  bool metadata_answers;                         /* so that it is worth asking for each identity */
  size_t signatures;                             /* identities whose key made one that its certificate fits */
  int (*report)(const struct kg_doctor *doctor); /* prints them; the exit code */
};

void kg_doctor_ok(struct kg_doctor *doctor, const char *check, const char *format, ...) KG_PRINTF(3, 4);
void kg_doctor_warn(struct kg_doctor *doctor, const char *check, const char *cure, const char *format, ...)
    KG_PRINTF(4, 5);
/* `cure` NULL: the usual one of the error's status. */
void kg_doctor_fail(struct kg_doctor *doctor, const char *check, const char *cure, const struct kg_error *error);

/* What is looked at. The last two need no configuration. */
void kg_doctor_check_state(struct kg_doctor *doctor);
bool kg_doctor_finds_strays(struct kg_doctor *doctor, const char *folder); /* in it; where not, nothing is said */
void kg_doctor_check_plugin(struct kg_doctor *doctor);
void kg_doctor_check_metadata(struct kg_doctor *doctor); /* and the clock */
void kg_doctor_check_identity(struct kg_doctor *doctor, const struct kg_identity *identity);
void kg_doctor_check_openssl(struct kg_doctor *doctor);
void kg_doctor_check_p11kit(struct kg_doctor *doctor);

/* For tests: one file of OpenSSL's configuration; whether a p11-kit module file names our module. */
enum kg_openssl_conf { KG_OPENSSL_CONF_FINE = 0, KG_OPENSSL_CONF_NO_DEFAULT, KG_OPENSSL_CONF_UNREADABLE };
enum kg_openssl_conf kg_doctor_read_openssl_conf(const char *path);
bool kg_doctor_names_module(const char *text, const char *module, char *path, size_t size);

#endif
