/* Findings about this machine, as the calling user sees it: each with a symptom, and with a cure where one is known. */
#ifndef KG_CTL_DOCTOR_H
#define KG_CTL_DOCTOR_H

#include "core/base/error.h"
#include "core/state/binding.h"
#include "ctl/command.h"
#include "ctl/cure.h"
#include "ctl/doctor_list.h"
#include "ctl/plugin_loader.h"

struct kg_key;

/* What is looked at. Of these the first ones need a configuration, in this order. */
void kg_doctor_check_state(struct kg_doctor *doctor);
bool kg_doctor_finds_strays(struct kg_doctor *doctor, const char *folder); /* in it; where not, nothing is said */
void kg_doctor_check_plugin(struct kg_doctor *doctor);
void kg_doctor_check_slots(struct kg_doctor *doctor);
bool kg_doctor_check_ca_file(struct kg_doctor *doctor);  /* whether anything can be asked with it */
void kg_doctor_check_metadata(struct kg_doctor *doctor); /* and the clock */
void kg_doctor_check_identity(struct kg_doctor *doctor, const struct kg_identity *identity);
void kg_doctor_check_token_service(struct kg_doctor *doctor, const struct kg_binding *binding, struct kg_key *key);
void kg_doctor_name_unasked(struct kg_doctor *doctor); /* what was not looked at, as it would be obtained by looking */
void kg_doctor_check_module(struct kg_doctor *doctor);
void kg_doctor_check_openssl(struct kg_doctor *doctor);
void kg_doctor_check_p11kit(struct kg_doctor *doctor);

#define KG_DOCTOR_ASK_MS 5000 /* for whom is asked over the network, each time */

/* For tests: one file of OpenSSL's configuration; whether a p11-kit module file names our module. */
enum kg_openssl_conf { KG_OPENSSL_CONF_FINE = 0, KG_OPENSSL_CONF_NO_DEFAULT, KG_OPENSSL_CONF_UNREADABLE };
enum kg_openssl_conf kg_doctor_read_openssl_conf(const char *path);
bool kg_doctor_names_module(const char *text, const char *module, char *path, size_t size);

#endif
