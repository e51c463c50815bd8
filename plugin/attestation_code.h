/* The attestation library's return codes in words (KA/Attestation/AttestationResultErrorCode.cs). */
#ifndef KG_PLUGIN_ATTESTATION_CODE_H
#define KG_PLUGIN_ATTESTATION_CODE_H

#include <stdint.h>

const char *kg_attestation_code_name(int32_t code);

#endif
