/* The list of findings, and what doctor knows while it makes it. */
#ifndef KG_CTL_DOCTOR_LIST_H
#define KG_CTL_DOCTOR_LIST_H

#include "core/base/error.h"
#include "ctl/command.h"
#include "ctl/cure.h"
#include "ctl/plugin_loader.h"

enum kg_finding_level { KG_FINDING_OK = 0, KG_FINDING_WARN, KG_FINDING_FAIL, KG_FINDING_SKIP /* was not looked at */ };

struct kg_finding {
  enum kg_finding_level level;
  enum kg_status status; /* KG_FINDING_FAIL: decides the exit code */
  bool serving;          /* without it signatures go on, and nothing is issued, renewed or bought */
  char check[32], identity[KG_IDENTITY_NAME_MAX + 1];
  char symptom[512], cure[256];
};

struct kg_doctor {
  struct kg_run *run;
  const struct kg_identity *identity; /* the one that is looked at; NULL: the machine */
  const char *check;                  /* what is looked at, should it hang */
  const char *subject;                /* of a remedy, where it is not that identity */
  bool retry_forbidden;               /* of it: the last attempt forbids another one without --force */
  bool signs_only;                    /* this user may not write the state folder: somebody else provisions */
  struct kg_plugin *plugin;           /* NULL: none that can be used */
  char silent[512];                   /* the token endpoint that did not answer, which is not asked again, */
  struct kg_error silence;            /* and how */
  struct kg_finding *findings;        /* free() it */
  size_t count, room;
  bool incomplete;                               /* no memory for one of them */
  bool metadata_answers;                         /* so that it is worth asking for each identity */
  size_t signatures;                             /* identities whose key made one that its certificate fits */
  int (*report)(const struct kg_doctor *doctor); /* prints them; the exit code */
};

void kg_doctor_ok(struct kg_doctor *doctor, const char *check, const char *format, ...) KG_PRINTF(3, 4);
void kg_doctor_skip(struct kg_doctor *doctor, const char *check, const char *format, ...) KG_PRINTF(3, 4);
void kg_doctor_warn(struct kg_doctor *doctor, const char *check, enum kg_cure cure, const char *format, ...)
    KG_PRINTF(4, 5);
/* `cure` KG_CURE_NONE: the usual one of the error's status. */
void kg_doctor_fail(struct kg_doctor *doctor, const char *check, enum kg_cure cure, const struct kg_error *error);
/* Signatures go on without it. */
void kg_doctor_fail_service(struct kg_doctor *doctor, const char *check, enum kg_cure cure,
                            const struct kg_error *error);
/* Only provisioning needs it: a warning where this user cannot provision anyway. */
void kg_doctor_fail_issuing(struct kg_doctor *doctor, const char *check, enum kg_cure cure,
                            const struct kg_error *error);
/* The watchdog's thread: what was found so far, and this. What comes after it is not looked at. */
int kg_doctor_end(void *doctor, const struct kg_error *error);

#endif
