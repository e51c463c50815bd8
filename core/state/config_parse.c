#include "core/state/config_parse.h"

#include "core/os/path.h"
#include "core/state/config_key.h"

#include <ini.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* inih splits lines into keys and values, takes comments away and stops at a line that is neither. It skips an indented
 * line's indentation and whatever follows a section's head, so our reader, which hands it the lines one by one, looks
 * at both. */
struct parser {
  const char *path;
  struct kg_span rest;
  unsigned line;
  bool indented; /* the line that inih holds now */
  struct kg_config *config;
  struct kg_identity *identity; /* of the section, where it is one */
  enum kg_config_section section;
  char section_name[64];
  unsigned keyguard_line;          /* of the section's head; 0: not there yet */
  unsigned seen;                   /* bits of the section's keys */
  const struct kg_config_key *key; /* its value is still being put together */
  unsigned key_line;
  struct kg_buf value;
  enum kg_status status;
  struct kg_error *error;
};

/* The first failure counts; what follows it is not looked at. */
static void KG_PRINTF(3, 4) fail(struct parser *parser, unsigned line, const char *format, ...) {
  if (parser->status != KG_OK) return;
  va_list arguments;
  va_start(arguments, format);
  char text[sizeof parser->error->text];
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  parser->status = kg_error_set(parser->error, KG_E_CONFIG, "%s:%u: %s", parser->path, line, text);
}

static void fail_memory(struct parser *parser) {
  if (parser->status != KG_OK) return;
  parser->status = kg_error_no_memory(parser->error, "to read '%s'", parser->path);
}

static void fail_key(struct parser *parser, unsigned line, const char *name, const char *reason) {
  fail(parser, line, "key '%s' in [%s]: %s", name, parser->section_name, reason);
}

/* What a value is not good for, or NULL. */
static const char *set_value(struct parser *parser, const struct kg_config_key *key, struct kg_error *why) {
  char *base = parser->section == KG_SECTION_KEYGUARD ? (char *)parser->config : (char *)parser->identity;
  const char *value = (const char *)parser->value.data;
  if (parser->value.len == 0) return "is empty";
  if (key->parse == NULL) return key->set(base + key->field, value);
  enum kg_status status = key->parse(base + key->field, value, why);
  if (status == KG_E_NO_MEMORY) return kg_config_no_memory;
  return status != KG_OK ? why->text : NULL;
}

/* The value of the key is complete. */
static void finish_key(struct parser *parser) {
  const struct kg_config_key *key = parser->key;
  parser->key = NULL;
  if (key == NULL || parser->status != KG_OK) return;
  struct kg_error why = {0};
  const char *reason = set_value(parser, key, &why);
  kg_buf_clear(&parser->value);
  if (key->parse != NULL) parser->identity->key_store_line = parser->key_line;
  if (reason == kg_config_no_memory)
    fail_memory(parser);
  else if (reason != NULL)
    fail_key(parser, parser->key_line, key->name, reason);
}

static void finish_section(struct parser *parser) {
  finish_key(parser);
  if (parser->identity != NULL && parser->identity->key_store == NULL)
    fail_key(parser, parser->identity->line, "key-store", "is missing");
  parser->section = KG_SECTION_NONE;
  parser->identity = NULL;
  parser->seen = 0;
}

static void begin_keyguard(struct parser *parser) {
  if (parser->keyguard_line)
    fail(parser, parser->line, "section [keyguard] is on line %u already", parser->keyguard_line);
  parser->section = KG_SECTION_KEYGUARD;
  parser->keyguard_line = parser->line;
}

/* Bindings and locks are files of the identity's name. */
static const struct kg_identity *find_file(const struct kg_config *config, const char *name) {
  for (size_t i = 0; i < config->identities_count; i++)
    if (kg_path_is_same_name(config->identities[i].name, name)) return &config->identities[i];
  return NULL;
}

static void begin_identity(struct parser *parser, const char *name) {
  const struct kg_identity *other = find_file(parser->config, name);
  size_t count = parser->config->identities_count;
  if (!kg_identity_name_is_valid(name))
    fail(
        parser, parser->line,
        "section [identity NAME]: the name must be 1 to %d of A-Z, a-z, 0-9, '.', '_' and '-', beginning with a letter "
        "or digit",
        KG_IDENTITY_NAME_MAX);
  if (!kg_path_is_file_name(name))
    fail(parser, parser->line, "section [identity %s]: no file can have this name here, and bindings are files", name);
  if (other != NULL)
    fail(parser, parser->line, "section [identity %s] is on line %u already", other->name, other->line);
  if (parser->status != KG_OK) return;
  struct kg_identity *identities;
  identities = realloc(parser->config->identities, (count + 1) * sizeof *identities);
  if (identities == NULL) {
    fail_memory(parser);
    return;
  }
  parser->config->identities = identities;
  parser->identity = &identities[count];
  memset(parser->identity, 0, sizeof *identities);
  parser->identity->line = parser->line;
  parser->identity->floor = KG_STRENGTH_KEYGUARD;
  parser->section = KG_SECTION_IDENTITY;
  parser->config->identities_count++;
  parser->identity->name = kg_strdup(name);
  if (parser->identity->name == NULL) fail_memory(parser);
}

