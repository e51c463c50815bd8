/* The listeners, and the way of a request through them. */
#ifndef AZURE_SERVER_H
#define AZURE_SERVER_H

#include "emulator.h"

/* First all are opened, then all are started: every service may name the origin of every other. kind, mode and emulator
 * are set; port 0: a free one. False with a message on stderr. */
bool az_listener_open(struct az_listener *listener, int port);
bool az_listener_start(struct az_listener *listener);
void az_listener_stop(struct az_listener *listener); /* also one that never started */

#endif
