/* Text from elsewhere on its way to a terminal or a log. */
#ifndef KG_CORE_BASE_TEXT_H
#define KG_CORE_BASE_TEXT_H

/* Puts '?' in place of what could forge a line or drive a terminal: control characters, bidirectional overrides and
 * bytes that are not UTF-8. In place; the length stays. */
void kg_text_clean(char *text);

#endif