static void begin_section(struct parser *parser, const char *head) {
  size_t length = strcspn(head, "]");
  const char *after = head + length + 1;
  finish_section(parser);
  if (parser->status != KG_OK) return;
  if (head[length] != ']' || length >= sizeof parser->section_name) {
    fail(parser, parser->line, "a section's head must be [keyguard] or [identity NAME]");
    return;
  }
  memcpy(parser->section_name, head, length);
  parser->section_name[length] = '\0';
  after += strspn(after, " \t\r\n");
  if (*after && strchr(";#", *after) == NULL)
    fail(parser, parser->line, "text after the head of section [%s]", parser->section_name);
  else if (strcmp(parser->section_name, "keyguard") == 0)
    begin_keyguard(parser);
  else if (strncmp(parser->section_name, "identity ", 9) == 0)
    begin_identity(parser, parser->section_name + 9);
  else
    fail(parser, parser->line, "unknown section [%s]; there are [keyguard] and [identity NAME]", parser->section_name);
}

/* " ;token=x": inih ends the value there, and without the piece the URI would name another token. */
static bool ends_in_a_piece(const char *line) {
  static const char name[] = "abcdefghijklmnopqrstuvwxyz-";
  const char *at = line;
  while ((at = strpbrk(at, " \t")) != NULL)
    if (*++at == ';') return at[1 + strspn(at + 1, name)] == '=' && at[1] != '=';
  return false;
}

/* What inih will do with this line, as far as we have to know. */
static void look_at_line(struct parser *parser, const char *line) {
  const char *start = line + strspn(line, " \t\r\n\f\v");
  parser->indented = start > line;
  if (parser->indented && *start == ';' && parser->key != NULL && parser->key->continues) {
    /* A piece of a URI begins so, too, and without ";token=..." the URI would name another token. */
    fail_key(
        parser, parser->line, parser->key->name,
        "an indented line that begins with ';' is neither taken for a piece of the value nor for a comment: put the "
        "';' at the end of the line above, or begin a comment with '#'");
    return;
  }
  if (!*start || strchr(";#", *start) != NULL) return;
  if (ends_in_a_piece(line)) {
    fail(parser, parser->line,
         "what begins with ';' after a blank looks like a piece of a URI, and would be a comment: take the blank out, "
         "or "
         "put another one after the ';'");
    return;
  }
  if (parser->indented && (parser->key == NULL || !parser->key->continues))
    fail(parser, parser->line,
         "an indented line may only continue the value of key-store, user-assigned-resource-id or allowed-hosts");
  else if (*line == '[')
    begin_section(parser, line + 1);
}

/* No value may have any but tabs, and who reads a message could take it for two lines. */
static bool has_control_character(struct kg_span line) {
  for (size_t i = 0; i < line.len; i++)
    if ((line.data[i] < ' ' && line.data[i] != '\t') || line.data[i] == 0x7f) return true;
  return false;
}

/* Without its end, which is LF, CR LF or the text's. */
static struct kg_span next_line(struct kg_span *rest) {
  const unsigned char *end = memchr(rest->data, '\n', rest->len);
  struct kg_span line = kg_span_of(rest->data, end != NULL ? (size_t)(end - rest->data) : rest->len);
  size_t taken = line.len + (end != NULL);
  rest->data += taken;
  rest->len -= taken;
  if (line.len && line.data[line.len - 1] == '\r') line.len--;
  return line;
}

_Static_assert(INI_INITIAL_ALLOC >= KG_CONFIG_LINE_MAX + 3 && INI_INITIAL_ALLOC == INI_MAX_LINE, "a line fits at once");

/* inih's fgets(). */
static char *read_line(char *out, int size, void *stream) {
  struct parser *parser = stream;
  (void)size; /* see above */
  if (parser->status != KG_OK || parser->rest.len == 0) return NULL;
  struct kg_span line = next_line(&parser->rest);
  parser->line++;
  if (has_control_character(line)) fail(parser, parser->line, "the line holds a control character");
  if (line.len > KG_CONFIG_LINE_MAX) fail(parser, parser->line, "the line is longer than %d bytes", KG_CONFIG_LINE_MAX);
  if (parser->status != KG_OK) return NULL;
  memcpy(out, line.data, line.len);
  memcpy(out + line.len, "\n", 2);
  look_at_line(parser, out);
  return parser->status != KG_OK ? NULL : out;
}

