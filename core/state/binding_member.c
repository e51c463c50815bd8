#include "core/state/binding_member.h"

#include <limits.h>

#define BINDING(member) offsetof(struct kg_binding, member)
#define CERTIFICATE(member) offsetof(struct kg_certificate, member)

#define TEXT_MAX 2048
#define CONFIGURED_MAX (64 * 1024) /* what the configuration takes */
#define DER_MAX (64 * 1024)

const struct kg_member kg_binding_members[] = {
    {"identity", KG_MEMBER_TEXT, BINDING(identity), 1, KG_IDENTITY_NAME_MAX},
    {"selector", KG_MEMBER_SELECTOR, BINDING(selector), 0, 0},
    {"selector_value", KG_MEMBER_OPTIONAL_TEXT, BINDING(selector_value), 1, CONFIGURED_MAX},
    {"client_id", KG_MEMBER_TEXT, BINDING(client_id), 1, TEXT_MAX},
    {"tenant_id", KG_MEMBER_TEXT, BINDING(tenant_id), 1, TEXT_MAX},
    {"identity_type", KG_MEMBER_TEXT, BINDING(identity_type), 1, TEXT_MAX},
    {"mtls_authentication_endpoint", KG_MEMBER_TEXT, BINDING(mtls_authentication_endpoint), 1, TEXT_MAX},
    {"token_endpoint", KG_MEMBER_TEXT, BINDING(token_endpoint), 1, TEXT_MAX},
    {"attested", KG_MEMBER_FLAG, BINDING(attested), 0, 0},
    {"strength", KG_MEMBER_STRENGTH, BINDING(strength), 0, 0},
    {"key_store", KG_MEMBER_TEXT, BINDING(key_store), 1, CONFIGURED_MAX},
    {"key_bits", KG_MEMBER_NUMBER, BINDING(key_bits), 1024, 16384},
    {"capabilities", KG_MEMBER_NUMBER, BINDING(capabilities), 0, INT_MAX},
    {"modulus", KG_MEMBER_BASE64, BINDING(modulus), 128, 2048},
    {"exponent", KG_MEMBER_BASE64, BINDING(exponent), 1, 8},
    {"public_key_info", KG_MEMBER_BASE64, BINDING(public_key_info), 1, DER_MAX},
    {"sha256", KG_MEMBER_DIGEST, BINDING(sha256), 32, 32},
    {"sha1", KG_MEMBER_DIGEST, BINDING(sha1), 20, 20},
    {"issued_at", KG_MEMBER_TIME, BINDING(issued_at), 0, 0},
    {"token_not_after", KG_MEMBER_OPTIONAL_TIME, BINDING(token_not_after), 0, 0},
    {"vm_id", KG_MEMBER_OPTIONAL_TEXT, BINDING(vm_id), 1, TEXT_MAX},
    {"vmss_id", KG_MEMBER_OPTIONAL_TEXT, BINDING(vmss_id), 1, TEXT_MAX},
    {"machine_id", KG_MEMBER_OPTIONAL_TEXT, BINDING(machine_id), 1, 128},
    {"boot_id", KG_MEMBER_OPTIONAL_TEXT, BINDING(boot_id), 1, 128},
    {NULL, KG_MEMBER_FLAG, 0, 0, 0},
};

const struct kg_member kg_certificate_members[] = {
    {"der", KG_MEMBER_BASE64, CERTIFICATE(der), 1, DER_MAX},
    {"subject", KG_MEMBER_BASE64, CERTIFICATE(subject), 1, DER_MAX},
    {"issuer", KG_MEMBER_BASE64, CERTIFICATE(issuer), 1, DER_MAX},
    {"serial", KG_MEMBER_HEX, CERTIFICATE(serial), 1, 256},
    {"id", KG_MEMBER_HEX, CERTIFICATE(id), KG_KEY_ID_SIZE, KG_KEY_ID_SIZE},
    {"not_before", KG_MEMBER_TIME, CERTIFICATE(not_before), 0, 0},
    {"not_after", KG_MEMBER_TIME, CERTIFICATE(not_after), 0, 0},
    {NULL, KG_MEMBER_FLAG, 0, 0, 0},
};
