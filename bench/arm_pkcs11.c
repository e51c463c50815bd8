#include "bench/arm.h"
#include "keyguard/cryptoki.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIGNATURE_MAX = 512, SLOTS_MAX = 64, TRANSCRIPT_SIZE = 130 };

struct kg_arm {
  void *handle;
  CK_FUNCTION_LIST *calls;
  CK_SLOT_ID slot;
  CK_SESSION_HANDLE session; /* kept open: a login ends with the last session */
  char object[64];
};

struct kg_signer {
  CK_FUNCTION_LIST *calls;
  CK_SESSION_HANDLE session;
  CK_OBJECT_HANDLE key;
  CK_MECHANISM mechanism;
  CK_RSA_PKCS_PSS_PARAMS pss;
  CK_BYTE input[TRANSCRIPT_SIZE];
  CK_ULONG input_len;
};

static bool failed(const char *what, CK_RV rv) {
  if (rv != CKR_OK) fprintf(stderr, "%s: 0x%lx\n", what, (unsigned long)rv);
  return rv != CKR_OK;
}

static bool load(const char *library, struct kg_arm *arm) {
  arm->handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  if (arm->handle == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    return false;
  }
  void *symbol = dlsym(arm->handle, "C_GetFunctionList");
  CK_C_GetFunctionList get = NULL;
  memcpy(&get, &symbol, sizeof get);
  return get != NULL && !failed("C_GetFunctionList", get(&arm->calls));
}

static bool initialise(struct kg_arm *arm) {
  CK_C_INITIALIZE_ARGS args = {0};
  args.flags = CKF_OS_LOCKING_OK;
  return !failed("C_Initialize", arm->calls->C_Initialize(&args));
}

/* The slot whose token is `label`; any token is looked at, as a client that is given a token's name has to. */
static bool find_slot(struct kg_arm *arm, const char *label) {
  CK_SLOT_ID slots[SLOTS_MAX];
  CK_ULONG count = SLOTS_MAX;
  size_t len = label != NULL ? strlen(label) : 0;
  if (failed("C_GetSlotList", arm->calls->C_GetSlotList(CK_TRUE, slots, &count))) return false;
  CK_TOKEN_INFO info;
  for (CK_ULONG i = 0; i < count; i++) {
    arm->slot = slots[i];
    if (failed("C_GetTokenInfo", arm->calls->C_GetTokenInfo(slots[i], &info))) return false;
    if (label != NULL && len <= sizeof info.label && memcmp(info.label, label, len) == 0 &&
        (len == sizeof info.label || info.label[len] == ' '))
      return true;
  }
  if (label != NULL) fprintf(stderr, "no token %s among %lu\n", label, (unsigned long)count);
  return label == NULL;
}

static bool login(struct kg_arm *arm, const char *pin_file) {
  char pin[64] = "";
  FILE *file = fopen(pin_file, "r");
  bool read = file != NULL && fgets(pin, sizeof pin, file) != NULL;
  if (file != NULL) fclose(file);
  if (!read) {
    perror(pin_file);
    return false;
  }
  pin[strcspn(pin, "\n")] = '\0';
  return !failed("C_Login", arm->calls->C_Login(arm->session, CKU_USER, (CK_UTF8CHAR *)pin, (CK_ULONG)strlen(pin)));
}

static bool open_session(struct kg_arm *arm, CK_SESSION_HANDLE *session) {
  return !failed("C_OpenSession", arm->calls->C_OpenSession(arm->slot, CKF_SERIAL_SESSION, NULL, NULL, session));
}

struct kg_arm *kg_arm_open(const struct kg_place *place) {
  struct kg_arm *arm = calloc(1, sizeof *arm);
  if (arm == NULL) return NULL;
  snprintf(arm->object, sizeof arm->object, "%s", place->object);
  if (!load(place->library, arm) || !initialise(arm) || !find_slot(arm, place->token) ||
      !open_session(arm, &arm->session) || (place->pin_file != NULL && !login(arm, place->pin_file)))
    kg_arm_close(&arm);
  return arm;
}

void kg_arm_close(struct kg_arm **arm) {
  if (*arm == NULL) return;
  if ((*arm)->calls != NULL) (void)(*arm)->calls->C_Finalize(NULL);
  if ((*arm)->handle != NULL) dlclose((*arm)->handle);
  free(*arm);
  *arm = NULL;
}

bool kg_arm_idle(const struct kg_place *place) {
  struct kg_arm arm = {0};
  bool ok = load(place->library, &arm) && initialise(&arm) && find_slot(&arm, NULL) &&
            !failed("C_Finalize", arm.calls->C_Finalize(NULL));
  if (arm.handle != NULL) dlclose(arm.handle);
  return ok;
}

static bool find_key(struct kg_arm *arm, struct kg_signer *signer) {
  CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
  CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof class},
                             {CKA_LABEL, arm->object, (CK_ULONG)strlen(arm->object)}};
  CK_FUNCTION_LIST *calls = arm->calls;
  if (failed("C_FindObjectsInit", calls->C_FindObjectsInit(signer->session, template, 2))) return false;
  CK_ULONG count = 0;
  if (failed("C_FindObjects", calls->C_FindObjects(signer->session, &signer->key, 1, &count))) return false;
  if (failed("C_FindObjectsFinal", calls->C_FindObjectsFinal(signer->session))) return false;
  if (count == 0) fprintf(stderr, "no private key %s\n", arm->object);
  return count == 1;
}

static void prepare(struct kg_signer *signer, enum kg_form form) {
  static const CK_BYTE digest_info[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                        0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
  static const CK_ULONG lengths[] = {sizeof digest_info + 32, 32, TRANSCRIPT_SIZE};
  static const CK_MECHANISM_TYPE types[] = {CKM_RSA_PKCS, CKM_RSA_PKCS_PSS, CKM_SHA256_RSA_PKCS_PSS};
  memset(signer->input, 'k', sizeof signer->input);
  if (form == KG_FORM_PKCS1) memcpy(signer->input, digest_info, sizeof digest_info);
  signer->input_len = lengths[form];
  signer->pss = (CK_RSA_PKCS_PSS_PARAMS){CKM_SHA256, CKG_MGF1_SHA256, 32};
  signer->mechanism = (CK_MECHANISM){types[form], NULL, 0};
  if (form == KG_FORM_PKCS1) return;
  signer->mechanism.pParameter = &signer->pss;
  signer->mechanism.ulParameterLen = sizeof signer->pss;
}

struct kg_signer *kg_signer_new(struct kg_arm *arm, enum kg_form form) {
  struct kg_signer *signer = calloc(1, sizeof *signer);
  if (signer == NULL) return NULL;
  signer->calls = arm->calls;
  prepare(signer, form);
  if (!open_session(arm, &signer->session) || !find_key(arm, signer)) kg_signer_free(&signer);
  return signer;
}

bool kg_signer_sign(struct kg_signer *signer) {
  CK_BYTE signature[SIGNATURE_MAX];
  CK_ULONG len = sizeof signature;
  if (failed("C_SignInit", signer->calls->C_SignInit(signer->session, &signer->mechanism, signer->key))) return false;
  return !failed("C_Sign", signer->calls->C_Sign(signer->session, signer->input, signer->input_len, signature, &len));
}

void kg_signer_free(struct kg_signer **signer) {
  if (*signer == NULL) return;
  (void)(*signer)->calls->C_CloseSession((*signer)->session);
  free(*signer);
  *signer = NULL;
}