/* A stray line may be a piece of a PIN, so only what looks like a key is shown. */
static bool is_showable(const char *name) {
  return strlen(name) <= 40 && strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_") == strlen(name);
}

static void fail_unknown(struct parser *parser, const char *name) {
  bool is_keyguard = parser->section == KG_SECTION_KEYGUARD;
  const char *near = kg_config_key_suggest(parser->section, name);
  char reason[80] = "unknown";
  if (!is_showable(name)) {
    fail(parser, parser->line, "a line in [%s] does not begin with the name of a key", parser->section_name);
    return;
  }
  if (kg_config_key_find(is_keyguard ? KG_SECTION_IDENTITY : KG_SECTION_KEYGUARD, name) != NULL)
    snprintf(reason, sizeof reason, "belongs into %s", is_keyguard ? "[identity NAME]" : "[keyguard]");
  else if (near != NULL)
    snprintf(reason, sizeof reason, "unknown; did you mean '%s'?", near);
  fail_key(parser, parser->line, name, reason);
}

static void begin_key(struct parser *parser, const char *name) {
  finish_key(parser);
  if (parser->section == KG_SECTION_NONE) {
    fail(parser, parser->line, "a key stands before the first section");
    return;
  }
  const struct kg_config_key *key = kg_config_key_find(parser->section, name);
  if (key == NULL) {
    fail_unknown(parser, name);
    return;
  }
  unsigned bit = 1U << kg_config_key_index(parser->section, key);
  if (parser->seen & bit) fail_key(parser, parser->line, name, "is there twice");
  parser->seen |= bit;
  parser->key = key;
  parser->key_line = parser->line;
}

/* inih calls this for a key and again, with the same name, for each indented line under it. */
static int take_value(void *user, const char *section, const char *name, const char *value) {
  struct parser *parser = user;
  (void)section; /* known from the line itself */
  if (parser->status == KG_OK && !parser->indented) begin_key(parser, name);
  if (parser->status == KG_OK && kg_buf_append(&parser->value, kg_span_text(value)) != KG_OK) fail_memory(parser);
  return parser->status == KG_OK;
}

static void run(struct parser *parser) {
  static const unsigned char mark[] = {0xEF, 0xBB, 0xBF}; /* UTF-8's byte order mark, as editors on Windows write it */
  if (parser->rest.len >= sizeof mark && memcmp(parser->rest.data, mark, sizeof mark) == 0) {
    parser->rest.data += sizeof mark;
    parser->rest.len -= sizeof mark;
  }
  int bad_line = ini_parse_stream(read_line, parser, take_value, parser);
  if (bad_line < 0) fail_memory(parser);
  finish_section(parser); /* what is wrong above that line comes first */
  if (bad_line > 0) fail(parser, (unsigned)bad_line, "the line is neither a [section] nor key = value");
}

static void check_whole(struct parser *parser) {
  struct kg_config *config = parser->config;
  if (config->mounted_state && config->provision_on_demand)
    fail(parser, parser->keyguard_line, "provision-on-demand does not go with mounted-state: nothing is written there");
  for (size_t i = 0; i < config->identities_count; i++)
    config->identities[i].mounted_state = config->mounted_state;
}

static enum kg_status set_defaults(const char *path, struct kg_config *config) {
  config->path = kg_strdup(path);
  if (config->state_dir == NULL) config->state_dir = kg_path_state_dir();
  if (config->plugin == NULL) config->plugin = kg_strdup("imds");
  return config->path != NULL && config->state_dir != NULL && config->plugin != NULL ? KG_OK : KG_E_NO_MEMORY;
}

enum kg_status kg_config_parse(const char *path, struct kg_span text, struct kg_config **out, struct kg_error *error) {
  struct parser parser;
  memset(&parser, 0, sizeof parser);
  parser.path = path;
  parser.rest = text;
  parser.error = error;
  *out = NULL;
  parser.config = calloc(1, sizeof *parser.config);
  if (parser.config == NULL) return kg_error_no_memory(error, "to read '%s'", path);
  parser.config->tls_max = 12;
  parser.config->deadline_s = 120;
  run(&parser);
  if (parser.status == KG_OK) check_whole(&parser);
  if (parser.status == KG_OK && set_defaults(path, parser.config) != KG_OK) fail_memory(&parser);
  kg_buf_clear(&parser.value);
  if (parser.status != KG_OK)
    kg_config_free(&parser.config);
  else
    *out = parser.config;
  return parser.status;
}
