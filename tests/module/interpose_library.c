/* A library that comes before all others and defines every name that the module's parts have, each a trap. */
#include <stdlib.h>

#define TRAP(name)                                                                                                     \
  __attribute__((visibility("default"))) void name(void);                                                              \
  void name(void) {                                                                                                    \
    abort();                                                                                                           \
  }

#define KG_OWN(name) TRAP(name)
#define KG_ENTRY(name, parameters, arguments, flags, handler) TRAP(name)
#define KG_SLOT_ENTRY(name, parameters, arguments, flags, handler) TRAP(name)
#define KG_SESSION_ENTRY(name, parameters, arguments, flags, handler) TRAP(name)
#define KG_STUB(name, parameters, answer) TRAP(name)
#include "pkcs11/call/entry.def"

/* clang-format off */
TRAP(cJSON_Version) TRAP(cJSON_InitHooks) TRAP(cJSON_Parse) TRAP(cJSON_ParseWithLength) TRAP(cJSON_ParseWithOpts)
TRAP(cJSON_ParseWithLengthOpts) TRAP(cJSON_Print) TRAP(cJSON_PrintUnformatted) TRAP(cJSON_PrintBuffered)
TRAP(cJSON_PrintPreallocated) TRAP(cJSON_Delete) TRAP(cJSON_GetArraySize) TRAP(cJSON_GetArrayItem)
TRAP(cJSON_GetObjectItem) TRAP(cJSON_GetObjectItemCaseSensitive) TRAP(cJSON_HasObjectItem) TRAP(cJSON_GetErrorPtr)
TRAP(cJSON_GetStringValue) TRAP(cJSON_GetNumberValue) TRAP(cJSON_IsInvalid) TRAP(cJSON_IsFalse) TRAP(cJSON_IsTrue)
TRAP(cJSON_IsBool) TRAP(cJSON_IsNull) TRAP(cJSON_IsNumber) TRAP(cJSON_IsString) TRAP(cJSON_IsArray)
TRAP(cJSON_IsObject) TRAP(cJSON_IsRaw) TRAP(cJSON_CreateNull) TRAP(cJSON_CreateTrue) TRAP(cJSON_CreateFalse)
TRAP(cJSON_CreateBool) TRAP(cJSON_CreateNumber) TRAP(cJSON_CreateString) TRAP(cJSON_CreateArray)
TRAP(cJSON_CreateObject) TRAP(cJSON_AddItemToArray) TRAP(cJSON_AddItemToObject) TRAP(cJSON_AddStringToObject)
TRAP(cJSON_AddNumberToObject) TRAP(cJSON_AddBoolToObject) TRAP(cJSON_AddArrayToObject) TRAP(cJSON_AddObjectToObject)
TRAP(cJSON_malloc) TRAP(cJSON_free)
TRAP(ini_parse) TRAP(ini_parse_file) TRAP(ini_parse_stream) TRAP(ini_parse_string)
TRAP(nettle_sha1_init) TRAP(nettle_sha1_update) TRAP(nettle_sha1_digest) TRAP(nettle_sha1_compress)
TRAP(nettle_sha256_init) TRAP(nettle_sha256_update) TRAP(nettle_sha256_digest) TRAP(nettle_sha256_compress)
TRAP(_nettle_sha256_compress) TRAP(nettle_sha512_init) TRAP(nettle_sha512_update) TRAP(nettle_sha512_digest)
TRAP(nettle_sha512_compress) TRAP(_nettle_sha512_compress) TRAP(nettle_sha384_init) TRAP(nettle_sha384_digest)
TRAP(_nettle_write_be32) TRAP(nettle_base64_encode_init) TRAP(nettle_base64_encode_raw)
TRAP(nettle_base64_decode_init) TRAP(nettle_base64_decode_update) TRAP(nettle_base64_decode_final)
TRAP(kg_log) TRAP(kg_module_enter) TRAP(kg_key_open) TRAP(kg_key_sign) TRAP(kg_config_load) TRAP(kg_binding_load)
