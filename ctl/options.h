/* Command line options without GNU getopt: a table of names, each with the place its value goes to. Options and
 * operands may be mixed; "--" ends the options. */
#ifndef KG_CTL_OPTIONS_H
#define KG_CTL_OPTIONS_H

#include "core/base/error.h"

#include <stdbool.h>
#include <stdio.h>

enum kg_option_kind {
  KG_OPTION_FLAG,  /* target: bool */
  KG_OPTION_COUNT, /* target: unsigned, one more each time */
  KG_OPTION_TEXT   /* target: const char *, which must be NULL before; borrowed from argv */
};

struct kg_option { /* a table ends with one whose name is NULL */
  const char *name;
  char letter; /* 0: none */
  enum kg_option_kind kind;
  void *target;
  const char *argument; /* the value's name in the help; NULL for flags */
  const char *help;
};

struct kg_operands {
  char **items; /* argv itself, with the options taken out */
  int count;
  int before_separator; /* how many of them stood before a "--"; all where there was none */
  bool separator;
};

/* With `stop_at_operand` everything from the first operand on is an operand (a subcommand and what is its own).
 * KG_E_USAGE names the option: unknown, without its value, with one it does not take, or given twice. */
KG_MUST_USE enum kg_status kg_options_parse(const struct kg_option *options, bool stop_at_operand, int argc,
                                            char **argv, struct kg_operands *out, struct kg_error *error);
void kg_options_print(FILE *out, const struct kg_option *options);

/* Whether `name` ("--json") is among the options, before they are looked at: how to complain about them. */
bool kg_options_ask_for(const char *name, int argc, char **argv);

#endif
