/* keyguardctl token: buys a token over mutual TLS and prints it. */
#include "core/base/json_add.h"
#include "ctl/command.h"
#include "ctl/describe.h"
#include "ctl/output.h"
#include "ctl/token.h"

#include <stdlib.h>
#include <string.h>

enum form { FORM_TOKEN = 0, FORM_JSON, FORM_HEADER };

static enum kg_status parse_form(const char *text, enum form *out, struct kg_error *error) {
  static const char *const names[] = {"token", "json", "header"};
  for (int form = 0; text != NULL && form < 3; form++) {
    *out = (enum form)form;
    if (strcmp(text, names[form]) == 0) return KG_OK;
  }
  *out = FORM_TOKEN;
  return text != NULL ? kg_error_set(error, KG_E_USAGE, "--output '%.32s' is not one of token, json, header", text)
                      : KG_OK;
}

/* The scheme as the reference clients write it (docs/protocol.md 10.1: MIC/Internal/Constants.cs). */
static const char *scheme(enum kg_token_type type) {
  return type == KG_TOKEN_MTLS_POP ? "mtls_pop" : "Bearer";
}

static int print_json(struct kg_run *run, const struct kg_token_request *request,
                      const struct kg_token_result *result) {
  cJSON *object = cJSON_CreateObject();
  char *thumbprint = request->type == KG_TOKEN_MTLS_POP ? kg_describe_thumbprint(result->binding) : NULL;
  cJSON_AddStringToObject(object, "token_type", kg_token_type_name(request->type));
  cJSON_AddNumberToObject(object, "expires_in", (double)result->token.expires_in);
  if (result->token.refresh_in > 0) cJSON_AddNumberToObject(object, "refresh_in", (double)result->token.refresh_in);
  cJSON_AddStringToObject(object, "scope", request->scope);
  cJSON_AddStringToObject(object, "source", result->cached ? "cache" : "service");
  kg_json_add_text(object, "thumbprint", thumbprint);
  free(thumbprint);
  cJSON *token = cJSON_AddStringToObject(object, "access_token", (const char *)result->token.access_token.data);
  if (token == NULL) {
    cJSON_Delete(object);
    object = NULL;
  }
  return kg_output_json(run, object, 0);
}

static int print_token(struct kg_run *run, enum form form, const struct kg_token_request *request,
                       const struct kg_token_result *result) {
  const char *token = (const char *)result->token.access_token.data;
  if (form == FORM_JSON) return print_json(run, request, result);
  if (form == FORM_HEADER)
    fprintf(run->out, "Authorization: %s %s\n", scheme(request->type), token);
  else
    fprintf(run->out, "%s\n", token);
  return 0;
}

struct arguments {
  const char *scope, *claims, *type, *form;
  bool no_cache;
};

static enum kg_status parse(const struct arguments *arguments, struct kg_token_request *request, char **scope,
                            enum form *form, struct kg_error *error) {
  if (arguments->scope == NULL)
    return kg_error_set(error, KG_E_USAGE,
                        "--scope is missing: what the token is for, such as https://vault.azure.net");
  enum kg_status status = kg_token_scope(arguments->scope, scope, error);
  if (status == KG_OK && arguments->type != NULL) status = kg_token_type_parse(arguments->type, &request->type, error);
  if (status == KG_OK) status = parse_form(arguments->form, form, error);
  request->scope = *scope;
  request->claims = arguments->claims;
  request->no_cache = arguments->no_cache;
  return status;
}

static int run_token(const struct kg_command *command, struct kg_run *run, int argc, char **argv) {
  struct arguments arguments = {0};
  const struct kg_option options[] = {
      {"scope", 's', KG_OPTION_TEXT, &arguments.scope, "URL", "the resource the token is for"},
      {"claims", 0, KG_OPTION_TEXT, &arguments.claims, "JSON", "a claims challenge to be answered"},
      {"no-cache", 0, KG_OPTION_FLAG, &arguments.no_cache, NULL,
       "neither read nor write the cache of token-cache = true"},
      {"token-type", 't', KG_OPTION_TEXT, &arguments.type, "TYPE", "mtls_pop (bound, the default) or bearer"},
      {"output", 'o', KG_OPTION_TEXT, &arguments.form, "FORM", "token (the default), json or header"},
      {0}};
  struct kg_operands operands;
  enum form form = FORM_TOKEN;
  int exit_code = 0;
  if (!kg_command_parse(command, run, options, argc, argv, &operands, &exit_code)) return exit_code;
  struct kg_error error = {0};
  struct kg_token_request request = {0};
  char *scope = NULL;
  enum kg_status status = parse(&arguments, &request, &scope, &form, &error);
  if (form == FORM_JSON) run->json = true; /* errors, too, are then what the reader expects */
  if (status == KG_OK) status = kg_command_configure(run, &error);
  const struct kg_identity *identity = NULL;
  if (status == KG_OK) status = kg_command_require(run, &operands, operands.count, &identity, &error);
  struct kg_token_result result = {0};
  if (status == KG_OK) status = kg_token_acquire(run->config, identity, &request, run->clock, &result, &error);
  if (status == KG_OK)
    exit_code = print_token(run, run->json && form == FORM_TOKEN ? FORM_JSON : form, &request, &result);
  else
    exit_code = kg_output_error(run, &error);
  kg_token_result_clear(&result);
  free(scope);
  return exit_code;
}

const struct kg_command kg_command_token = {"token", "NAME --scope URL",
                                            "Buys a token with the certificate's key and prints it", run_token};
